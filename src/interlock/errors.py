"""Every error that Interlock raises, in one tree; what each means stands at its class.

::

    InterlockError                    has a stable `code`, a sentence, and `details` that a program can read
    ├── BadInput                      InvalidValue, InvalidConfig, InvalidPolicy, InvalidAnswer, InvalidContext,
    │                                 InvalidAgent, InvalidState
    ├── Refused                       NotFound, Unauthenticated, TooManyAttempts, Forbidden, Closed, TooLate, TooEarly,
    │                                 WrongDigest, NotOffered, ReasonMissing, NotEditable, NoVote, TooManyRequests,
    │                                 EffectRefused; the refusal is in the log. AlreadyIssued, TooManyCalls
    │   ├── Unauthenticated           SecondFactorNeeded
    │   └── EffectRefused             AlreadyClaimed
    ├── Conflict                      WindowMoved, NotInTime
    ├── ProviderUnavailable, TooBusy, TakesTooLong
    ├── StoreError                    RecordAltered, StoreTooNew
    │   └── StoreUnavailable          StoreReplaced
    └── ServerError                   ServerBusy
        └── ServerUnreachable         ServerTimeout, UntrustedServer

    NotDone(Exception), ToolFailed(Exception)       raised where a tool is called
    NotApproved(Exception)                          raised to a graph
    Halt(BaseException)                             AdvanceOvertaken; leaves a node past any `except Exception`
"""

from __future__ import annotations

from typing import Any, ClassVar


class InterlockError(Exception):
    """Something Interlock can say in a sentence.

    Args:
        message: what is so, and what to do next.
        details: the same as values that a program can read.

    Attributes:
        call_id: where a server has raised it: how its access log names the call.
    """

    code: ClassVar[str] = "error"
    call_id: str | None = None

    def __init_subclass__(cls, *, code: str | None = None) -> None:
        super().__init_subclass__()
        cls.code = code or cls.code

    def __init__(self, message: str, /, **details: object) -> None:
        super().__init__(message)
        self.message = message
        self.details = details


class BadInput(InterlockError, code="bad_input"):
    """What was given cannot be accepted; nothing was changed."""


class InvalidValue(BadInput, code="invalid_value"):
    """A value that JSON cannot carry, or that is too large or too deep."""

    def __init__(self, path: str, reason: str) -> None:
        super().__init__(f"{path}: {reason}", path=path, reason=reason)
        self.path = path
        self.reason = reason


class InvalidConfig(BadInput, code="invalid_config"):
    """A configuration file or environment variable that cannot be used."""


class InvalidPolicy(BadInput, code="invalid_policy"):
    """A policy that cannot be read or can never work."""


class InvalidAnswer(BadInput, code="invalid_answer"):
    """Edited arguments, or an answer, that do not fit their schema."""


class InvalidContext(BadInput, code="invalid_context"):
    """A context or a configurable that does not fit the agent, or is not the caller's to give."""


class InvalidAgent(BadInput, code="invalid_agent"):
    """An agent that cannot be found, loaded or governed."""


class InvalidState(BadInput, code="invalid_state"):
    """A state that would not come back from the store as it went in."""


class Refused(InterlockError, code="refused"):
    """The rules say no."""


class NotFound(Refused, code="not_found"):
    """There is no such request or run here."""


class Unauthenticated(Refused, code="unauthenticated"):
    """It is not known who this is: a token, session or link is missing, unknown or over."""


class ProviderUnavailable(InterlockError, code="provider_unavailable"):
    """An identity provider does not answer, or not as it should; nobody was signed in."""


class TooBusy(InterlockError, code="too_busy"):
    """The server has too much of this to do at the moment; nothing was done. `retry_after` says when to try again."""


class TakesTooLong(InterlockError, code="takes_too_long"):
    """What was asked for is sound, and more than can be done in one call; made again, it takes as long."""


class SecondFactorNeeded(Unauthenticated, code="second_factor_needed"):
    """Name and password are right, and signing in takes a code of an authenticator as well."""


class TooManyAttempts(Refused, code="too_many_attempts"):
    """Too many attempts to sign in have failed: the next one has to wait."""


class Forbidden(Refused, code="forbidden"):
    """This principal may not do that."""


class Closed(Refused, code="closed"):
    """The request has its outcome, or the run has ended."""


class TooLate(Refused, code="too_late"):
    """The deadline has been reached: a vote has no effect any more."""


class TooEarly(Refused, code="too_early"):
    """Nothing is due yet."""


class WrongDigest(Refused, code="wrong_digest"):
    """What the voter saw is not what stands there now."""


class NotOffered(Refused, code="not_offered"):
    """The request does not offer this verdict."""


class ReasonMissing(Refused, code="reason_missing"):
    """The policy wants a comment with this verdict."""


class NotEditable(Refused, code="not_editable"):
    """The policy does not let a reviewer change this argument."""


class NoVote(Refused, code="no_vote"):
    """There is no vote of this person in the present step."""


class TooManyRequests(Refused, code="too_many_requests"):
    """So many requests of an agent wait, or were opened lately, that it may ask no more. It is not in the log."""


class TooManyCalls(Refused, code="too_many_calls"):
    """Whoever calls has called too often; `retry_after` says in how many seconds they may again."""


class EffectRefused(Refused, code="effect_refused"):
    """The effect may not start, or its result does not fit its state."""


class AlreadyClaimed(EffectRefused, code="already_claimed"):
    """This call has claimed the effect before: whether it was done since, only its caller may know."""


class AlreadyIssued(Refused, code="already_issued"):
    """A call was made again with its key, and its first answer held a secret: `details` name what was made."""


class Conflict(InterlockError, code="conflict"):
    """Somebody else changed the same thing first, several times in a row."""


class WindowMoved(Conflict):
    """Another run asked for an action that this one counts."""


class NotInTime(Conflict):
    """The time had come before which the changes had to be committed."""


class StoreError(InterlockError, code="store_error"):
    """The database cannot do what was asked."""


class RecordAltered(StoreError, code="record_altered"):
    """A row or a log entry is not what was written: nothing is decided or executed by it."""


class StoreUnavailable(StoreError, code="store_unavailable"):
    """The database does not answer, is full or cannot be written."""


class StoreReplaced(StoreUnavailable, code="store_replaced"):
    """The database's file was removed or replaced while this process used it: nothing more is written to it."""


class StoreTooNew(StoreError, code="store_too_new"):
    """The database was made by a version of Interlock that writes another format: usually a newer one."""


class ServerError(InterlockError, code="server_error"):
    """What answers is no server of Interlock's, or has a defect."""


class ServerBusy(ServerError, code="server_busy"):
    """The server asks to be called later, again and again."""


class ServerUnreachable(ServerError, code="server_unreachable"):
    """No server answers at this address, or the connection broke and could not be made again."""


class ServerTimeout(ServerUnreachable, code="server_timeout"):
    """The server did not answer in time; whether it has done what was asked is not known."""


class UntrustedServer(ServerUnreachable, code="untrusted_server"):
    """The certificate of the server does not prove that it is the one that was meant: nothing was sent."""


class NotDone(Exception):
    """Raise it in a gated tool to say: nothing happened, and that is certain.

    The effect is recorded as failed. Every other exception leaves the outcome unknown, and a person settles it.
    """


class ToolFailed(Exception):
    """What a tool returned says that it failed: a `ToolMessage` whose status is `error`, or MCP's `isError`.

    Whether something happened is as uncertain as after any exception. A tool whose own word for failure means that
    nothing happened, for certain, is declared with `not_done=(ToolFailed,)`.
    """


class NotApproved(Exception):
    """People, or silence, did not approve. `decision` says how and why."""

    def __init__(self, summary: str, decision: Any) -> None:
        super().__init__(summary)
        self.decision = decision


class Halt(BaseException):
    """Leaves a node past any `except Exception`: only the runner may catch it.

    Args:
        code: why, as one of the codes of `AttentionNeeded`.
        reason: a sentence for the person who looks at it.
        request_id: the request in question.
    """

    def __init__(self, code: str, reason: str, request_id: str | None = None) -> None:
        super().__init__(reason)
        self.code = code
        self.reason = reason
        self.request_id = request_id


class AdvanceOvertaken(Halt):
    """This advance no longer holds its run; whoever holds it goes on."""

    def __init__(self, run_id: str) -> None:
        super().__init__("overtaken", f"another worker, or a person, has taken {run_id} over")
