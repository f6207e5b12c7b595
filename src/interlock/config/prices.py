"""The file of prices from which the cost of waiting is computed: its keys, and what is wrong with it."""

from __future__ import annotations

from decimal import Decimal
from pathlib import Path
from typing import Annotated, Literal, Self

from pydantic import Field, StrictInt, StrictStr, ValidationError, model_validator
from pydantic_core import PydanticCustomError

from interlock.config.base import Section
from interlock.config.load import all_problems, tree_of
from interlock.config.located import MAX_FILE, ConfigFile
from interlock.config.values import Day, Duration, Name, Number
from interlock.errors import InvalidConfig

Price = Annotated[Number, Field(ge=0)]
Label = Annotated[StrictStr, Field(min_length=1, max_length=100)]


class HeldSettings(Section):
    """A process that holds a waiting agent."""

    label: Label
    per_second: Price | None = None
    per_hour: Price | None = None
    agents: Annotated[StrictInt, Field(ge=1, le=1_000_000)] = 1
    longest: Duration | None = None

    @model_validator(mode="after")
    def _has_one_price(self) -> Self:
        if (self.per_second is None) == (self.per_hour is None):
            raise PydanticCustomError("one_price", "needs one price: per_second or per_hour")
        return self


class ChargeSettings(Section):
    """The charges for each request."""

    what: Label
    number: Price | Literal["work_seconds", "wait_seconds"]
    price: Price
    per: Annotated[Number, Field(gt=0)] = Decimal(1)


class PutAsideSettings(Section):
    """A way to wait in which nothing runs while people think."""

    label: Label
    each: tuple[ChargeSettings, ...] = Field(default=(), max_length=100)
    monthly: Price = Decimal(0)


class PricesSettings(Section):
    """A list of prices."""

    listed: Day
    currency: Annotated[StrictStr, Field(pattern=r"^[A-Z]{3}$")]
    region: Annotated[StrictStr, Field(max_length=100)] = ""
    held: dict[Name, HeldSettings] = Field(min_length=1, max_length=20)
    put_aside: dict[Name, PutAsideSettings] = Field(max_length=20)
    work_seconds: Price

    @model_validator(mode="after")
    def _each_way_has_a_name_of_its_own(self) -> Self:
        for name in sorted(self.held.keys() & self.put_aside.keys()):
            raise PydanticCustomError("same_name", "has {name} under held and under put_aside", {"name": name})
        if "interlock" not in self.put_aside:
            raise PydanticCustomError("interlock", "needs `interlock` under put_aside: what this installation costs")
        return self


def read_prices(raw: bytes, name: str) -> PricesSettings:
    """Read a file of prices; raise `InvalidConfig` with file, line and key of everything that cannot be used."""
    tree = tree_of(raw, name)
    origin = ConfigFile(Path(name), name, tree, (0, 0, 0), settled=True, finished=True)
    try:
        return PricesSettings.model_validate(tree.value)
    except ValidationError as error:
        raise all_problems(origin, error) from None


def read_prices_file(path: Path) -> PricesSettings:
    """Read a file of prices. See `read_prices`."""
    try:
        with path.open("rb") as file:
            raw = file.read(MAX_FILE + 1)
    except (OSError, ValueError) as error:
        why = getattr(error, "strerror", None) or error
        raise InvalidConfig(f"{path}: cannot be read ({why}): name a file of prices", file=str(path)) from None
    return read_prices(raw, str(path))
