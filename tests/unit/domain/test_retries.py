"""What is said of a run whose workers did not come back: only of as many as vanished."""

from datetime import UTC, datetime

from interlock.domain.retries import exhausted
from interlock.domain.run import Pending
from interlock.domain.run_events import AdvanceBegan, AttemptFailed, RunPaused, RunStarted

AT = datetime(2026, 11, 2, 9, 0, tzinfo=UTC)
STARTED = RunStarted("run-1", "default", "buyer", "m:a", "ian", None, AT)
BEGAN = AdvanceBegan("w", AT)
FAILED = AttemptFailed("it raised", AT, AT)
PUT_OFF = AttemptFailed("the database was away", AT, AT, counted=False)
PAUSED = RunPaused((Pending("i", "r"),), "sha256:1", "1", AT)


def test_five_workers_vanished_where_five_vanished():
    assert exhausted([STARTED, *[BEGAN] * 5]) == "5 workers vanished over it"


def test_attempts_that_failed_are_not_workers_that_vanished():
    history = [STARTED, BEGAN, FAILED, BEGAN, BEGAN, FAILED, BEGAN, BEGAN]
    assert exhausted(history) == "5 attempts failed, 3 of them because their workers vanished, as the last did"


def test_what_was_before_the_last_pause_and_what_the_database_kept_away_counts_nothing():
    before = [STARTED, BEGAN, FAILED, BEGAN, PAUSED]
    assert exhausted([*before, BEGAN, PUT_OFF, BEGAN, BEGAN]) == "2 workers vanished over it"
    assert exhausted([*before, BEGAN, FAILED, BEGAN]) == "2 attempts failed, the last because its worker vanished"
