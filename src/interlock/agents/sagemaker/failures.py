"""Why a SageMaker endpoint gave no answer: one table of causes, and which of them an error of botocore is."""

from __future__ import annotations

import re
from collections.abc import Mapping
from typing import Any, Final, NamedTuple

import urllib3.exceptions as http
from botocore import eventstream  # type: ignore[import-untyped]  # it brings no types
from botocore import exceptions as aws

from interlock import ModelNotUsable, ModelUnavailable

Failure = ModelUnavailable | ModelNotUsable

MAX_SAID = 300
"""How many characters of what a model or AWS says are told."""


class Cause(NamedTuple):
    """Why there is no answer, in a sentence, and what to do about it.

    Args:
        again: asking again later may help; else a person changes something first.
        at_once: the same call may well succeed in a moment.
    """

    says: str
    advice: str
    again: bool = False
    at_once: bool = False


CAUSES: Final[Mapping[str, Cause]] = {
    "busy": Cause("has too many calls at the moment", "If this stays, give it more room.", again=True, at_once=True),
    "not_ready": Cause("is still loading its model", "Wait a few minutes.", again=True, at_once=True),
    "service_failed": Cause("was not reached, because SageMaker failed", "Try again.", again=True, at_once=True),
    "unreachable": Cause(
        "cannot be connected to", "Look at network, proxy, region and address.", again=True, at_once=True
    ),
    "client_timeout": Cause(
        "did not answer in time, and we stopped waiting; its model may still be at work", "Try again.", again=True
    ),
    "model_timeout": Cause(
        "was stopped by SageMaker: its model took longer than the 60 seconds that it has, or the 8 minutes of a stream",
        "Ask for fewer tokens, or give it a faster instance.",
        again=True,
    ),
    "answer_broken": Cause("broke off before its answer was complete", "Try again.", again=True),
    "model_failed": Cause("has a model that failed", "Its log in CloudWatch says more.", again=True),
    "answer_too_long": Cause("answered with more than is read", "Ask for fewer tokens.", again=True),
    "credentials_away": Cause("was not asked: AWS credentials could not be fetched from their source", "", again=True),
    "unknown": Cause("could not be asked", "", again=True),
    "model_refused": Cause(
        "has a model that refuses the request", "Look at the contract (INTERLOCK_SAGEMAKER_CONTRACT), or ask for less."
    ),
    "answer_misfit": Cause("answered in a form that the contract does not have", ""),
    "not_found": Cause("does not exist in this account and region", "Look at its name, at AWS_REGION and AWS_PROFILE."),
    "request_refused": Cause("was not asked: SageMaker refuses the request", ""),
    "bad_settings": Cause("cannot be asked as it is set up", ""),
    "no_region": Cause("was not asked: no region is known, or a wrong one", "Set AWS_REGION, such as eu-central-1."),
    "no_credentials": Cause(
        "was not asked: there are no AWS credentials",
        "Set AWS_PROFILE, sign in (aws sso login), or give this machine a role.",
    ),
    "credentials_expired": Cause("was not asked: the AWS credentials have expired", "Sign in anew: aws sso login."),
    "credentials_refused": Cause(
        "was not asked: AWS does not accept the credentials", "Look at the keys, and at this machine's clock."
    ),
    "access_denied": Cause("was not asked: access is denied", "The role needs sagemaker:InvokeEndpoint on it."),
    "not_trusted": Cause("was not asked: its certificate is not trusted", "Look at AWS_CA_BUNDLE and the proxy."),
}
"""Every cause, by the name that `details["cause"]` has."""

_THROTTLED = frozenset(
    {
        *("Throttling", "ThrottlingException", "ThrottledException", "RequestThrottled", "RequestThrottledException"),
        *("TooManyRequestsException", "RequestLimitExceeded", "LimitExceededException", "SlowDown"),
    }
)
_EXPIRED = frozenset({"ExpiredToken", "ExpiredTokenException", "RequestExpired", "TokenRefreshRequired"})
_NOT_ACCEPTED = frozenset(
    {
        *("UnrecognizedClientException", "InvalidClientTokenId", "InvalidSignatureException", "SignatureDoesNotMatch"),
        *("IncompleteSignature", "IncompleteSignatureException", "MissingAuthenticationToken", "AuthFailure"),
        "MissingAuthenticationTokenException",
    }
)
_OF_BOTOCORE: Final[tuple[tuple[tuple[type[BaseException], ...], str], ...]] = (
    ((aws.ReadTimeoutError, http.ReadTimeoutError), "client_timeout"),
    ((aws.SSLError,), "not_trusted"),
    ((aws.ConnectionClosedError, aws.ResponseStreamingError, aws.IncompleteReadError), "answer_broken"),
    ((http.HTTPError, eventstream.ParserError), "answer_broken"),
    ((aws.ConnectionError, aws.HTTPClientError), "unreachable"),
    ((aws.NoRegionError, aws.InvalidRegionError, aws.UnknownRegionError), "no_region"),
    (
        (aws.SSOError, aws.TokenRetrievalError, aws.LoginError, aws.RefreshWithMFAUnsupportedError),
        "credentials_expired",
    ),
    ((aws.NoCredentialsError, aws.PartialCredentialsError, aws.ProfileNotFound), "no_credentials"),
    ((aws.UnknownCredentialError, aws.NoAuthTokenError), "no_credentials"),
    ((aws.CredentialRetrievalError, aws.MetadataRetrievalError), "credentials_away"),
    ((aws.ConfigParseError, aws.ConfigNotFound, aws.InvalidConfigError, aws.ParamValidationError), "bad_settings"),
    ((aws.MissingDependencyException, aws.ValidationError), "bad_settings"),
    ((aws.EndpointProviderError, aws.InvalidEndpointConfigurationError, ValueError), "bad_settings"),
)
_NOT_TOLD = frozenset({"credentials_away", "credentials_refused", "credentials_expired"})
"""Causes of which AWS's own words may hold a credential: those of a helper program, or the signed request."""

_LATE = re.compile(r"timed?[ -]?out|timing out|TimeExceeded|time limit", re.IGNORECASE)
"""How SageMaker says that a model took too long. Of a stream's error botocore keeps the message, and no `ErrorCode`."""

_SECRET = re.compile(r"(?<=//)[^/\s@]+@|\b(?:AKIA|ASIA)[A-Z0-9]{12,}|\b(?=[A-Za-z+/=_]*\d)[A-Za-z0-9+/=_]{32,}")


def failure(endpoint: str, cause: str, said: str = "", **details: object) -> Failure:
    """Return the error for a cause.

    Args:
        said: what the model or AWS says about it; long words in it are left out, as they may be keys.
        details: more for programs, beside `cause` and `endpoint`.
    """
    row = CAUSES[cause]
    told = f": {harmless(said)}" if said else ""
    message = f"SageMaker endpoint {endpoint} {row.says}{told}".rstrip(".") + "."
    kind = ModelUnavailable if row.again else ModelNotUsable
    return kind(f"{message} {row.advice}".rstrip(), cause=cause, endpoint=endpoint, **details)


def harmless(said: str) -> str:
    """Return what somebody else says in one line, short, and without what may be a key."""
    line = _SECRET.sub("(left out)", " ".join(said.split()))
    return line if len(line) <= MAX_SAID else line[: MAX_SAID - 1] + "…"


def failure_of(error: Exception, endpoint: str) -> Failure:
    """Return what an error of botocore means."""
    if isinstance(error, aws.ClientError):
        return _of_aws(error, endpoint)
    cause = next((cause for kinds, cause in _OF_BOTOCORE if isinstance(error, kinds)), "unknown")
    told = str(error) if cause in {"no_credentials", "bad_settings"} else ""
    return failure(endpoint, cause, told or f"({type(error).__name__})" * (cause == "unknown"))


def failure_by_status(endpoint: str, status: int, said: str) -> Failure:
    """Return what it means that a model answered with an HTTP status that is no success."""
    causes = {408: "model_timeout", 429: "busy", 503: "busy", 504: "model_timeout", 507: "busy"}
    cause = causes.get(status) or ("model_refused" if 400 <= status < 500 else "model_failed")  # noqa: PLR2004 - HTTP's
    return failure(endpoint, cause, f"status {status}: {said}" if status else said, status=status)


def _of_aws(error: aws.ClientError, endpoint: str) -> Failure:
    response: dict[str, Any] = dict(error.response)
    told = response.get("Error", {})
    code, said = str(told.get("Code", "")), str(told.get("Message", ""))
    if code == "ModelError":
        return _of_model(response, said, endpoint)
    if code == "ModelStreamError":
        return failure(endpoint, "model_timeout" if _LATE.search(said) else "answer_broken", said, code=code)
    cause = _cause_of(code, said, int(response.get("ResponseMetadata", {}).get("HTTPStatusCode") or 0))
    if not error.operation_name.startswith("InvokeEndpoint"):  # what gives the credentials, such as AssumeRole
        says_no = cause in {"access_denied", "request_refused", "not_found", "credentials_refused"}
        cause = "credentials_refused" if says_no else cause if cause == "credentials_expired" else "credentials_away"
    return failure(endpoint, cause, "" if cause in _NOT_TOLD else f"{code}: {said}", code=code)


def _of_model(response: dict[str, Any], said: str, endpoint: str) -> Failure:
    status = int(response.get("OriginalStatusCode") or 0)
    if "invocation timed out" in said or (status == 0 and _LATE.search(said)):  # what SageMaker says, not the container
        return failure(endpoint, "model_timeout", status=status)
    return failure_by_status(endpoint, status, str(response.get("OriginalMessage") or said))


def _cause_of(code: str, said: str, status: int) -> str:  # noqa: PLR0911 - one line a cause
    if code in _THROTTLED or (status == 429 and code != "ModelNotReadyException"):  # noqa: PLR2004 - HTTP's
        return "busy"
    if code == "ModelNotReadyException":
        return "not_ready"
    if code == "InternalStreamFailure" or "RequestTimeout" in code:  # the latter: AWS waited for our request in vain
        return "answer_broken"
    if code in _EXPIRED:
        return "credentials_expired"
    if code in _NOT_ACCEPTED:
        return "credentials_refused"
    if "AccessDenied" in code or status == 403:  # noqa: PLR2004 - HTTP's
        return "access_denied"
    if status >= 500:  # noqa: PLR2004 - HTTP's
        return "service_failed"
    return "not_found" if re.search(r"not found|could not find", said, re.IGNORECASE) else "request_refused"
