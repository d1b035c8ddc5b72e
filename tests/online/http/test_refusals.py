"""What a server refuses, and in which words."""

import gzip
import json
import random
import socket
import time
from typing import Any
from urllib.parse import urlsplit

import pyarrow as pa
import pytest

from slate.online.http import bodies
from tests.online.http.conftest import Served

SERVICE = "/v1/services/play_ranking"
ASKED = {"player_id": 1, "game_id": "go"}


def arrow(table: pa.Table, **options: Any) -> bytes:
    stream = pa.BufferOutputStream()
    written = pa.ipc.IpcWriteOptions(**options)
    with pa.ipc.new_stream(stream, table.schema, options=written) as writer:
        writer.write_table(table)
    body: bytes = stream.getvalue().to_pybytes()
    return body


def nulls(*lengths: int) -> bytes:
    """A table of nulls in batches of any length, which take up nothing."""
    schema = pa.schema({"game_id": pa.null()})
    stream = pa.BufferOutputStream()
    written = pa.ipc.IpcWriteOptions(allow_64bit=True)
    with pa.ipc.new_stream(stream, schema, options=written) as writer:
        for length in lengths:
            column = pa.Array.from_buffers(pa.null(), length, [None])
            writer.write_batch(pa.record_batch([column], schema=schema))
    body: bytes = stream.getvalue().to_pybytes()
    return body


@pytest.mark.parametrize(
    ("body", "message"),
    [
        (b"", "the body is not JSON (Expecting value"),
        (b"{", "the body is not JSON ("),
        (b"\xff", "the body is not JSON ("),
        (b"[" * 100_000, "the body is not JSON ("),
        (b'{"player_id": ' + b"9" * 5_000 + b"}", "the body is not JSON ("),
        (b"[]", '[] is not an object: send one such as {"player_id": ...}'),
        (b"null", "None is not an object"),
        (b'{"player_id": 1}', "play_ranking needs game_id=..."),
        (b'{"player_id": 1, "gam_id": 1}', "play_ranking has no 'gam_id': did you mean 'game_id'"),
        (b'{"player_id": {}, "game_id": ""}', "play_ranking: player_id is a dict: give one"),
        (b'{"player_id": [[1]], "game_id": ""}', "player_id is an int, not the list [1]"),
        (b'{"at": 5, "player_id": 1, "game_id": ""}', "at is 5, and has to be a time in ISO 8601"),
        (b'{"at": "noon", "player_id": 1, "game_id": ""}', "at is 'noon', and has to be a time"),
        (b'{"requests": [{}, 1]}', "requests[1]: 1 is not an object"),
        (b'{"requests": [{}]}', "requests[0]: play_ranking needs player_id=..."),
        (b'{"requests": [], "at": null}', "the body has 'requests' and 'at'"),
    ],
)
def test_a_body_that_is_wrong(served: Served, body: bytes, message: str) -> None:
    response = served.ask(SERVICE, body, content_type=bodies.JSON)
    assert response.status == 400
    assert message in response.error


@pytest.mark.parametrize(
    ("body", "message"),
    [
        (b"", "the body is no Arrow stream that can be read"),
        (b"{}" * 100, "the body is no Arrow stream that can be read"),
        (arrow(pa.table({"game_id": [b"go"]})), "'game_id' is of Arrow's type binary: send texts"),
        (
            arrow(pa.table({"game_id": [["go"], ["go"]]})),
            "a table of 2 rows has a column of lists",
        ),
        (arrow(pa.table({"game_id": ["go"] * 99}), compression="zstd"), "or packed buffers"),
        (arrow(pa.table({"game_id": pa.array(["go"]).dictionary_encode()})), "with dictionaries"),
        (arrow(pa.table({"game_id": pa.nulls(10**6)})), "1,000,000 rows in one request"),
        (arrow(pa.table({"game_id": [["go"] * 3_001]})), "3,001 rows in one request, and 3,000"),
        (nulls(2**62, 2**62, 2**62, 2**62), "18,446,744,073,709,551,616 rows in one request"),
        (
            arrow(pa.Table.from_arrays([pa.array(["go"])] * 2, names=["game_id"] * 2)),
            "there are two columns 'game_id': send one of each name",
        ),
        (arrow(pa.table({"game_id": ["go"], "player_id": [None]})), "player_id is null"),
        (arrow(pa.table({"at": ["noon"]})), "the instant asked about is no column: give it as"),
        (
            arrow(pa.table(ASKED | {"game_id": ["go"], "player_id": [1]}, metadata={"at": "noon"})),
            "at is 'noon', and has to be a time",
        ),
    ],
)
def test_an_arrow_stream_that_is_wrong(served: Served, body: bytes, message: str) -> None:
    response = served.ask(SERVICE, body, content_type=bodies.ARROW)
    assert response.status == 400
    assert message in response.error


def test_damaged_streams_are_refused_or_answered(served: Served) -> None:
    """Whatever the damage: never by the words of a library alone, and the server lives on."""
    good = arrow(pa.table({"player_id": [1, 2, 3], "game_id": ["go", "chess", "tag"]}))
    choose = random.Random(5)
    for _ in range(150):
        body = bytearray(good)
        for _ in range(choose.randint(1, 4)):
            body[choose.randrange(len(body))] = choose.randrange(256)
        response = served.ask(SERVICE, bytes(body), content_type=bodies.ARROW)
        assert response.status in (200, 400)
        if response.status == 400:
            assert response.error


@pytest.mark.parametrize(
    ("path", "given", "status", "message"),
    [
        ("/", {}, 404, "there is nothing at /: POST /v1/services/NAME asks for features"),
        ("/v1/services/", {}, 404, "there is nothing at /v1/services/"),
        ("/v1/services/play_rank", {"body": ASKED}, 404, "did you mean 'play_ranking'?"),
        (SERVICE, {}, 405, "/v1/services/play_ranking does not answer GET: send POST"),
        ("/metrics", {"body": {}}, 405, "/metrics does not answer POST: send GET"),
        (SERVICE, {"body": b"{}"}, 415, "the body is said to be nothing: send application/json or"),
        (SERVICE, {"body": b"{}", "content_type": "text/csv"}, 415, "is said to be text/csv"),
        (SERVICE, {"body": ASKED, "accept": "text/html"}, 406, "text/html cannot be answered"),
        (SERVICE, {"body": ASKED, "content_encoding": "br"}, 415, "is packed as br: use zstd or"),
        (SERVICE, {"body": ASKED, "content_encoding": "gzip"}, 400, "the body is not gzip"),
        (SERVICE, {"body": {"requests": []}, "accept": bodies.ARROW}, 406, "is answered in JSON"),
        (SERVICE, {"body": {"requests": [{}] * 1_001}}, 400, "1,001 requests in one body"),
        (
            SERVICE,
            {"body": {"requests": [ASKED | {"game_id": ["go"] * 1_600}] * 2}},
            400,
            "3,200 rows in one request, and 3,000 may be: ask for fewer at once, or start `slate",
        ),
        (
            SERVICE,
            {"body": {"player_id": 1, "game_id": "x" * 1_025}},
            400,
            "play_ranking: game_id has 1,025 bytes, and 1,024 may be",
        ),
    ],
)
def test_what_cannot_be_answered(
    served: Served, path: str, given: dict[str, Any], status: int, message: str
) -> None:
    response = served.ask(path, **given)
    assert response.status == status
    assert response.headers["content-type"] == bodies.JSON
    assert message in response.error


@pytest.mark.parametrize(
    "body",
    [
        b'{"requests": [' + b"{}," * 300_000 + b"{}]}",
        b"[" + b"[]," * 300_000 + b"[]]",
        b'{"time": ["2026-05-01"' + b',"2026-05-01"' * 70_000 + b"]}",
        json.dumps({"x" * 900_000: 1}).encode(),
        json.dumps({"requests": [], "x" * 900_000: 1}).encode(),
    ],
    ids=["requests", "lists", "times", "name", "names"],
)
def test_what_is_too_much_costs_little(served: Served, body: bytes) -> None:
    began = time.monotonic()
    response = served.ask("/v1/services/visit", body, content_type=bodies.JSON)
    assert response.status == 400
    assert len(response.body) < 500
    # Nobody else is answered meanwhile.
    assert time.monotonic() - began < 10


def test_a_head_that_does_not_end_is_refused(served: Served) -> None:
    where = urlsplit(served.address)
    for begin in (b"GET /", b"GET /healthz HTTP/1.1\r\nX-Long: "):
        with socket.create_connection((where.hostname, where.port), 20) as connection:
            connection.sendall(begin + b"x" * 70_000)
            assert b"The head of the request has more than 65,536 bytes" in connection.recv(4096)


def test_an_offer_of_another_protocol_is_passed_over(served: Served) -> None:
    """Java's client of HTTP/2 makes it with each request that has a body."""
    offer = {"connection": "Upgrade, HTTP2-Settings", "upgrade": "h2c", "http2_settings": "AAEA"}
    for _ in range(2):
        assert served.ask(SERVICE, ASKED, **offer).status == 200
    assert served.ask("/healthz", connection="Upgrade", upgrade="websocket").status == 200
    assert served.ask(SERVICE, ASKED).status == 200


def test_what_a_client_refuses_it_does_not_get(served: Served) -> None:
    refused = served.ask(SERVICE, ASKED, accept=f"{bodies.JSON};q=0, */*;q=0.0")
    assert refused.status == 406
    wanted = served.ask(SERVICE, ASKED, accept=f"{bodies.ARROW};q=0, {bodies.JSON}; q=0.5")
    assert wanted.headers["content-type"] == bodies.JSON
    many = ASKED | {"game_id": ["go"] * 300}
    plain = served.ask(SERVICE, many, accept_encoding="gzip;q=0, zstd; q=0.000")
    assert "content-encoding" not in plain.headers
    packed = gzip.compress(json.dumps(ASKED).encode())
    response = served.ask(SERVICE, packed, content_type=bodies.JSON, content_encoding="GZIP")
    assert response.status == 200


def test_of_what_is_got_the_head_alone_may_be_asked_for(served: Served) -> None:
    for path in ("/healthz", "/metrics", "/openapi.json"):
        head = served.ask(path, method="HEAD")
        assert (head.status, head.body) == (200, b"")


def test_a_body_has_so_many_bytes_at_most(served: Served) -> None:
    large = json.dumps(ASKED | {"device": "x" * 1_000_000}).encode()
    told = "the body has more than 1,000,000 bytes: ask for fewer rows at once, or start"
    response = served.ask(SERVICE, large, content_type=bodies.JSON)
    assert (response.status, response.error[: len(told)]) == (413, told)
    # Also of one that becomes so large, and of one that does not say how large it is.
    bomb = gzip.compress(b" " * 100_000_000)
    assert len(bomb) < 1_000_000
    response = served.ask(SERVICE, bomb, content_type=bodies.JSON, content_encoding="gzip")
    assert (response.status, response.error[: len(told)]) == (413, told)
    where = urlsplit(served.address)
    with socket.create_connection((where.hostname, where.port), 20) as connection:
        connection.sendall(
            b"POST /v1/services/play_ranking HTTP/1.1\r\nHost: here\r\n"
            b"Content-Type: application/json\r\nTransfer-Encoding: chunked\r\n\r\n"
        )
        for _ in range(11):
            connection.sendall(b"186A0\r\n" + b" " * 100_000 + b"\r\n")
        assert b" 413 " in connection.recv(100)
    assert served.ask("/healthz").status == 200


def test_what_there_is(served: Served) -> None:
    services = {one["name"]: one for one in served.ask("/v1/services").json["services"]}
    assert list(services) == ["play_ranking", "studio_page", "visit", "game_card"]
    ranking = services["play_ranking"]
    assert ranking["version"] == 3
    assert ranking["keys"] == {"player_id": "int", "game_id": "str"}
    assert ranking["inputs"]["device"] == {
        "type": "str", "required": False, "default": "pc", "one_of": ["pc", "phone"]
    }  # fmt: skip
    assert services["visit"]["inputs"]["time"] == {"type": "datetime", "required": True}
    assert services["visit"]["features"]["lists.notes"] == "list[str]"
    assert len(ranking["features"]) == 53


def test_the_interface_is_described(served: Served) -> None:
    found = served.ask("/openapi.json").json
    assert found["openapi"] == "3.1.0"
    assert set(found["paths"]) >= {SERVICE, "/v1/services/visit", "/readyz", "/metrics"}
    schemas = found["components"]["schemas"]
    request = schemas["visit_request"]
    assert request["required"] == ["time"]
    time = {"type": "string", "format": "date-time"}
    assert request["properties"]["time"]["oneOf"] == [time, {"type": "array", "items": time}]
    values = schemas["visit_answer"]["properties"]["values"]["properties"]
    assert values["game_catalog.players"]["items"] == {"type": "integer", "format": "int64"}
    assert values["lists.notes"]["items"]["items"] == {"type": ["string", "null"]}
    # All that is referred to is there.
    named = set(json.dumps(found).split("#/components/schemas/")[1:])
    assert {name.partition('"')[0] for name in named} <= schemas.keys()


@pytest.mark.parametrize("said", ["", "soon", "0", "-1", "nan", "inf"])
def test_a_deadline_that_is_no_time(served: Served, said: str) -> None:
    response = served.ask(SERVICE, json.dumps(ASKED).encode(), content_type=bodies.JSON,
                          slate_timeout=said)  # fmt: skip
    assert response.status == 400
    assert "the header Slate-Timeout is" in response.error
