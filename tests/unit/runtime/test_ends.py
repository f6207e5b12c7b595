"""How an advance ends by an error beside a halt of one of its effects."""

import pytest

from interlock.engine.ports.runtime import Attention, Broke, Failed
from interlock.errors import AdvanceOvertaken, Halt, NotDone, StoreUnavailable
from interlock.runtime.runner import _ended_by

UNKNOWN = Halt("effect_unknown", "nobody knows", "req_1")
PASSES = Halt("ledger_unavailable", "the database is away")
LATE = AdvanceOvertaken("run_1")
OWN, NO = RuntimeError("own"), NotDone("no funds")


def wrapping(halt):
    error = ValueError("wrapped")
    error.__cause__, error.__context__ = error, halt  # as `raise error from error` where a halt was caught
    return error


def grouping(halt):
    return BaseExceptionGroup("tasks", [OWN, halt])


@pytest.mark.parametrize(
    ("error", "halted", "ending"),
    [
        *[
            (error, UNKNOWN, Attention("effect_unknown", "nobody knows", "req_1"))
            for error in (OWN, NO, PASSES, LATE, UNKNOWN, StoreUnavailable("away"))
        ],
        *[(OWN, halted, Broke("RuntimeError: own")) for halted in (None, PASSES, LATE)],
        *[(NO, halted, Failed("no funds")) for halted in (None, PASSES, LATE)],
        *[(error, PASSES, Broke("the database is away", counted=False)) for error in (PASSES, wrapping(PASSES))],
        (grouping(PASSES), PASSES, Broke("the database is away", counted=False)),
        (wrapping(None), PASSES, Broke("ValueError: wrapped")),
    ],
)
def test_a_halt_outranks_an_error_if_a_person_has_to_look_or_the_error_comes_of_it(error, halted, ending):
    assert _ended_by(error, halted) == ending


@pytest.mark.parametrize("error", [LATE, wrapping(LATE)])
def test_an_advance_that_lost_its_run_ends_nothing(error):
    with pytest.raises(AdvanceOvertaken):
        _ended_by(error, LATE)
