"""What the server tells of its services: a list of them, and the interface as OpenAPI has it."""

from collections.abc import Mapping, Sequence
from typing import Any

from slate.features import Input
from slate.kinds import Kind
from slate.limits import KEY_BYTES, MOST_RANKED_ROWS, RANKED_ROWS, TEXT_BYTES
from slate.online.http.bodies import ARROW, JSON
from slate.online.serving.requests import REQUEST_ID_BYTES
from slate.plans import Plan
from slate.rankings import Experiment, Ranked
from slate.states import WORDS, State
from slate.value_types import ValueType

Schema = dict[str, Any]

_SCHEMAS: dict[Kind, Schema] = {
    Kind.STRING: {"type": "string"},
    Kind.INTEGER: {"type": "integer", "format": "int64"},
    Kind.FLOAT: {"type": "number", "format": "double"},
    Kind.BOOLEAN: {"type": "boolean"},
    Kind.TIME: {"type": "string", "format": "date-time"},
}
_ERROR = {
    "description": "What is wrong, where, and what to do.",
    "content": {JSON: {"schema": {"$ref": "#/components/schemas/Error"}}},
}
_REQUEST_ID = {
    "name": "X-Request-Id",
    "in": "header",
    "schema": {"type": "string", "maxLength": REQUEST_ID_BYTES},
    "description": "what the request is known by, as in the log of answers",
}
_ERRORS = ("400", "401", "403", "404", "406", "413", "415", "503")


def services(plans: Sequence[Plan]) -> dict[str, Any]:
    """The services: names, versions, keys, inputs, and features with their types."""
    return {"services": [_service(plan) for plan in plans]}


def _service(plan: Plan) -> dict[str, Any]:
    service = plan.service
    return {
        "name": service.name,
        "version": service.version,
        "description": service.description,
        "owner": service.owner,
        "keys": {name: kind.value for name, kind in _keys(plan).items()},
        "inputs": {
            feature.column: {
                "type": feature.kind.value,
                "required": feature.required,
                **({} if feature.required else {"default": feature.default}),
                **_one_of(feature),
            }
            for feature in plan.inputs
        },
        "features": {feature.name: feature.value_type.name for feature in service.features},
    }


def _keys(plan: Plan) -> dict[str, Kind]:
    return {name: kind for entity in plan.service.keys for name, kind in entity.keys.items()}


def _one_of(feature: Input) -> dict[str, Any]:
    one_of = feature.constraints.one_of
    return {} if one_of is None else {"one_of": list(one_of)}


def ranking(one: Ranked) -> dict[str, Any]:
    """A ranking: the service that it is of; of an experiment its arms, with theirs."""
    if not isinstance(one, Experiment):
        return {"service": one.service}
    arms = {arm.name: {"service": arm.ranking.service, "share": arm.share} for arm in one.arms}
    experiment = {"name": one.name, "by": one.by, "arms": arms}
    return {"service": one.ranking.service, "experiment": experiment}


def openapi(
    title: str, plans: Mapping[str, Plan], ranked: Mapping[str, Sequence[Plan]] | None = None
) -> dict[str, Any]:
    """The interface, with the names and types of the services.

    Args:
        title: the deployment's name.
        plans: of the services, by the names that they are asked by.
        ranked: of the services that rankings are of, by the rankings' names; of an experiment
            those of all arms.
    """
    schemas: dict[str, Schema] = {
        "Error": _object({"error": {"type": "string"}}),
        "State": _object(
            {
                **{word: {"type": "integer"} for word in WORDS},
                "as_of": _nullable(_SCHEMAS[Kind.TIME]),
                "lag": _nullable(_SCHEMAS[Kind.FLOAT]),
                "behind": _SCHEMAS[Kind.FLOAT],
                "generation": _nullable({"type": "string"}),
                "state": {"type": "array", "items": {"enum": [state.value for state in State]}},
                "age": {"type": "array", "items": _nullable(_SCHEMAS[Kind.FLOAT])},
            },
            optional=("state", "age"),
        ),
    }
    paths: dict[str, Any] = {}
    for name, plan in plans.items():
        schemas[f"{name}_request"] = _request(plan)
        schemas[f"{name}_answer"] = _answer(plan)
        paths[f"/v1/services/{name}"] = {"post": _post(name, plan)}
    for name, several in (ranked or {}).items():
        requests, answers = list(map(_request, several)), list(map(_ranked, several))
        schemas[f"{name}_ranking_request"] = _any_of(requests)
        schemas[f"{name}_ranking"] = _any_of(answers)
        paths[f"/v1/rankings/{name}"] = {"post": _post_ranking(name, several[0])}
    told = {
        "/v1/rankings": "The rankings, with the services that they are of.",
        "/v1/services": "The services, with keys, inputs, features and their types.",
        "/healthz": "Whether the server is alive.",
        "/readyz": "Whether it can be asked: the store answers, and near views are loaded.",
        "/metrics": "Metrics for Prometheus.",
        "/openapi.json": "This document.",
    }
    for path, summary in told.items():
        paths[path] = {"get": {"summary": summary, "responses": {"200": {"description": summary}}}}
    return {
        "openapi": "3.1.0",
        "info": {"title": title, "version": "1"},
        "paths": paths,
        "components": {
            "schemas": schemas,
            "securitySchemes": {"key": {"type": "http", "scheme": "bearer"}},
        },
    }


def _post(name: str, plan: Plan) -> dict[str, Any]:
    request, answer = (_ref(f"{name}_{what}") for what in ("request", "answer"))
    many = _object({"requests": {"type": "array", "items": request}})
    many["additionalProperties"] = False
    answers = _object({"answers": {"type": "array", "items": answer}})
    binary = {"schema": {"type": "string", "format": "binary"}}
    content = {JSON: {"schema": {"oneOf": [answer, answers]}}, ARROW: binary}
    return {
        "summary": f"The features of {plan.service.full_name}",
        "description": plan.service.description,
        "security": [{"key": []}, {}],
        "parameters": [
            {
                "name": "states",
                "in": "query",
                "schema": {"enum": ["rows"]},
                "description": "tell the state of each row, not only how many are of each",
            },
            _REQUEST_ID,
        ],
        "requestBody": {
            "required": True,
            "content": {JSON: {"schema": {"oneOf": [request, many]}}, ARROW: binary},
        },
        "responses": {
            "200": {"description": "The answer.", "content": content},
            **dict.fromkeys(_ERRORS, _ERROR),
        },
    }


def _post_ranking(name: str, plan: Plan) -> dict[str, Any]:
    binary = {"schema": {"type": "string", "format": "binary"}}
    request, answer = _ref(f"{name}_ranking_request"), _ref(f"{name}_ranking")
    return {
        "summary": f"The best candidates of a request for {plan.service.full_name}",
        "security": [{"key": []}, {}],
        "parameters": [
            {
                "name": "limit",
                "in": "query",
                "schema": {
                    "type": "integer",
                    "minimum": 1,
                    "maximum": MOST_RANKED_ROWS,
                    "default": RANKED_ROWS,
                },
                "description": "how many of the best are told",
            },
            _REQUEST_ID,
        ],
        "requestBody": {"required": True, "content": {JSON: {"schema": request}, ARROW: binary}},
        "responses": {
            "200": {"description": "The best, in order.", "content": {JSON: {"schema": answer}}},
            **dict.fromkeys(_ERRORS, _ERROR),
        },
    }


def _ranked(plan: Plan) -> Schema:
    keys = {name: _SCHEMAS[kind] for name, kind in _keys(plan).items()}
    listed = {name: {"type": "array", "items": schema} for name, schema in keys.items()}
    number = _SCHEMAS[Kind.FLOAT]
    row = {**keys, "score": number, "explored": {"type": "boolean"}}
    beside = _answer(plan)["properties"]
    return _object(
        {
            "ranking": {"type": "string"},
            "model": {"type": "string"},
            **{name: _nullable({"type": "string"}) for name in ("experiment", "arm")},
            **{name: beside[name] for name in ("service", "at", "states", "errors", "request_id")},
            "candidates": {"type": "integer"},
            "keys": _object(listed, optional=list(listed)),
            "ranked": {"type": "array", "items": _object(row, optional=list(keys))},
            "seconds": _object({"features": number, "rank": number}),
        }
    )


def _request(plan: Plan) -> Schema:
    keys = _keys(plan)
    given = {name: _given(_bounded(kind, KEY_BYTES)) for name, kind in keys.items()}
    optional = ["at"]
    if plan.service.candidates is not None:
        optional.append(plan.service.candidates.key)
    for feature in plan.inputs:
        value = _bounded(feature.kind, TEXT_BYTES)
        if (one_of := _one_of(feature).get("one_of")) is not None:
            value["enum"] = one_of
        if feature.required:
            given[feature.column] = _given(value)
        else:
            # Null stands for the default, also in a list.
            if "enum" in value:
                value["enum"] = [*value["enum"], None]
            given[feature.column] = _given(_nullable(value)) | {"default": feature.default}
            optional.append(feature.column)
    at = _nullable(_SCHEMAS[Kind.TIME]) | {"description": "the instant asked about; null for now"}
    return _object({"at": at, **given}, optional) | {"additionalProperties": False}


def _bounded(kind: Kind, most: int) -> Schema:
    """A value that is given; no text has more characters than it may have bytes."""
    return {**_SCHEMAS[kind], **({"maxLength": most} if kind is Kind.STRING else {})}


def _given(value: Schema) -> Schema:
    """One value for all rows, or a list of one per row."""
    return {"oneOf": [value, {"type": "array", "items": value}]}


def _answer(plan: Plan) -> Schema:
    values = {feature.name: _value(feature.value_type) for feature in plan.service.features}
    states = {read.view.name: _ref("State") for read in plan.reads}
    return _object(
        {
            "service": {"const": plan.service.full_name},
            "at": _SCHEMAS[Kind.TIME],
            "rows": {"type": "integer"},
            "keys": _object(
                {
                    name: {"type": "array", "items": _SCHEMAS[kind]}
                    for name, kind in _keys(plan).items()
                }
            ),
            "values": _object(values),
            "states": _object(states),
            "errors": {"type": "array", "items": {"type": "string"}},
            "request_id": {"type": "string"},
        }
    )


def _value(type_: ValueType) -> Schema:
    """A value per row."""
    one = _SCHEMAS[type_.kind]
    if type_.kind.has_null:
        one = _nullable(one)
    if type_.length is not None:
        one = {"type": "array", "items": one, "maxItems": type_.length}
    return {"type": "array", "items": one}


def _any_of(schemas: Sequence[Schema]) -> Schema:
    return schemas[0] if len(schemas) == 1 else {"anyOf": list(schemas)}


def _nullable(schema: Schema) -> Schema:
    return schema | {"type": [schema["type"], "null"]}


def _object(properties: dict[str, Schema], optional: Sequence[str] = ()) -> Schema:
    required = [name for name in properties if name not in optional]
    return {"type": "object", "properties": properties, "required": required}


def _ref(name: str) -> Schema:
    return {"$ref": f"#/components/schemas/{name}"}
