"""A copy of a request has what `dataclasses.replace` gives it; what it cannot copy is refused."""

from dataclasses import dataclass, fields, replace
from datetime import UTC, datetime

import pytest

from interlock.domain.copying import copy_with
from interlock.domain.request import Request, Status
from interlock.testing.samples import opened

REQUEST = opened("req_1", datetime(2026, 11, 30, tzinfo=UTC)).after


def test_a_copy_is_what_replace_makes():
    for field in fields(Request):
        changed = {field.name: object()}
        copied, expected = copy_with(REQUEST, **changed), replace(REQUEST, **changed)
        assert all(getattr(copied, one.name) is getattr(expected, one.name) for one in fields(Request)), field.name
    copied = copy_with(REQUEST, status=Status.rejected, version=7)
    assert copied == replace(REQUEST, status=Status.rejected, version=7)
    assert copied != REQUEST


def test_a_copy_is_frozen_and_the_original_stays_as_it_is():
    version = REQUEST.version
    copied = copy_with(REQUEST, version=version + 1)
    with pytest.raises(AttributeError):
        copied.version = version + 2
    assert (type(copied), copied.version, REQUEST.version) == (Request, version + 1, version)


@dataclass(frozen=True, slots=True)
class Checked:
    one: int
    two: int

    def __post_init__(self):
        assert self.one < self.two


@dataclass(frozen=True)
class WithoutSlots:
    one: int
    two: int = 2


@pytest.mark.parametrize(
    ("value", "changes"), [(REQUEST, {"statuss": 1}), (Checked(1, 2), {"one": 3}), (WithoutSlots(1), {"one": 3})]
)
def test_what_has_no_such_field_or_does_more_than_keep_fields_is_refused(value, changes):
    with pytest.raises(TypeError):
        copy_with(value, **changes)
