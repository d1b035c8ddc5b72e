"""From the shop's clicks to a model that is served.

In this folder, after `slate run`: `python model.py`, or cell by cell in an editor that knows them.
"""

# %%
import numpy as np
import pandas as pd
from file import CLICKS
from sklearn.ensemble import HistGradientBoostingClassifier
from sklearn.metrics import roc_auc_score

import slate
from slate.deployment import load
from slate.online import FeatureClient

SERVICE = "purchase_intent"
client = FeatureClient.connect(timeout=10)  # seconds, as a script can wait

# %% [markdown]
# The labels are in no file: a click is a good one if its visit has a purchase after it.

# %%
clicks = pd.read_csv(CLICKS, parse_dates=["timestamp"])
clicks = clicks[clicks["timestamp"] < load().clock.replace(tzinfo=None)]
purchases = clicks[clicks["event"] == "purchase"].groupby("session_id")["timestamp"].max()
clicks["buys"] = clicks["session_id"].map(purchases) > clicks["timestamp"]

# %% [markdown]
# The features as of each click: what serving would have answered then. What happened later is not
# in them, and neither is the click itself, but for what comes with the request.

# %%
asked = ["user_id", "session_id", "event", "timestamp"]
rows = slate.history(SERVICE, clicks[[*asked, "buys"]])
names = list(client.get(SERVICE, user_id=[], session_id=[], event=[]).matrix_names)

# %% [markdown]
# A model learns from what came first, and is judged by what came later.

# %%
split = rows["timestamp"].quantile(0.8)
first, later = rows[rows["timestamp"] < split], rows[rows["timestamp"] >= split]
model = HistGradientBoostingClassifier(random_state=0)
model.fit(first[names].to_numpy(np.float32), first["buys"])
scores = model.predict_proba(later[names].to_numpy(np.float32))[:, 1]
print(f"{len(first):,} clicks to learn from, {len(later):,} to judge by")
print(f"area under the ROC curve: {roc_auc_score(later['buys'], scores):.3f}")

# %% [markdown]
# Served: ten visitors go to their carts at once. The matrix has the columns that the model was
# fitted with.

# %%
visits = clicks.drop_duplicates("user_id", keep="last").tail(10)[["user_id", "session_id"]]
moment = clicks["timestamp"].max().ceil("h")
answer = client.get(SERVICE, at=moment, **visits.to_dict("list"), event="cart")
assert not answer.errors, answer.errors
print(model.predict_proba(answer.matrix())[:, 1].round(2))

# %% [markdown]
# And it is what the history says of that moment.

# %%
same = slate.history(SERVICE, visits.assign(event="cart", timestamp=moment))
np.testing.assert_allclose(answer.matrix(), same[names].to_numpy(np.float32), rtol=1e-6)
client.close()
