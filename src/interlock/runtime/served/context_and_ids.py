"""What LangGraph's own server gives to a graph beside its input: a context, ids, and who started the run.

The names in `config["configurable"]` are that server's (langgraph-api 0.16).
"""

from __future__ import annotations

import dataclasses
import inspect
import warnings
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from types import UnionType
from typing import Annotated, Any, ClassVar, Literal, Union, get_args, get_origin, get_type_hints, is_typeddict
from uuid import UUID, uuid5

from pydantic import BaseModel, ConfigDict, TypeAdapter, create_model
from pydantic.errors import PydanticInvalidForJsonSchema, PydanticUserError
from pydantic.json_schema import GenerateJsonSchema, JsonSchemaValue, PydanticJsonSchemaWarning
from pydantic_core.core_schema import DataclassSchema, TypedDictSchema

from interlock.domain.canonical import Json, canonical_bytes
from interlock.domain.run import Run, is_reserved
from interlock.engine.schemas import check_value
from interlock.errors import InvalidAnswer, InvalidContext
from interlock.runtime.breakpoints import Graph

ASSISTANTS = UUID("6ba7b821-9dad-11d1-80b4-00c04fd430c8")
"""The namespace in which LangGraph's server derives the id of a graph's own assistant (RFC 9562, version 5)."""

MAX_CONTEXT = 200_000

_OF_USERS = ("identity", "display_name", "is_authenticated", "permissions")


@dataclass(frozen=True, slots=True)
class Initiator:
    """Who started a run, as `langgraph_sdk.auth.types.BaseUser` has it."""

    identity: str
    is_authenticated: ClassVar[bool] = True  # whoever starts a run is known

    @property
    def display_name(self) -> str:
        """Return the id: no other name is known."""
        return self.identity

    @property
    def permissions(self) -> list[str]:
        """Return nothing: what people may do is decided by policies."""
        return []

    def __getitem__(self, key: str) -> Any:
        if key not in self:
            raise KeyError(key)
        return getattr(self, key)

    def __contains__(self, key: object) -> bool:
        return key in _OF_USERS

    def __iter__(self) -> Iterator[str]:
        return iter(_OF_USERS)


def assistant_id(graph_id: str) -> str:
    """Return the id of a graph's own assistant, as LangGraph's server derives it."""
    return str(uuid5(ASSISTANTS, graph_id))


def server_ids(agent: str) -> dict[str, Any]:
    """Return the ids that an agent has whoever runs it."""
    return {"graph_id": agent, "assistant_id": assistant_id(agent)}


def configurable_of(run: Run) -> dict[str, Any]:
    """Return what a run's graph finds in `config["configurable"]`, but for what LangGraph needs itself."""
    found = configurable_with(run.agent, run.initiator, run.context, run.configurable)
    return {**found, "run_id": run.id, "thread_id": run.thread or run.id}


def configurable_with(agent: str, initiator: str, context: Json, configurable: Json) -> dict[str, Any]:
    """Return the same for a run that may be started with this: it has no ids of a run and a thread.

    A context that was given alone is found there as well, as on LangGraph's server: older agents look for it there.
    """
    given = configurable if configurable is not None else context
    own = given.items() if isinstance(given, dict) else ()
    return {
        "user_id": initiator,
        **{name: value for name, value in own if not is_reserved(name)},
        **server_ids(agent),
        "langgraph_auth_user_id": initiator,
        "langgraph_auth_user": Initiator(initiator),
        "langgraph_auth_permissions": [],
    }


# ── the context ──────────────────────────────────────────────────────────────────────────────────────────────────────


def context_of(graph: Graph, context: Json, configurable: Json = None) -> Any:
    """Return the context that a graph is given: an instance of its schema, if that is a class, or else InvalidContext.

    A configurable that was given alone is the context as well, as far as the schema knows its fields.
    """
    if not isinstance(context, dict | None):
        raise InvalidContext('The context must be a JSON object, such as {"user": "ann"}.')
    schema: Any = graph.context_schema
    if schema is None:
        return context
    fields = _fields(schema)
    if context is None and isinstance(configurable, dict):
        context = {name: value for name, value in configurable.items() if name in fields} or None
    if context is None and is_typeddict(schema):
        return None  # as without a server: graphs with such a schema ask whether there is one
    _check(schema, context or {}, fields)
    return _made(schema, context or {})


def _check(schema: Any, context: Mapping[str, Json], fields: list[str]) -> None:
    what = f"The context does not fit the graph's {schema.__name__}"
    takes_more = issubclass(schema, BaseModel) and schema.model_config.get("extra") != "forbid"
    unknown = [name for name in context if name not in fields]
    if unknown and not takes_more:
        raise InvalidContext(f"{what}: it has no {', '.join(unknown)}. Its fields: {', '.join(fields) or 'none'}.")
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore", PydanticJsonSchemaWarning)  # a default that JSON cannot carry
            json_schema = TypeAdapter(_modelled(schema, {})).json_schema(schema_generator=_Closed)
    except (TypeError, NameError, PydanticUserError, PydanticInvalidForJsonSchema):
        return  # of values that JSON cannot carry: making it shows what is missing
    try:
        check_value(dict(context), json_schema, what)
    except InvalidAnswer as misfit:
        raise InvalidContext(misfit.message) from None


class _Closed(GenerateJsonSchema):
    """Makes schemas in which dataclasses have no other fields than their own, at any depth: nothing would read them."""

    def dataclass_schema(self, schema: DataclassSchema) -> JsonSchemaValue:
        made = super().dataclass_schema(schema)
        if getattr(schema["cls"], "__pydantic_config__", {}).get("extra") is None:
            made.setdefault("additionalProperties", False)
        return made

    def typed_dict_schema(self, schema: TypedDictSchema) -> JsonSchemaValue:
        return {"additionalProperties": False, **super().typed_dict_schema(schema)}


def _modelled(kind: Any, known: dict[Any, Any]) -> Any:
    """Return a type with a model in place of each of typing's `TypedDict`: before Python 3.12 pydantic takes none."""
    if is_typeddict(kind):
        if kind not in known:
            known[kind] = kind  # one that holds itself stays as it is
            needed, hints = kind.__required_keys__, get_type_hints(kind, include_extras=True)
            fields: Any = {
                name: (_modelled(one, known), ... if name in needed else None) for name, one in hints.items()
            }
            known[kind] = create_model(kind.__name__, __config__=ConfigDict(extra="forbid"), **fields)
        return known[kind]
    parts = get_args(kind)
    if not parts or get_origin(kind) in {Literal, Annotated}:
        return kind
    made = tuple(_modelled(one, known) for one in parts)
    if made == parts:
        return kind
    return Union[made] if get_origin(kind) in {Union, UnionType} else get_origin(kind)[made]  # noqa: UP007 - of a tuple


def _made(schema: Any, context: dict[str, Json]) -> Any:
    """Return an instance, with nested classes as the annotations have them."""
    if not dataclasses.is_dataclass(schema) and not issubclass(schema, BaseModel):
        return context
    try:
        adapter = None if issubclass(schema, BaseModel) else _adapter(schema)
        if adapter is None:
            return schema(**context)
        return adapter.validate_json(canonical_bytes(context, max_bytes=MAX_CONTEXT))
    except (ValueError, TypeError) as error:
        raise InvalidContext(f"The context does not fit the graph's {schema.__name__}: {error}.") from None


def _adapter(schema: Any) -> TypeAdapter[Any] | None:
    try:
        return TypeAdapter(schema)
    except (PydanticUserError, NameError, TypeError):
        return None  # it is made as LangGraph makes it


def _fields(schema: Any) -> list[str]:
    if inspect.isclass(schema) and issubclass(schema, BaseModel):
        names = {name: field.alias or name for name, field in schema.model_fields.items()}
        return [*dict.fromkeys([*names, *names.values()])]
    if dataclasses.is_dataclass(schema):
        return [field.name for field in dataclasses.fields(schema) if field.init]
    return [*getattr(schema, "__annotations__", {})]
