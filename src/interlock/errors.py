"""Every error that Interlock raises, in one tree. Each class says what it means.

::

    InterlockError                    has a stable `code`, a sentence, and `details` for programs
    ├── BadInput                      InvalidValue, InvalidConfig, InvalidPolicy, InvalidAnswer, InvalidContext,
    │                                 InvalidAgent, InvalidState
    ├── Refused                       NotFound, Unauthenticated, TooManyAttempts, Forbidden, Closed, TooLate, TooEarly,
    │                                 WrongDigest, NotOffered, ReasonMissing, NotEditable, NoVote, TooManyRequests,
    │                                 EffectRefused; the refusal is in the log. AlreadyIssued, TooManyCalls
    │   ├── Unauthenticated           SecondFactorNeeded
    │   └── EffectRefused             AlreadyClaimed
    ├── Conflict                      WindowMoved, NotInTime
    ├── ProviderUnavailable, TooBusy, TakesTooLong
    ├── ModelFailed                   ModelUnavailable, ModelNotUsable
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
    """An error that Interlock can explain in a sentence.

    Args:
        message: what is wrong, and what to do next.
        details: the same, as values for programs.

    Attributes:
        call_id: the id of the call in the server's access log, if a server has raised the error.
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
    """A context or a configurable that does not fit the agent, or that the caller may not give."""


class InvalidAgent(BadInput, code="invalid_agent"):
    """An agent that cannot be found, loaded or governed."""


class InvalidState(BadInput, code="invalid_state"):
    """A state that would come back from the store as another value."""


class Refused(InterlockError, code="refused"):
    """The rules say no."""


class NotFound(Refused, code="not_found"):
    """There is no such request or run here."""


class Unauthenticated(Refused, code="unauthenticated"):
    """The caller is not known: the token, session or link is missing, unknown, expired or ended."""


class ProviderUnavailable(InterlockError, code="provider_unavailable"):
    """An identity provider does not answer, or answers wrongly; nobody was signed in."""


class TooBusy(InterlockError, code="too_busy"):
    """The server has too much work of this kind; nothing was done. `retry_after` says when to try again."""


class TakesTooLong(InterlockError, code="takes_too_long"):
    """The call is valid, but its work does not fit into one call; calling again does not help."""


class ModelFailed(InterlockError, code="model_failed"):
    """A model that an agent asked gave no answer that can be used; `details` say why."""


class ModelUnavailable(ModelFailed, code="model_unavailable"):
    """A model gave no answer now; asking it again may help. A run in which it is raised is tried again."""


class ModelNotUsable(ModelFailed, code="model_not_usable"):
    """A model cannot be asked like this. A run in which it is raised waits until a person has changed something."""


class SecondFactorNeeded(Unauthenticated, code="second_factor_needed"):
    """Name and password are right, but signing in also needs a code of an authenticator."""


class TooManyAttempts(Refused, code="too_many_attempts"):
    """Too many attempts to sign in have failed; the next one has to wait."""


class Forbidden(Refused, code="forbidden"):
    """This principal may not do that."""


class Closed(Refused, code="closed"):
    """The request has its outcome, or the run has ended."""


class TooLate(Refused, code="too_late"):
    """The deadline has passed: a vote no longer counts."""


class TooEarly(Refused, code="too_early"):
    """Nothing is due yet."""


class WrongDigest(Refused, code="wrong_digest"):
    """The request has changed since the voter saw it."""


class NotOffered(Refused, code="not_offered"):
    """The request does not offer this verdict."""


class ReasonMissing(Refused, code="reason_missing"):
    """The policy demands a comment with this verdict."""


class NotEditable(Refused, code="not_editable"):
    """The policy does not let a reviewer change this argument."""


class NoVote(Refused, code="no_vote"):
    """This person has no vote in the present step."""


class TooManyRequests(Refused, code="too_many_requests"):
    """Too many requests of the agent wait, or were opened lately. This refusal is not in the log."""


class TooManyCalls(Refused, code="too_many_calls"):
    """The caller has called too often; `retry_after` says how many seconds to wait."""


class EffectRefused(Refused, code="effect_refused"):
    """The effect may not begin, or its result does not fit its state."""


class AlreadyClaimed(EffectRefused, code="already_claimed"):
    """This call has claimed the effect before. Only its caller can know whether it was done since."""


class AlreadyIssued(Refused, code="already_issued"):
    """The call was repeated with its key, but the first answer held a secret; `details` name what was made."""


class Conflict(InterlockError, code="conflict"):
    """Somebody else changed the same thing first, several times in a row."""


class WindowMoved(Conflict):
    """Another run has asked for an action that this decision counts."""


class NotInTime(Conflict):
    """The commit came after its time limit; nothing was changed."""


class StoreError(InterlockError, code="store_error"):
    """The database cannot do what was asked."""


class RecordAltered(StoreError, code="record_altered"):
    """A row or a log entry was altered since it was written: nothing is decided or executed by it."""


class StoreUnavailable(StoreError, code="store_unavailable"):
    """The database does not answer, is full, or cannot be written to."""


class StoreReplaced(StoreUnavailable, code="store_replaced"):
    """The database's file was removed or replaced while this process used it; nothing more is written to it."""


class StoreTooNew(StoreError, code="store_too_new"):
    """The database was made by another version of Interlock, usually a newer one, with another format."""


class ServerError(InterlockError, code="server_error"):
    """The answer does not come from a server of Interlock, or the server has a defect."""


class ServerBusy(ServerError, code="server_busy"):
    """The server was too busy at every attempt."""


class ServerUnreachable(ServerError, code="server_unreachable"):
    """No server answers at this address, or the connection broke and could not be made again."""


class ServerTimeout(ServerUnreachable, code="server_timeout"):
    """The server did not answer in time; it may or may not have done what was asked."""


class UntrustedServer(ServerUnreachable, code="untrusted_server"):
    """The server's certificate does not prove that it is the right server; nothing was sent."""


class NotDone(Exception):
    """Raise it in a gated tool to say that certainly nothing happened.

    The effect is recorded as failed. Every other exception leaves the outcome unknown, and a person settles it.
    """


class ToolFailed(Exception):
    """The tool has returned a failure: a `ToolMessage` whose status is `error`, or MCP's `isError`.

    As after any exception, nobody knows whether something happened. If a failure of the tool means that certainly
    nothing happened, declare the tool with `not_done=(ToolFailed,)`.
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
    """This advance no longer holds its run; another worker, or a person, has taken it over."""

    def __init__(self, run_id: str) -> None:
        super().__init__("overtaken", f"another worker, or a person, has taken {run_id} over")
