"""One table says what each error means to a shell and to HTTP."""

from http import HTTPStatus

import pytest

from interlock import errors
from interlock.errors import InterlockError
from interlock.service.error_table import ERRORS, Exit, error_shape, meaning_of

KINDS = [kind for kind in vars(errors).values() if isinstance(kind, type) and issubclass(kind, InterlockError)]


@pytest.mark.parametrize("kind", KINDS, ids=lambda kind: kind.__name__)
def test_a_client_is_told_by_the_status_whose_fault_it_is(kind):
    means = meaning_of(kind)
    assert (means.status >= HTTPStatus.INTERNAL_SERVER_ERROR) is (means.exit in {Exit.internal, Exit.store})
    assert (means.exit is Exit.not_found) is (means.status is HTTPStatus.NOT_FOUND)
    assert means.status >= HTTPStatus.BAD_REQUEST


def test_what_is_no_error_of_ours_is_a_defect():
    assert meaning_of(ZeroDivisionError) == ERRORS[InterlockError] == (Exit.internal, 500)


def test_a_class_below_means_what_the_nearest_above_means():
    class Own(errors.TooLate):
        pass

    assert meaning_of(Own) == meaning_of(errors.TooLate)
    assert meaning_of(errors.StoreReplaced).status is HTTPStatus.SERVICE_UNAVAILABLE
    assert meaning_of(errors.RecordAltered).status is HTTPStatus.INTERNAL_SERVER_ERROR


def test_an_error_is_code_sentence_and_values():
    error = errors.Closed("It is decided.", status="approved")
    assert error_shape(error.code, error.message, error.details) == {
        "code": "closed",
        "message": "It is decided.",
        "details": {"status": "approved"},
    }
