"""What a graph holds, as the JSON that people are shown: all of it, or an error."""

from __future__ import annotations

from pydantic_core import PydanticSerializationError, to_jsonable_python

from interlock.domain.canonical import Json, normalize
from interlock.errors import InvalidValue

__all__ = ["shown"]


def shown(value: object, path: str) -> Json:
    """Return a value as JSON: models and dataclasses as objects, what has no JSON as its description.

    Raises:
        InvalidValue: with the path, if it is too large or too deep, or its own code fails.
    """
    try:
        plain = to_jsonable_python(value, fallback=repr, inf_nan_mode="strings")
    except (PydanticSerializationError, ValueError) as error:
        raise InvalidValue(path, f"cannot be shown to people: {error}") from None
    return normalize(plain, path=path)
