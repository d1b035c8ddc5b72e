"""The paths over HTTP: the same answers from a server, in JSON, in Arrow and to Slate's client."""

import json
from contextlib import ExitStack
from datetime import datetime
from typing import Any

import pyarrow as pa
import urllib3

from slate.deployment import Deployment
from slate.online import Answer, RemoteClient
from slate.online.http import bodies
from slate.online.http.application import Application
from slate.online.http.settings import Settings
from tests.online.http.in_process import serving
from tests.online.http.same_answers import (
    assert_same_json,
    assert_same_stream,
    assert_same_values,
)

TIMEOUT = 5.0


class OverHttp:
    """A server in a thread of this process, which reads all from the store.

    Args:
        deployment: whose features it serves.
    """

    def __init__(self, deployment: Deployment) -> None:
        self._open = ExitStack()
        settings = Settings(timeout=TIMEOUT, refresh=0, near=False)
        self._address = self._open.enter_context(serving(Application(deployment, None, settings)))
        self._client = RemoteClient.connect(self._address, timeout=TIMEOUT)
        self._open.enter_context(self._client)
        self._pool = self._open.enter_context(urllib3.PoolManager(timeout=TIMEOUT, retries=False))

    def require_same(self, wanted: Answer, given: dict[str, Any]) -> None:
        """See that the server gives an answer too, whichever way it is asked.

        Args:
            wanted: the answer of a client in this process.
            given: the keys and inputs that it was asked with.
        """
        assert_same_values(self._client.get(wanted.service, wanted.at, **given), wanted)
        request = {"at": wanted.at, **given}
        body = json.dumps(request, default=datetime.isoformat).encode()
        assert_same_json(json.loads(self._ask(wanted.service, bodies.JSON, body)), wanted)
        stream = pa.BufferOutputStream()
        table = pa.table({name: [value] for name, value in given.items()})
        table = table.replace_schema_metadata({"at": wanted.at.isoformat()})
        with pa.ipc.new_stream(stream, table.schema) as writer:
            writer.write_table(table)
        body = stream.getvalue().to_pybytes()
        assert_same_stream(self._ask(wanted.service, bodies.ARROW, body), wanted)

    def _ask(self, service: str, kind: str, body: bytes) -> bytes:
        path = f"{self._address}/v1/services/{service}?states=rows"
        headers = {"content-type": kind, "accept": kind}
        response = self._pool.request("POST", path, body=body, headers=headers)
        assert response.status == 200, response.data
        return response.data

    def close(self) -> None:
        """End it."""
        self._open.close()
