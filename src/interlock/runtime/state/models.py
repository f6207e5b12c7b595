"""Models whose own code writes them, of pydantic: what that code gives back is weighed before it is written out."""

from __future__ import annotations

import dataclasses
from collections.abc import Callable, Hashable
from contextvars import ContextVar
from functools import lru_cache
from typing import Any

from pydantic import RootModel
from pydantic_core import SchemaSerializer, to_jsonable_python

from interlock.runtime.state.weight import Looks, is_within

MAX_PARTS = 50_000
"""Most parts of a value that is written out at once, by native code."""

MAX_SIZE = 4_000_000
"""Most bytes of text and numbers of such a value."""

LOOKS = 1_000_000
"""How many parts of a result are looked at before they are written out; what is held twice is looked at twice."""

WITHHELD = object()
"""Stands for a field that only the model's own code may show."""

_left: ContextVar[Looks | None] = ContextVar("interlock_looks", default=None)
"""What is left for the model that is being written."""

_FUNCTIONS = frozenset({"function-plain", "function-wrap"})
_OF_ANYTHING = {"list": "items_schema", "set": "items_schema", "frozenset": "items_schema", "dict": "values_schema"}


def is_small(value: object, looks: Looks | None = None) -> bool:
    """Say whether native code may write a value out at once: it is small, and no code of its own takes part."""
    return is_within(value, parts=MAX_PARTS, size=MAX_SIZE, is_foreign=has_code, looks=looks)


def has_code(kind: type) -> bool:
    """Say whether the models of a type have code that takes part in writing them: serializers, or computed fields."""
    return hasattr(kind, "__pydantic_serializer__") and _weighing(kind) is not None


def written(value: Any, fallback: Callable[[Any], Any], looks: Looks) -> Any:
    """Return a model of which `has_code` as JSON, by its own code, which may raise anything.

    Args:
        fallback: describes what has no JSON.
        looks: what is left of those; ValueError if it is too large, or what its code gives back.
    """
    serializer = _weighing(type(value))  # type: ignore[arg-type]  # types are hashable
    assert serializer is not None
    held = [getattr(value, "__dict__", None), getattr(value, "__pydantic_extra__", None), fields_of(value)]
    if not is_within(held, parts=MAX_PARTS, size=MAX_SIZE, looks=looks):
        raise ValueError("it holds too much")
    token = _left.set(looks)
    try:
        plain = serializer.to_python(value, mode="json", by_alias=True, fallback=fallback)
    finally:
        _left.reset(token)
    return to_jsonable_python(plain, inf_nan_mode="strings")


def fields_of(value: Any) -> dict[str, Any] | None:
    """Return the fields of a model or a dataclass as they are, by the names of their JSON form; None if it has none.

    Fields that the model excludes are left out, and `WITHHELD` stands for those that only its own code may show.
    """
    declared = getattr(type(value), "__pydantic_fields__", None)
    if declared is None:
        if not dataclasses.is_dataclass(value) or isinstance(value, type):
            return None
        return {field.name: getattr(value, field.name, None) for field in dataclasses.fields(value)}
    if type(value).__pydantic_decorators__.model_serializers:
        return None
    if isinstance(value, RootModel):
        return {"root": value.root}
    guarded = {
        name for one in type(value).__pydantic_decorators__.field_serializers.values() for name in one.info.fields
    }
    fields = {
        field.serialization_alias or name: WITHHELD
        if name in guarded or "*" in guarded or _has_function(field.metadata)
        else getattr(value, name, None)
        for name, field in declared.items()
        if not field.exclude and getattr(field, "exclude_if", None) is None
    }
    computed = type(value).__pydantic_decorators__.computed_fields
    fields |= {one.info.alias or name: WITHHELD for name, one in computed.items()}
    return {**fields, **(getattr(value, "__pydantic_extra__", None) or {})}


def _has_function(metadata: list[Any]) -> bool:
    return any(hasattr(one, "func") and hasattr(one, "when_used") for one in metadata)


@lru_cache(maxsize=1024)
def _weighing(kind: Hashable) -> SchemaSerializer | None:
    """Return a serializer that weighs what the code of a type gives back; None if the type has no such code."""
    schema = getattr(kind, "__pydantic_core_schema__", None)
    if not isinstance(schema, dict):
        return None
    found: list[bool] = []
    weighed = _with_scales(schema, found)
    # One that pydantic has prepared for a class already would be taken in place of the schema that is given.
    return SchemaSerializer(weighed, _use_prebuilt=False) if found else None


def _with_scales(schema: Any, found: list[bool]) -> Any:
    """Return a schema of pydantic whose functions weigh what they give back; note that there is one."""
    if isinstance(schema, list | tuple):
        return type(schema)(_with_scales(one, found) for one in schema)
    if not isinstance(schema, dict):
        return schema
    changed = {key: value if key == "metadata" else _with_scales(value, found) for key, value in schema.items()}
    kind = changed.get("type")
    if not isinstance(kind, str):  # the fields of a model, one of which is called so
        return changed
    if kind == "computed-field":
        found.append(True)
        changed["return_schema"] = _ANYTHING
    elif kind == "any" and "serialization" not in changed:
        return {**changed, **_ANYTHING}
    elif kind in _OF_ANYTHING and _OF_ANYTHING[kind] not in changed:
        changed[_OF_ANYTHING[kind]] = _ANYTHING
    how = changed.get("serialization")
    if isinstance(how, dict) and how.get("type") in _FUNCTIONS and callable(how.get("function")):
        found.append(True)
        how = {key: value for key, value in how.items() if key != "return_schema"}
        changed["serialization"] = {**how, "function": _weighed(how["function"])}
    return changed


def _weighed(function: Callable[..., Any]) -> Callable[..., Any]:
    def weighed(*arguments: Any) -> Any:
        return _must_be_small(function(*arguments))

    return weighed


def _must_be_small(value: Any) -> Any:
    if not is_small(value, _left.get()):
        raise ValueError("what its own code gives back is too large")
    return value


def _pass_on(value: Any, hand_on: Callable[[Any], Any]) -> Any:
    return hand_on(_must_be_small(value))


_ANYTHING = {
    "type": "any",
    "serialization": {"type": "function-wrap", "function": _pass_on, "is_field_serializer": False, "info_arg": False},
}
