"""Standing grants: a person allows the next actions like a request, within bounds."""

from __future__ import annotations

from decimal import Decimal
from http import HTTPStatus
from typing import Annotated, Any, Literal

from fastapi import APIRouter
from pydantic import BaseModel, ConfigDict, Field, StrictInt, StrictStr

from interlock.domain import grants
from interlock.domain.grants import LONGEST_TEXT, MOST_CHOICES
from interlock.service.grant_shapes import grant_shape
from interlock.service.grants import Grants, GrantTerms
from interlock.web.bodies import Name, Text
from interlock.web.callers import AnyCaller
from interlock.web.openapi import answers
from interlock.web.visible import must_see

router = APIRouter(tags=["grants"])

Fixed = Annotated[StrictStr, Field(max_length=LONGEST_TEXT)]
Amount = Annotated[Decimal, Field(max_digits=15, allow_inf_nan=False)]


class _Body(BaseModel):
    model_config = ConfigDict(extra="forbid")


class OneOf(_Body):
    """One of several values."""

    type: Literal["one_of"]
    values: Annotated[list[Any], Field(min_length=1, max_length=MOST_CHOICES)]


class Between(_Body):
    """A number, or text that is one."""

    type: Literal["between"]
    least: Amount = Decimal(0)
    most: Amount


class TextLike(_Body):
    """Text that begins and ends like this; a few ASCII letters, digits and `._+-` are between."""

    type: Literal["text_like"]
    begins: Fixed = ""
    ends: Fixed = ""


class Anything(_Body):
    """Whatever it is."""

    type: Literal["anything"]


class Total(_Body):
    """What an argument may come to in all uses together."""

    argument: Name
    at_most: Amount


class NewGrant(_Body):
    """The next actions that are like a request, within bounds."""

    digest: Annotated[StrictStr, Field(min_length=8, max_length=100)] = Field(
        description="of what was shown, or its first 12 digits"
    )
    until: Name = Field(description="a moment with its offset, or a duration from now on", examples=["4h"])
    uses: StrictInt = Field(description="how many actions")
    allow: dict[Name, Annotated[OneOf | Between | TextLike | Anything, Field(discriminator="type")]] = Field(
        default_factory=dict, description="what may differ, by argument; each of the others must be the same"
    )
    total: Total | None = Field(default=None, description="the policy's, if it has one, by default")
    reason: Text = ""

    def terms(self) -> GrantTerms:
        """Return what somebody wants to allow."""
        allowed = {name: _pattern(one) for name, one in self.allow.items()}
        total = None if self.total is None else grants.Total(self.total.argument, self.total.at_most)
        return GrantTerms(self.until, self.uses, allowed, total, self.reason)


def _pattern(given: OneOf | Between | TextLike | Anything) -> grants.Pattern:
    match given:
        case OneOf(values=values):
            return grants.OneOf(tuple(values))
        case Between(least=least, most=most):
            return grants.Between(least, most)
        case TextLike(begins=begins, ends=ends):
            return grants.TextLike(begins, ends)
        case Anything():
            return grants.Anything()


@router.get("/grants", responses=answers("Grants"))
async def list_grants(caller: AnyCaller) -> dict[str, Any]:
    """List the standing grants, the newest first: those of the caller; all of them for who reads all requests."""
    now = await caller.client.system.store.now()
    return {"grants": [grant_shape(one, now) for one in await Grants(caller.client).every()]}


@router.post("/requests/{request_id}/grants", status_code=HTTPStatus.CREATED, responses=answers("Grant", 201, "Given"))
async def give(caller: AnyCaller, request_id: str, body: NewGrant) -> dict[str, Any]:
    """Allow the next actions that are like a request: only people do, as they may decide on it, and as the policy lets.

    What a grant allows is approved as the grant's own, at once; nobody is asked, and it is no vote of anybody.
    """
    await must_see(caller, request_id)
    state = await Grants(caller.client).give(request_id, body.digest, body.terms())
    return grant_shape(state, state.grant.at)


@router.delete("/grants/{grant_id}", status_code=HTTPStatus.NO_CONTENT)
async def revoke(caller: AnyCaller, grant_id: str) -> None:
    """Revoke a grant: it allows nothing more, and what it has approved and nobody has begun is not done."""
    await Grants(caller.client).revoke(grant_id)
