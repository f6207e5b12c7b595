"""What all parts of `interlock.yaml` are: some keys, and no others."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, ClassVar

from pydantic import BaseModel, ConfigDict, model_validator
from pydantic_core import PydanticCustomError

from interlock.config.values import NOT_YET, suggestion


class Section(BaseModel):
    """A part of the file: its keys are these and no others."""

    model_config = ConfigDict(frozen=True, extra="forbid", defer_build=True)
    elsewhere: ClassVar[Mapping[str, str]] = {}

    @model_validator(mode="before")
    @classmethod
    def _only_known_keys(cls, data: Any) -> Any:
        known = {info.alias or name for name, info in cls.model_fields.items()}
        unknown = [key for key in data if key not in known] if isinstance(data, dict) else []
        if unknown:
            key = str(unknown[0])
            why = "is not supported yet by this version: remove it" if key in NOT_YET else "is not known here: {hint}"
            hint = cls.elsewhere.get(key) or suggestion(key, known)
            raise PydanticCustomError("unknown_key", why, {"key": key, "hint": hint})
        return data
