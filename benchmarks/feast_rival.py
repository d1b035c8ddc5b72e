"""Feast on the numbers of Slate's answer: run by ``benchmarks.engine`` in another environment.

It keeps the matrix of a feed as one feature view by candidate in the same store, and answers each
line of its standard input, a number of candidates, with the seconds that a request took: the online
features, taken out as a matrix. Nothing of it is Slate's, and nothing that it needs is installed
with Slate.
"""

import json
import sys
import time
from datetime import UTC, datetime
from importlib import import_module
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd


def main() -> None:
    """The command line: a folder, in which ``matrix.npy`` lies, and the store's socket."""
    feast: Any = import_module("feast")
    float32 = import_module("feast.types").Float32

    folder, socket = Path(sys.argv[1]), sys.argv[2]
    matrix = np.load(folder / "matrix.npy")
    names = [f"f{place}" for place in range(matrix.shape[1])]
    shows = [f"show_{place:07d}" for place in range(len(matrix))]
    frame = pd.DataFrame(matrix, columns=names)
    frame = frame.assign(show_id=shows, event_timestamp=datetime.now(UTC))
    frame.to_parquet(folder / "matrix.parquet")
    online = {"type": "redis", "connection_string": f"localhost:0,unix_socket_path={socket}"}
    config = feast.RepoConfig(
        project="rival",
        provider="local",
        registry=str(folder / "registry.db"),
        online_store={**online, "skip_dedup": True},
        offline_store={"type": "file"},
        entity_key_serialization_version=3,
    )
    store = feast.FeatureStore(config=config, repo_path=folder)
    show = feast.Entity(name="show", join_keys=["show_id"], value_type=feast.ValueType.STRING)
    source = feast.FileSource(
        path=str(folder / "matrix.parquet"), timestamp_field="event_timestamp"
    )
    view = feast.FeatureView(
        name="feed",
        entities=[show],
        schema=[feast.Field(name=name, dtype=float32) for name in names],
        source=source,
    )
    store.apply([show, view])
    store.write_to_online_store("feed", frame)
    asked = [f"feed:{name}" for name in names]

    def request(rows: int) -> Any:
        given: list[dict[str, Any]] = [{"show_id": one} for one in shows[:rows]]
        found = store.get_online_features(features=asked, entity_rows=given).to_dict()
        return np.array([found[name] for name in names], np.float32).T

    np.save(folder / "answer.npy", request(len(shows)))
    print(json.dumps("ready"), flush=True)
    for line in sys.stdin:
        begun = time.perf_counter()
        request(int(line))
        print(json.dumps(time.perf_counter() - begun), flush=True)


if __name__ == "__main__":
    main()
