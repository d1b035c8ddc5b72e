"""From the training set of the flights to a model that is served.

In this folder, after `slate run`: `python model.py`, or cell by cell in an editor that knows them.
"""

# %%
import numpy as np
import pandas as pd
from sklearn.ensemble import HistGradientBoostingClassifier
from sklearn.metrics import roc_auc_score

from slate.deployment import load
from slate.online import FeatureClient

SERVICE = "departure_delay"
client = FeatureClient.connect(timeout=10)  # seconds, as a script can wait

# %% [markdown]
# The training set: a row for each flight of the schedule, with every feature as of an hour before.
# A cancelled flight has no label.

# %%
rows = pd.read_parquet(load().training / "departure_delay_v1" / "current")
rows = rows[rows["late"].notna()]
print(f"{len(rows):,} flights, {rows['late'].mean():.0%} of them late")

# %% [markdown]
# What the model is asked for: the flights of one moment, as they come with a request.

# %%
request = {
    "origin": ["JFK", "EWR", "LGA"],
    "carrier": ["B6", "UA", "DL"],
    "tailnum": rows["tailnum"].dropna().tail(3).to_list(),
    "scheduled_at": load().now() + pd.Timedelta("1h"),
    "distance": [2_586.0, 719.0, 1_020.0],
}
answer = client.get(SERVICE, **request)
assert not answer.errors, answer.errors
names = list(answer.matrix_names)

# %% [markdown]
# It learns from what came first, and is judged by what came later.

# %%
split = rows["asked_at"].quantile(0.8)
first, later = rows[rows["asked_at"] < split], rows[rows["asked_at"] >= split]
model = HistGradientBoostingClassifier(random_state=0)
model.fit(first[names].to_numpy(np.float32), first["late"].astype(bool))
scores = model.predict_proba(later[names].to_numpy(np.float32))[:, 1]
print(f"area under the ROC curve: {roc_auc_score(later['late'].astype(bool), scores):.3f}")

# %% [markdown]
# Served: the matrix has the columns that the model was fitted with.

# %%
print(model.predict_proba(answer.matrix())[:, 1].round(2))
client.close()
