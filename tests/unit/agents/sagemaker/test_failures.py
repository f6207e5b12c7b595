"""Each error of botocore has its cause, its sentence, and whether asking again may help."""

import re
from pathlib import Path

import botocore.session
import pytest
import urllib3.exceptions
from botocore import eventstream
from botocore import exceptions as aws
from botocore.config import Config
from botocore.stub import Stubber

from interlock import ModelNotUsable, ModelUnavailable
from interlock.agents.sagemaker.failures import CAUSES, failure, failure_of, harmless

STREAM = "InvokeEndpointWithResponseStream"
WORDS = {"endpoint_url": "https://u:password@host", "error": "password", "error_msg": "password", "provider": "process"}


def refused(code, status=400, message="", **members):
    """Return the error that botocore raises for an answer of AWS."""
    session = botocore.session.Session()
    session.set_credentials("a", "b")
    client = session.create_client("sagemaker-runtime", "eu-central-1", config=Config(retries={"max_attempts": 0}))
    with Stubber(client) as stub:
        stub.add_client_error("invoke_endpoint", code, message, status, modeled_fields=members or None)
        with pytest.raises(aws.ClientError) as raised:
            client.invoke_endpoint(EndpointName="planner", Body=b"{}")
    client.close()
    return raised.value


def made(kind):
    """Return an error of botocore with its words filled in; `password` stands for what must not be told."""
    return kind(**WORDS) if issubclass(kind, aws.BotoCoreError) else kind("password")


@pytest.mark.parametrize(
    ("error", "cause"),
    [
        (refused("ModelError", 424, "Received client error (422)", OriginalStatusCode=422), "model_refused"),
        (refused("ModelError", 424, "Received server error (500)", OriginalStatusCode=500), "model_failed"),
        (refused("ModelError", 424, "Received server error (503)", OriginalStatusCode=503), "busy"),
        (refused("ModelError", 424, "Received client error (429)", OriginalStatusCode=429), "busy"),
        (refused("ModelError", 424, "no memory", OriginalStatusCode=507), "busy"),
        (refused("ModelError", 424, "late", OriginalStatusCode=504), "model_timeout"),
        (
            refused(
                "ModelError",
                424,
                'Received server error (0) from primary with message "Your invocation timed out while waiting for a '
                'response from container primary."',
                OriginalStatusCode=0,
            ),
            "model_timeout",
        ),
        (refused("ModelError", 424, "?"), "model_failed"),
        (
            refused("ModelError", 424, "(0)... Your invocation timed out", OriginalMessage="Your invocation timed out"),
            "model_timeout",
        ),
        (refused("ModelError", 424, "(500) my database timed out", OriginalStatusCode=500), "model_failed"),
        (refused("ModelNotReadyException", 429, "loading"), "not_ready"),
        (refused("ThrottlingException", 400, "Rate exceeded"), "busy"),
        (refused("SlowDown", 400), "busy"),
        (refused("SomethingElse", 429), "busy"),
        (refused("RequestTimeout", 400), "answer_broken"),
        (refused("ServiceUnavailable", 503), "service_failed"),
        (refused("InternalFailure", 500), "service_failed"),
        (refused("InternalDependencyException", 530), "service_failed"),
        (refused("ValidationError", 400, "Endpoint planner of account 1 not found."), "not_found"),
        (refused("ValidationError", 400, "Could not find inference component x"), "not_found"),
        (refused("ValidationError", 400, "The content type is not supported"), "request_refused"),
        (refused("AccessDeniedException", 400, "User x is not authorized"), "access_denied"),
        (refused("Odd", 403), "access_denied"),
        (refused("ExpiredTokenException", 403, "The security token is expired"), "credentials_expired"),
        (refused("UnrecognizedClientException", 403, "The security token is invalid"), "credentials_refused"),
        (refused("InvalidSignatureException", 403, "Signature expired"), "credentials_refused"),
        (aws.EventStreamError({"Error": {"Code": "InternalStreamFailure"}}, STREAM), "answer_broken"),
        (aws.EventStreamError({"Error": {"Code": "ModelStreamError", "Message": "reset"}}, STREAM), "answer_broken"),
        (
            aws.EventStreamError({"Error": {"Code": "ModelStreamError", "Message": "Model timed out"}}, STREAM),
            "model_timeout",
        ),
    ],
)
def test_what_aws_refuses(error, cause):
    assert failure_of(error, "planner").details["cause"] == cause


@pytest.mark.parametrize(
    ("kind", "cause"),
    [
        (aws.ReadTimeoutError, "client_timeout"),
        (aws.ConnectTimeoutError, "unreachable"),
        (aws.EndpointConnectionError, "unreachable"),
        (aws.SSLError, "not_trusted"),
        (aws.ConnectionClosedError, "answer_broken"),
        (aws.ResponseStreamingError, "answer_broken"),
        (urllib3.exceptions.ProtocolError, "answer_broken"),
        (eventstream.ParserError, "answer_broken"),
        (aws.HTTPClientError, "unreachable"),
        (aws.NoRegionError, "no_region"),
        (aws.NoCredentialsError, "no_credentials"),
        (aws.CredentialRetrievalError, "credentials_away"),
        (aws.MetadataRetrievalError, "credentials_away"),
        (aws.UnauthorizedSSOTokenError, "credentials_expired"),
        (aws.SSOTokenLoadError, "credentials_expired"),
        (aws.TokenRetrievalError, "credentials_expired"),
        (aws.LoginRefreshRequired, "credentials_expired"),
        (RuntimeError, "unknown"),
    ],
)
def test_what_botocore_raises_itself_is_told_without_its_words(kind, cause):
    failed = failure_of(made(kind), "planner")
    assert failed.details["cause"] == cause
    assert "password" not in failed.message


@pytest.mark.parametrize(
    ("code", "status", "cause"),
    [
        ("AccessDenied", 403, "credentials_refused"),
        ("ValidationError", 400, "credentials_refused"),
        ("ExpiredTokenException", 400, "credentials_expired"),
        ("ThrottlingException", 400, "credentials_away"),
        ("InternalFailure", 500, "credentials_away"),
    ],
)
def test_what_a_source_of_credentials_refuses_is_no_matter_of_the_endpoint(code, status, cause):
    told = {"Error": {"Code": code, "Message": "password"}, "ResponseMetadata": {"HTTPStatusCode": status}}
    failed = failure_of(aws.ClientError(told, "AssumeRole"), "planner")
    assert failed.details["cause"] == cause
    assert "password" not in failed.message


def test_a_late_stream_of_urllib3_is_the_clients_time_out():
    late = urllib3.exceptions.ReadTimeoutError(None, "/", "Read timed out.")
    assert failure_of(late, "planner").details["cause"] == "client_timeout"


@pytest.mark.parametrize(
    ("error", "says"),
    [
        (aws.ProfileNotFound(profile="work"), r"no AWS credentials: The config profile \(work\) could not be found"),
        (
            aws.PartialCredentialsError(provider="env", cred_var="AWS_SECRET_ACCESS_KEY"),
            "missing: AWS_SECRET_ACCESS_KEY",
        ),
        (aws.ConfigParseError(path="/etc/aws"), "Unable to parse config file: /etc/aws"),
        (ValueError("Invalid endpoint: nowhere"), "Invalid endpoint: nowhere"),
        (RuntimeError("password"), r"could not be asked: \(RuntimeError\)"),
    ],
)
def test_what_is_wrong_with_a_setting_is_named(error, says):
    with pytest.raises((ModelUnavailable, ModelNotUsable), match=says):
        raise failure_of(error, "planner")


def test_a_model_is_quoted_with_its_status_and_without_keys():
    key, token = "AKIA" + "Q" * 16, "hf_" + "x1Y2" * 9
    said = f"bad\n {key} {token}\x00" + "y " * 900
    failed = failure_of(refused("ModelError", 424, "?", OriginalStatusCode=422, OriginalMessage=said), "planner")
    assert "refuses the request: status 422: bad (left out) (left out)" in failed.message
    assert key not in failed.message
    assert token not in failed.message
    assert len(failed.message) < 600
    assert failed.details == {"cause": "model_refused", "endpoint": "planner", "status": 422}


def test_a_signed_request_is_not_told():
    said = "The Canonical String for this request should have been 'x-amz-security-token:IQoJ'"
    assert "IQoJ" not in failure_of(refused("SignatureDoesNotMatch", 403, said), "planner").message


@pytest.mark.parametrize("cause", CAUSES)
def test_each_cause_is_a_sentence_and_says_whether_asking_again_may_help(cause):
    failed = failure("planner", cause, "why")
    assert failed.message.startswith("SageMaker endpoint planner ")
    assert ": why." in failed.message
    assert isinstance(failed, ModelUnavailable if CAUSES[cause].again else ModelNotUsable)
    assert CAUSES[cause].again or not CAUSES[cause].at_once


def test_the_causes_for_which_a_person_has_to_do_something():
    assert {name for name, cause in CAUSES.items() if not cause.again} == {
        *("model_refused", "answer_misfit", "not_found", "request_refused", "bad_settings", "no_region"),
        *("no_credentials", "credentials_expired", "credentials_refused", "access_denied", "not_trusted"),
    }


def test_others_words_are_one_short_line():
    assert harmless("a\n b\t c") == "a b c"
    assert harmless("http://user:word@host/x") == "http://(left out)host/x"
    assert harmless("INTERLOCK_SAGEMAKER_CONTRACT=text") == "INTERLOCK_SAGEMAKER_CONTRACT=text"
    assert len(harmless("ab " * 900)) == 300


def test_the_page_has_each_cause_and_whether_it_is_tried_again():
    page = (Path(__file__).parents[4] / "docs" / "how-to" / "sagemaker.md").read_text()
    told = dict(re.findall(r"^\| `(\w+)` \| (yes, at once|yes|no) \|", page, re.MULTILINE))
    means = {True: {True: "yes, at once", False: "yes"}, False: {False: "no"}}
    assert told == {name: means[cause.again][cause.at_once] for name, cause in CAUSES.items()}
