"""A SageMaker endpoint as a chat model of LangChain: its words appear where LangGraph streams messages."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

from langchain_core.callbacks import CallbackManagerForLLMRun
from langchain_core.language_models import BaseChatModel
from langchain_core.messages import AIMessage, AIMessageChunk, BaseMessage
from langchain_core.outputs import ChatGeneration, ChatGenerationChunk, ChatResult
from pydantic import ConfigDict

from interlock.agents.sagemaker.contracts import (
    Chat,
    Contract,
    ContractMismatch,
    ModelReportedError,
    ModelRequest,
    TextGeneration,
    check_error,
)
from interlock.agents.sagemaker.endpoint import READ_TIMEOUT, Endpoint
from interlock.agents.sagemaker.failures import Failure, failure, failure_by_status
from interlock.agents.sagemaker.streamed import DONE, NotJson, decoded, values

MAX_TOKENS = 1024
MAX_BYTES = 800_000
"""Largest answer that is read."""

CONTRACT = "INTERLOCK_SAGEMAKER_CONTRACT"


class SageMakerChat(BaseChatModel):
    """Asks a SageMaker endpoint. Each call opens a client and closes it, so that new credentials count at once.

    `invoke` streams if somebody watches, as any chat model in a graph; `disable_streaming=True` keeps it from that.
    Tools cannot be bound. What fails is `ModelUnavailable` (asking again may help) or `ModelNotUsable` (it does not);
    `details["cause"]` is one of `failures.CAUSES`.

    Args:
        endpoint: the endpoint's name.
        contract: what its container takes and answers: `Chat`, `TextGeneration` or `Custom`.
        component: the inference component, where the endpoint has several.
        region: goes before AWS_REGION and what botocore finds; credentials are botocore's matter altogether.
        max_tokens: how long an answer may be, in tokens.
        read_timeout: seconds without a byte after which a call is given up.
    """

    model_config = ConfigDict(arbitrary_types_allowed=True)

    endpoint: str
    contract: Any = Chat()
    component: str = ""
    region: str = ""
    max_tokens: int = MAX_TOKENS
    read_timeout: float = READ_TIMEOUT

    @property
    def _llm_type(self) -> str:
        return "sagemaker-endpoint"

    @property
    def _identifying_params(self) -> dict[str, Any]:
        return {"endpoint": self.endpoint, "contract": self.contract.name, "max_tokens": self.max_tokens}

    def _generate(
        self,
        messages: list[BaseMessage],
        stop: list[str] | None = None,
        run_manager: CallbackManagerForLLMRun | None = None,  # noqa: ARG002 - nothing is said before the end
        **kwargs: Any,  # noqa: ARG002 - LangChain's
    ) -> ChatResult:
        asked = ModelRequest(messages, self.max_tokens, stop or ())
        raw = self._client().whole(self._request(asked))
        try:
            found = decoded(raw)
        except NotJson as error:
            raise self._unread(error, None, asked) from None
        try:
            check_error(found)
            text: str = self.contract.text(found, asked)
        except (ContractMismatch, ModelReportedError) as error:
            raise self._unread(error, found, asked) from None
        return ChatResult(generations=[ChatGeneration(message=AIMessage(text))])

    def _stream(
        self,
        messages: list[BaseMessage],
        stop: list[str] | None = None,
        run_manager: CallbackManagerForLLMRun | None = None,  # noqa: ARG002 - LangChain tells of chunks by itself
        **kwargs: Any,  # noqa: ARG002 - LangChain's
    ) -> Iterator[ChatGenerationChunk]:
        if not self.contract.streams:
            for generation in self._generate(messages, stop).generations:
                yield _chunk(generation.text)
            return
        for text in self._texts(ModelRequest(messages, self.max_tokens, stop or (), stream=True)):
            yield _chunk(text)

    def _texts(self, asked: ModelRequest) -> Iterator[str]:
        """Yield the texts of a streamed answer as they come; the error for what broke off or does not fit."""
        last: Any = None
        ended: bool | None = None
        said = False
        try:
            for value in values(self._client().stream(self._request(asked))):
                if value is DONE:
                    ended = True
                    break
                last = value
                check_error(value)
                piece = self.contract.piece(value, asked)
                ended = piece.ended if piece.ended is not None and not ended else ended
                if piece.text:
                    said = True
                    yield piece.text
            if last is not None and not said and ended is None:
                yield self.contract.text(last, asked)
        except (NotJson, ContractMismatch, ModelReportedError) as error:
            raise self._unread(error, last, asked) from None
        if ended is False or (last is None and ended is None):
            raise failure(self.endpoint, "answer_broken", "its stream ended without its mark of the end")

    def _client(self) -> Endpoint:
        return Endpoint(self.endpoint, MAX_BYTES, self.component, self.region, self.read_timeout)

    def _request(self, asked: ModelRequest) -> dict[str, Any]:
        try:
            body: dict[str, Any] = self.contract.request(asked)
        except ValueError as error:
            raise failure(self.endpoint, "bad_settings", str(error)) from None
        return body

    def _unread(self, error: Exception, found: Any, asked: ModelRequest) -> Failure:
        """Return the error for an answer that has no text, with the contract that it would fit."""
        if isinstance(error, ModelReportedError):
            return failure_by_status(self.endpoint, error.status, str(error))
        if isinstance(error, NotJson):
            return failure(self.endpoint, "answer_misfit", f"it is not JSON; it begins with {str(error)!r}")
        fits = next((other.name for other in (Chat(), TextGeneration()) if _fits(other, found, asked)), "")
        hint = f"It fits another contract: {CONTRACT}={fits}" if fits else f"Describe it with {CONTRACT}=custom"
        return failure(self.endpoint, "answer_misfit", f"{error}. {hint}")


def _fits(contract: Contract, answer: Any, asked: ModelRequest) -> bool:
    """Say whether a whole answer, or a value of a stream, has the form of a contract."""
    try:
        contract.piece(answer, asked) if asked.stream else contract.text(answer, asked)
    except ContractMismatch:
        return False
    return True


def _chunk(text: str) -> ChatGenerationChunk:
    return ChatGenerationChunk(message=AIMessageChunk(content=text))
