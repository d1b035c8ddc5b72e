from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
from redis.connection import SSLConnection

from slate.deployment import Deployment
from slate.errors import ConfigurationError
from slate.online import AsyncFeatureClient, EventWriter, FeatureClient, Publisher
from slate.online.store.addresses import (
    OPTIONS,
    ClusterAddress,
    SentinelAddress,
    options,
    parsed,
    shown,
)
from slate.online.store.redis_client import connect


@pytest.mark.parametrize(
    ("address", "wanted"),
    [
        ("redis://", {}),
        ("redis://host", {"host": "host"}),
        ("redis://me:p%40ss@host:1/2", {"username": "me", "password": "p@ss", "host": "host",
         "port": 1, "db": 2}),
        ("redis://[::1]:6380", {"host": "::1", "port": 6380}),
        ("rediss://host?ssl_cert_reqs=none", {"host": "host", "ssl_cert_reqs": "none"}),
        ("unix:///a%20b/c.sock?db=3", {"path": "/a b/c.sock", "db": 3}),
        ("redis://host?max_connections=9", {"host": "host", "max_connections": 9}),
    ],
)  # fmt: skip
def test_an_address_says(address: str, wanted: dict[str, Any]) -> None:
    found = options(address)
    found.pop("connection_class", None)
    assert found == wanted


def test_the_address_of_a_cluster_names_some_of_its_nodes() -> None:
    found = parsed("rediss+cluster://me:p%40ss@a:1,[::1],c:3?max_connections=4")
    assert isinstance(found, ClusterAddress)
    assert found.nodes == (("a", 1), ("::1", 6379), ("c", 3))
    assert found.options.pop("connection_class") is SSLConnection
    assert found.options == {"username": "me", "password": "p@ss", "max_connections": 4}
    assert parsed("redis://host") == options("redis://host")


def test_the_address_of_a_primary_names_sentinels() -> None:
    found = parsed(
        "rediss+sentinel://me:p%40ss@a:1,[::1]/my%20main/2?sentinel_username=asking"
        "&sentinel_password=s%26t&ssl_ca_certs=/ca.pem&max_connections=4"
    )
    assert isinstance(found, SentinelAddress)
    assert found.sentinels == (("a", 1), ("::1", 26_379))
    assert found.service == "my main"
    tls = {"connection_class": SSLConnection, "ssl_ca_certs": "/ca.pem"}
    of_servers = {"username": "me", "password": "p@ss", "db": 2, "max_connections": 4}
    assert found.options == {**tls, **of_servers}
    assert found.sentinel_options == {**tls, "username": "asking", "password": "s&t"}
    plain = parsed("redis+sentinel://a/main")
    assert isinstance(plain, SentinelAddress)
    assert (plain.options, plain.sentinel_options) == ({}, {})


WHERE = r"the online store's address .* \(redis in slate.toml, or SLATE_REDIS\): "


@pytest.mark.parametrize(
    ("address", "message"),
    [
        ("redis+sentinel://secret@a,b", r"it names no service: write redis\+sentinel://.user:pass"),
        ("redis+sentinel://me:12/cret@a,b/main", "it names no service: write"),
        ("redis+sentinel://secret@a,/main", "it names a node without a host: write"),
        ("redis+sentinel://secret@a/main/x", "what follows the service is not a database's number"),
        ("redis+sentinel://secret@a/main/1?db=1", "what follows the service is not a database's"),
        ("redis+sentinel://a/main?sentinel_pasword=secret", "it may not set 'sentinel_pasword'"),
        ("redis://a?sentinel_password=secret", "it may not set 'sentinel_password': did you mean"),
        ("redis+cluster://secret@a/3", "a cluster has one database: name none"),
        ("redis+cluster://secret@a?db=0", "a cluster has one database: name none"),
        ("redis+cluster://a,,b", r"it names a node without a host: write redis\+cluster://.user:"),
        ("redis+cluster://me:se/cret@a", "its host or port cannot be read"),
        ("redis+cluster://secret@a,b:x", "its host or port cannot be read"),
        ("redis+cluster://a,b?protocol=3", "it may not set 'protocol'"),
        ("http://me:secret@host", r"write it as one of: redis://.*; rediss://.*; unix:///path"),
        ("host:6379", "write it as one of: redis://"),
        ("secret", "write it as one of: redis://"),
        ("redis://host:port", "its host or port cannot be read"),
        ("redis://host:99999", "its host or port cannot be read"),
        ("redis://host:0", "its host or port cannot be read"),
        ("redis://:secret", "its host or port cannot be read"),
        ("redis://me:se/cret@host", "its host or port cannot be read .of a password write /"),
        ("redis://me:sec#ret@host:1", "its host or port cannot be read .of a password write /"),
        ("redis://[::1", "its host or port cannot be read"),
        ("redis://host/live", "what follows the host is not a database's number, as in /0"),
        ("redis://host?decode_responses=True", "it may not set 'decode_responses': known: client"),
        ("redis://host?socket_timeout=3", "it may not set 'socket_timeout': known:"),
        ("redis://host?protocol=3", "it may not set 'protocol': known:"),
        ("redis://host?pasword=secret", "it may not set 'pasword': did you mean 'password'?"),
        ("redis://host?db=live", "db='live' is not a whole number"),
        ("redis://host?max_connections=0", "max_connections=0 lets nobody in"),
        ("unix://", "it names no socket: write unix:///path/of/the.socket"),
    ],
)
def test_what_is_not_an_address_is_refused_without_its_password(
    deployment: Deployment, address: str, message: str
) -> None:
    there = replace(deployment, redis=address)
    for attempt in (
        lambda: connect(address),
        lambda: FeatureClient.connect(there),
        lambda: AsyncFeatureClient.connect(there),
        lambda: Publisher.connect(there),
    ):
        with pytest.raises(ConfigurationError, match=WHERE + message) as wrong:
            attempt()
        assert "secret" not in str(wrong.value)
        assert "cret" not in str(wrong.value)


def test_an_address_is_shown_without_its_password() -> None:
    assert shown("redis://me:secret@host:6379/1?password=secret") == "redis://host:6379/1"
    assert shown("unix:///a/b.sock?password=secret") == "unix:///a/b.sock"
    assert shown("redis://:secret") == "***"
    assert shown("redis+cluster://me:secret@a,b:1?password=secret") == "redis+cluster://a,b:1"
    sentinels = "redis+sentinel://me:secret@a,b:1/main?sentinel_password=secret"
    assert shown(sentinels) == "redis+sentinel://a,b:1/main"


def test_the_options_are_of_redis(deployment: Deployment, tmp_path: Path) -> None:
    values = {"db": "1", "max_connections": "2", "ssl_check_hostname": "no"}
    told = "&".join(f"{name}={values.get(name, 'x')}" for name in OPTIONS)
    bikes = replace(deployment, name="bikes", definitions="tests.deployments.bikes.definitions")
    EventWriter.connect(replace(bikes, redis=f"rediss://host?{told}"), "move").close()
