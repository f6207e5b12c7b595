"""What calls carry: checked for its form here, and for what it means by the kit."""

from __future__ import annotations

from typing import Annotated, Any, Literal

from pydantic import AfterValidator, BaseModel, ConfigDict, Field, StrictBool, StrictStr
from pydantic_core import PydanticCustomError

from interlock.domain import notice_choice
from interlock.domain.action import LONGEST_REFERENCE, Verdict
from interlock.domain.authority import LOCAL_TENANT
from interlock.domain.canonical import check_storable
from interlock.domain.credentials import Scope
from interlock.domain.notice_choice import LONGEST_ADDRESS, MOST_WAYS, NoticeChoice, When
from interlock.domain.reply_tokens import LONGEST_TOKEN
from interlock.domain.request import Repeatable, Reported
from interlock.errors import InvalidValue
from interlock.service.casting import MOST, SubmittedVote
from interlock.service.token_replies import TokenReply


def _storable(text: str) -> str:
    """Return a name or a label that a database can hold.

    Raises:
        PydanticCustomError: if it holds what none can.
    """
    try:
        check_storable(text, "")
    except InvalidValue as refused:
        raise PydanticCustomError("not_storable", "{reason}", {"reason": refused.reason}) from None
    return text


Text = Annotated[StrictStr, Field(max_length=20_000)]
Name = Annotated[StrictStr, Field(min_length=1, max_length=500), AfterValidator(_storable)]

Reference = Annotated[StrictStr, Field(min_length=1, max_length=LONGEST_REFERENCE, examples=["order 4711"])]


class _Body(BaseModel):
    model_config = ConfigDict(extra="forbid")


class NewVote(_Body):
    """A person's verdict on a request, on what they were shown."""

    verdict: Verdict
    digest: Annotated[StrictStr, Field(min_length=8, max_length=100)] | None = Field(
        description="of what was shown, or its first 12 digits; null is whatever stands there, and the log says so"
    )
    comment: Text = ""
    value: Any = Field(
        default=None, description="with `edit` the arguments or the draft as changed; with `respond` the answer"
    )

    def on(self, request_id: str, key: str | None = None) -> SubmittedVote:
        """Return the vote on a request."""
        return SubmittedVote(request_id, self.verdict, self.digest, self.comment, self.value, key)


class NewVoteOnOne(NewVote):
    """One of several votes."""

    request_id: Name
    key: Annotated[StrictStr, Field(min_length=1, max_length=200)] | None = Field(
        default=None, description="an idempotency key, as in the header of a single vote"
    )


class NewVotes(_Body):
    """Votes on many requests."""

    votes: Annotated[list[NewVoteOnOne], Field(min_length=1, max_length=MOST)]


class CallbackReply(_Body):
    """What somebody decides by the token of a message."""

    token: Annotated[StrictStr, Field(max_length=LONGEST_TOKEN)] = Field(
        default="", description="irt_…: the one of this person and this verdict, under `data.reply.tokens`"
    )
    approved: StrictBool | None = Field(
        default=None, description="yes or no, if it is to be said beside the token, which says it already"
    )
    verdict: Verdict | None = Field(default=None, description="the token's, if it is to be said beside it")
    comment: Text = ""
    value: Any = Field(
        default=None, description="with `edit` the arguments or the draft as changed; with `respond` the answer"
    )

    def on(self, request_id: str) -> TokenReply:
        """Return the reply about a request."""
        return TokenReply(self.token, self.comment, self.value, request_id, self.approved, self.verdict)


class Comment(_Body):
    """Something that a person says about a request."""

    text: Text


class NewReservation(_Body):
    """The caller is on it."""

    lasts: Name = Field(default="15m", description="a duration from 1m to 1d, such as 15m", examples=["15m"])


class NewSnooze(_Body):
    """The caller puts it aside."""

    lasts: Name = Field(description="a duration from 1m to 30d, such as 2h", examples=["2h"])


class Said(_Body):
    """Something that is asked back, or said to it."""

    text: Text


class Delegation(_Body):
    """Another person votes on this request."""

    to: Name = Field(description="the person who votes instead")
    reason: Text = ""


class Extension(_Body):
    """More time for the present step of a request."""

    by: Name = Field(description="a duration, such as 2h", examples=["2h"])
    reason: Text


class Settlement(_Body):
    """What became of an effect of which nobody knows."""

    became: Literal["happened", "did_not", "retry"] = Field(description="`retry`: it did not, and may be claimed again")
    result: Any = Field(default=None, description="what it returned, if it happened")
    comment: Text = ""


class NewRun(_Body):
    """An agent to start, and what with."""

    agent: Name
    input: Any = Field(default=None, description="a text, or the graph's own input")
    raw: StrictBool = Field(default=False, description="the input is the graph's own though it is a text")
    context: dict[str, Any] | None = Field(default=None, description="the graph's context; it is recorded: no secrets")
    configurable: dict[str, Any] | None = Field(
        default=None, description="for `configurable` of the graph's `config`; recorded, too"
    )
    thread: Name | None = Field(default=None, description="the conversation that it continues")
    watched: StrictBool = Field(
        default=False,
        description="somebody follows its stream within ten seconds: what the agent says first is kept for them",
    )


class Fork(_Body):
    """Where a new run begins in another one."""

    pause: Annotated[int, Field(ge=1)] | None = Field(default=None, description="from 1; the last one by default")
    changes: dict[str, Any] | None = Field(default=None, description="values of the state to set before, by key")


class AskedAction(_Body):
    """Something that the agent wants to do."""

    kind: Literal["approval"]
    name: Name
    args: dict[str, Any] = Field(default_factory=dict)
    args_schema: dict[str, Any] | None = Field(default=None, alias="schema", description="a JSON Schema of `args`")


class AskedQuestion(_Body):
    """Something that the agent needs to know."""

    kind: Literal["input"]
    text: Text
    answer_schema: dict[str, Any] | None = Field(default=None, alias="schema", description="a JSON Schema")
    options: list[StrictStr] | None = None


class AskedDraft(_Body):
    """Something that the agent has made."""

    kind: Literal["review"]
    title: Name = "draft"
    body: Any


class Ask(_Body):
    """What an agent asks of people."""

    asked: Annotated[AskedAction | AskedQuestion | AskedDraft, Field(discriminator="kind")]
    verdicts: list[Verdict] = Field(default=[], description="what people may say; all that fit, if empty")
    description: Text = Field(default="", description="what it is about, in the agent's words")
    context: Any = Field(default=None, description="what helps people to decide")
    policy: Name | None = Field(default=None, description="the policy that is to hold; the first that applies, if none")
    initiator: Name | None = Field(default=None, description="the person for whom the agent asks")
    reference: Reference | None = Field(default=None, description="what it is about in the business, to find it by")


class Claim(_Body):
    """The beginning of what was approved."""

    digest: Annotated[StrictStr, Field(min_length=8, max_length=100)] = Field(description="of what is about to be done")
    tool: Name = Field(description="the function that will be called, such as billing:pay")
    repeatable: Repeatable = Field(
        default="no", description="whether the tool may be called again with the same key, or can look up what it did"
    )
    lasts: Annotated[float, Field(ge=1, le=86_400)] = Field(
        default=60, description="seconds after which nobody waits for the result any more"
    )


class Result(_Body):
    """What became of an attempt."""

    attempt: Annotated[int, Field(ge=1)] = Field(description="the one that the claim has named")
    state: Reported = Field(description="`unknown` asks a person")
    result: Any = Field(default=None, description="what the tool returned")
    reason: Text = Field(default="", description="why it failed, or is not known")


class Configuration(_Body):
    """Policies to look at: those that hold, if no configuration is sent."""

    configuration: Annotated[StrictStr, Field(max_length=256_000)] | None = Field(
        default=None, description="an interlock.yaml, as text"
    )


class DescribedAction(_Body):
    """An action that might be asked."""

    name: Name
    args: dict[str, Any] = Field(default_factory=dict)


class Described(_Body):
    """What is to be explained: a request, or an action that might be asked."""

    request_id: Annotated[StrictStr, Field(min_length=1, max_length=100)] | None = None
    action: DescribedAction | None = None
    agent: Name = Field(default="agent", description="the name of the agent that would ask")
    initiator: Name | None = Field(default=None, description="the person for whom; the caller, if nobody is named")
    policy: Name | None = Field(default=None, description="the policy that the agent would name")


class NewSuggestions(_Body):
    """From which decisions rules are suggested, and how sure they must be."""

    since: Name = Field(default="90d", description="how far back", examples=["90d"])
    confidence: Annotated[float, Field(ge=0.5, lt=1)] = 0.95
    at_least: Annotated[float, Field(ge=0.5, lt=1, description="the share of approvals to be sure of")] = 0.95


class NewSimulation(_Body):
    """Other policies, to be tried on what was really asked."""

    configuration: Annotated[StrictStr, Field(max_length=256_000)] = Field(
        description="an interlock.yaml, as text, people included"
    )
    since: Name = Field(default="30d", description="how far back, such as 12h, 30d or 4w")


class Reason(_Body):
    """Why something is done."""

    reason: Text = ""


class NewToken(_Body):
    """A token for an agent or a service."""

    principal: Name = Field(description="agent:NAME or service:NAME")
    scopes: list[Scope] = Field(min_length=1)
    lasts: Name = Field(default="90d", description="a duration, such as 90d")
    label: Annotated[StrictStr, Field(max_length=200), AfterValidator(_storable)] = ""


class NewDelegation(_Body):
    """Somebody votes for somebody else, until a moment."""

    to: Name
    until: Name = Field(description="a moment with its offset", examples=["2026-12-01T09:00:00Z"])
    giver: Name | None = Field(default=None, alias="from", description="whose vote it is; one's own by default")
    since: Name | None = Field(default=None, description="when it begins; at once by default")
    reason: Annotated[StrictStr, Field(max_length=1_000)] = ""


class SignIn(_Body):
    """The secret of a sign-in link; or name and password, and a code where there is a second factor."""

    link: Annotated[StrictStr, Field(min_length=1, max_length=200)] | None = None
    name: Name | None = None
    password: Annotated[StrictStr, Field(min_length=1, max_length=1_000)] | None = None
    code: Annotated[StrictStr, Field(max_length=100)] = ""
    tenant: Name = LOCAL_TENANT


class NoticeWay(_Body):
    """How somebody is told by one channel."""

    when: When = "at_once"
    digest_at: Annotated[StrictStr, Field(max_length=5)] = Field(
        default="09:00", description="when a digest comes, by their clock"
    )
    address: Annotated[StrictStr, Field(max_length=LONGEST_ADDRESS)] = Field(
        default="", description="where, in the channel's terms; empty for what is known of them otherwise"
    )


class NewNoticeChoice(_Body):
    """How somebody wants to be told of what waits for them."""

    ways: Annotated[dict[Name, NoticeWay], Field(max_length=MOST_WAYS)] = Field(
        default={}, description="by the name of the channel; others tell at once"
    )
    zone: Annotated[StrictStr, Field(max_length=100)] = Field(default="UTC", examples=["Europe/Berlin"])
    quiet: Annotated[list[Annotated[StrictStr, Field(max_length=5)]], Field(min_length=2, max_length=2)] | None = Field(
        default=None,
        description="between which times of their day nothing is sent at once",
        examples=[["22:00", "07:00"]],
    )
    outcomes: StrictBool = Field(default=False, description="they are told how it ended, of which they were told")

    def choice(self) -> NoticeChoice:
        """Return it as the rules have it."""
        ways = {name: notice_choice.Way(way.when, way.digest_at, way.address) for name, way in self.ways.items()}
        return NoticeChoice(
            ways, self.zone, None if self.quiet is None else (self.quiet[0], self.quiet[1]), self.outcomes
        )


class Invitation(_Body):
    """Somebody who is to have an account."""

    name: Name = Field(description="the id under which their votes are counted, such as mia@example.com")
    roles: Annotated[list[Name], Field(max_length=20)] = []
