"""Endpoint of one endpoint through botocore, each with an end: so many attempts, so much time, so many bytes.

Credentials and region are botocore's matter: environment, profile, sign-in, role, container, instance. Nothing of them
is read, kept or told here. https://docs.aws.amazon.com/boto3/latest/guide/credentials.html
"""

from __future__ import annotations

import json
import os
import random
import time
from collections.abc import Callable, Iterator
from contextlib import closing, contextmanager
from dataclasses import dataclass
from functools import cache
from typing import Any

from botocore.config import Config  # type: ignore[import-untyped]  # it brings no types
from botocore.loaders import create_loader  # type: ignore[import-untyped]  # it brings no types
from botocore.session import Session  # type: ignore[import-untyped]  # it brings no types

from interlock import ModelNotUsable, ModelUnavailable
from interlock.agents.sagemaker.failures import CAUSES, failure, failure_of

CONNECT_TIMEOUT = 5
READ_TIMEOUT = 70
"""Seconds without a byte after which we stop waiting: AWS gives a model 60 and advises 70 to its clients."""

STREAM_TIMEOUT = 600
"""Seconds after which a stream is given up; AWS ends one after 480."""

ATTEMPTS = 3
"""Attempts of one call, where AWS_MAX_ATTEMPTS or the profile's `max_attempts` says nothing else."""

FIRST_WAIT, LONGEST_WAIT = 0.5, 8.0


@dataclass(frozen=True, slots=True)
class Endpoint:
    """Endpoint one endpoint.

    Args:
        component: its inference component, where it has several.
        region: goes before AWS_REGION and what botocore knows.
        most: how many bytes of a whole answer are read; ten times as many of a stream, which says more about each word.
    """

    endpoint: str
    most: int
    component: str = ""
    region: str = ""
    read_timeout: float = READ_TIMEOUT
    sleep: Callable[[float], None] = time.sleep
    clock: Callable[[], float] = time.monotonic

    def whole(self, body: dict[str, Any]) -> bytes:
        """Return a whole answer.

        Raises:
            ModelUnavailable, ModelNotUsable: there is none.
        """
        with self._failing(), self._client() as (client, attempts):
            answer = self._patiently(client.invoke_endpoint, body, attempts)["Body"]
            with closing(answer):
                raw: bytes = answer.read(self.most + 1)
        if len(raw) > self.most:
            raise self._too_long(self.most)
        return raw

    def stream(self, body: dict[str, Any]) -> Iterator[bytes]:
        """Yield the parts of an answer as they come, cut anywhere.

        Raises:
            ModelUnavailable, ModelNotUsable: there is none, or it broke off.
        """
        ends, most = self.clock() + STREAM_TIMEOUT, 10 * self.most
        with self._failing(), self._client() as (client, attempts):
            stream = self._patiently(client.invoke_endpoint_with_response_stream, body, attempts)["Body"]
            with closing(stream):
                left = most
                for event in stream:
                    part: bytes = event.get("PayloadPart", {}).get("Bytes", b"")
                    left -= len(part)
                    if left < 0:
                        raise self._too_long(most)
                    if self.clock() > ends:
                        raise failure(self.endpoint, "client_timeout", f"a stream of {STREAM_TIMEOUT} seconds")
                    yield part

    def _patiently(self, call: Callable[..., Any], body: dict[str, Any], attempts: int) -> Any:
        """Make a call; where another attempt may well succeed in a moment, make it up to so many times."""
        given: dict[str, Any] = {"EndpointName": self.endpoint, "Body": json.dumps(body).encode()}
        given |= {"ContentType": "application/json"}
        given |= {"Accept": "application/json"} if call.__name__ == "invoke_endpoint" else {}
        given |= {"InferenceComponentName": self.component} if self.component else {}
        for attempt in range(1, attempts + 1):
            try:
                return call(**given)
            except Exception as error:  # noqa: BLE001 - every error has its cause in the table
                failed = failure_of(error, self.endpoint)
            if attempt == attempts or not CAUSES[str(failed.details["cause"])].at_once:
                failed.details["attempts"] = attempt
                raise failed
            self.sleep(min(LONGEST_WAIT, FIRST_WAIT * 2**attempt) * random.uniform(0.5, 1.0))  # noqa: S311 - no secret
        raise AssertionError  # pragma: no cover - there is at least one attempt

    @contextmanager
    def _client(self) -> Iterator[tuple[Any, int]]:
        """Open a client for one call, and say how many attempts the call has."""
        session = Session()
        session.register_component("data_loader", _service_descriptions(session.get_config_variable("data_path")))
        region = self.region or os.environ.get("AWS_REGION") or None  # botocore itself reads AWS_DEFAULT_REGION only
        config = Config(
            connect_timeout=CONNECT_TIMEOUT, read_timeout=self.read_timeout, retries={"total_max_attempts": 1}
        )
        said = session.get_config_variable("max_attempts")
        client = session.create_client("sagemaker-runtime", region_name=region, config=config)
        with closing(client):
            yield client, ATTEMPTS if said is None else max(1, said)

    @contextmanager
    def _failing(self) -> Iterator[None]:
        """Turn what botocore raises, also while an answer is read, into what it means."""
        try:
            yield
        except (ModelUnavailable, ModelNotUsable):
            raise
        except Exception as error:  # noqa: BLE001 - every error has its cause in the table
            raise failure_of(error, self.endpoint) from None

    def _too_long(self, most: int) -> Exception:
        return failure(self.endpoint, "answer_too_long", f"more than {most:,} bytes")


@cache
def _service_descriptions(where: str | None) -> Any:
    """Return what botocore knows of AWS's services, read once in a process: it takes most of the time of a client."""
    return create_loader(where)
