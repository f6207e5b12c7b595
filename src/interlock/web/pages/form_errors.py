"""Errors of a form: shown above the form, and at the field that they belong to."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from http import HTTPStatus
from typing import Any

from starlette.requests import Request as Call
from starlette.responses import Response

from interlock.errors import BadInput, InterlockError, InvalidValue, Refused, TooBusy
from interlock.service.error_table import meaning_of
from interlock.web.callers import Caller
from interlock.web.pages.rendering import page
from interlock.web.problems import answer_of

SHOWN_AT_FORMS = (BadInput, Refused, TooBusy)
"""Errors that are shown at the form that was refused. All others have a page of their own."""


@dataclass(frozen=True, slots=True)
class FormError:
    """Why what a form has sent was refused.

    Args:
        field: the field at which it is shown; the empty string if it belongs to none.
    """

    message: str
    field: str
    status: HTTPStatus
    headers: Mapping[str, str]

    def at(self, field: str) -> str:
        """Return the error of one field; the empty string if it has none."""
        return self.message if field == self.field else ""


def form_error_of(
    error: InterlockError, fields: Mapping[str, tuple[str, str]] | None = None, otherwise: str = ""
) -> FormError:
    """Return an error for a form.

    Args:
        fields: by the error's name of the place: the form's field, and its label.
        otherwise: the field of an error that names no place.
    """
    message, field = error.message, otherwise
    if isinstance(error, InvalidValue) and fields and error.path in fields:
        field, name = fields[error.path]
        message = f"{name} {error.reason}."
    headers = {name: value for name, value in answer_of(error).headers.items() if name == "retry-after"}
    return FormError(message, field, HTTPStatus(meaning_of(type(error)).status), headers)


async def form_page(
    call: Call, template: str, caller: Caller | None = None, form_error: FormError | None = None, **values: Any
) -> Response:
    """Return a page with a form; after a refusal, with the status and the headers that a program gets. See `page`."""
    if form_error is None:
        return await page(call, template, caller, form_error=None, **values)
    return await page(
        call, template, caller, status=form_error.status, headers=form_error.headers, form_error=form_error, **values
    )
