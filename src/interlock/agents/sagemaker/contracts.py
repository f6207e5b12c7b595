"""What a container takes and what it answers: chat messages, text generation, or JSON as its users describe it."""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any, ClassVar, NamedTuple, Protocol

from langchain_core.messages import BaseMessage, convert_to_openai_messages, get_buffer_string

from interlock.agents.sagemaker.templates import Path, Template

MAX_KEYS = 8
DEEPEST = 4


class ContractMismatch(ValueError):
    """An answer does not have the form of the contract. The message says what was expected and what came."""


class ModelReportedError(Exception):
    """A container answers with an error in the place of text.

    Args:
        status: the HTTP status that the error means.
    """

    def __init__(self, status: int, said: str) -> None:
        super().__init__(said)
        self.status = status


class ModelRequest(NamedTuple):
    """What a model is asked: messages, and within which limits."""

    messages: Sequence[BaseMessage]
    max_tokens: int
    stop: Sequence[str] = ()
    stream: bool = False

    @property
    def prompt(self) -> str:
        """The messages as one text: a single one as it stands, several with who said each."""
        if len(self.messages) == 1:
            return str(self.messages[0].text)
        return f"{get_buffer_string(self.messages)}\nAI:"


class Delta(NamedTuple):
    """A part of a streamed answer.

    Args:
        ended: whether the answer is complete with it; None where values of this form have no mark of the end.
    """

    text: str = ""
    ended: bool | None = None


class Contract(Protocol):
    """How an endpoint is asked, and how its answers are read."""

    @property
    def name(self) -> str:
        """The contract's name in the settings."""

    @property
    def streams(self) -> bool:
        """Whether an answer may be asked for as a stream."""

    def request(self, asked: ModelRequest) -> dict[str, Any]:
        """Return the body of a request; ValueError if the contract cannot ask for that."""

    def text(self, answer: Any, asked: ModelRequest) -> str:
        """Return the text of a whole answer; ContractMismatch if there is none."""

    def piece(self, value: Any, asked: ModelRequest) -> Delta:
        """Return the text of one value of a stream; ContractMismatch if it does not belong to one.

        Where a container answers as a whole though it was asked for a stream, the whole text is that of one piece.
        """


@dataclass(frozen=True, slots=True)
class Chat:
    """OpenAI's chat completions, as the containers of Hugging Face, LMI and vLLM take them."""

    name: ClassVar[str] = "chat"
    streams: ClassVar[bool] = True

    def request(self, asked: ModelRequest) -> dict[str, Any]:
        """Return messages and limits. See the protocol."""
        body: dict[str, Any] = {
            "messages": convert_to_openai_messages(list(asked.messages)),
            "max_tokens": asked.max_tokens,
        }
        if asked.stop:
            body["stop"] = [*asked.stop]
        return {**body, "stream": True} if asked.stream else body

    def text(self, answer: Any, asked: ModelRequest) -> str:  # noqa: ARG002 - the protocol's
        """Return `choices[0].message.content`. See the protocol."""
        match answer:
            case {"choices": [{"message": {"content": content}}, *_]} if (found := _content(content)) is not None:
                return found
        raise ContractMismatch(f"`choices[0].message.content` is expected, and came {shape(answer)}")

    def piece(self, value: Any, asked: ModelRequest) -> Delta:
        """Return `choices[0].delta.content`. See the protocol."""
        match value:
            case {"choices": []}:  # what was used is told after the text
                return Delta()
            case {"choices": [{"delta": dict() as delta, **rest}, *_]}:
                return Delta(_content(delta.get("content") or "") or "", bool(rest.get("finish_reason")))
            case {"choices": [{"message": _}, *_]}:
                return Delta(self.text(value, asked), ended=True)
        raise ContractMismatch(f"`choices[0].delta.content` is expected, and came {shape(value)}")


@dataclass(frozen=True, slots=True)
class TextGeneration:
    """`inputs` and `parameters` to `generated_text`, as TGI, LMI and JumpStart's older models take them."""

    name: ClassVar[str] = "text-generation"
    streams: ClassVar[bool] = True

    def request(self, asked: ModelRequest) -> dict[str, Any]:
        """Return a prompt and its parameters. See the protocol."""
        limits: dict[str, Any] = {"max_new_tokens": asked.max_tokens, "return_full_text": False}
        if asked.stop:
            limits["stop"] = [*asked.stop]
        body: dict[str, Any] = {"inputs": asked.prompt, "parameters": limits}
        return {**body, "stream": True} if asked.stream else body

    def text(self, answer: Any, asked: ModelRequest) -> str:
        """Return `generated_text`, without the prompt that some containers repeat. See the protocol."""
        found = _generated(answer)
        if found is None:
            raise ContractMismatch(f"`generated_text` is expected, and came {shape(answer)}")
        return found.removeprefix(asked.prompt)

    def piece(self, value: Any, asked: ModelRequest) -> Delta:
        """Return the text of one token. See the protocol."""
        match value:
            case {"token": {"text": str(text), **token}}:
                is_special = bool(token.get("special") or token.get("special_token"))
                is_last = isinstance(value.get("generated_text"), str) or isinstance(value.get("details"), dict)
                return Delta("" if is_special else text, is_last)
        return Delta(self.text(value, asked))


@dataclass(frozen=True, slots=True)
class Custom:
    """JSON as the endpoint's users describe it.

    Args:
        template: the request.
        answer: where the text is in a whole answer.
        streamed: where it is in each JSON value of a stream; None if the endpoint does not stream.
    """

    template: Template
    answer: Path
    streamed: Path | None = None
    name: ClassVar[str] = "custom"

    @property
    def streams(self) -> bool:
        """Whether it is said where the text of a streamed value is."""
        return self.streamed is not None

    def request(self, asked: ModelRequest) -> dict[str, Any]:
        """Return the filled template. See the protocol."""
        return self.template.filled(
            {
                "prompt": asked.prompt,
                "messages": convert_to_openai_messages(list(asked.messages)),
                "max_tokens": asked.max_tokens,
                "stop": [*asked.stop],
                "stream": asked.stream,
            }
        )

    def text(self, answer: Any, asked: ModelRequest) -> str:  # noqa: ARG002 - the protocol's
        """Return what the path leads to: a text, texts in a row, or an object as JSON. See the protocol."""
        there = self.answer.of(answer)
        found = json.dumps(there, ensure_ascii=False) if isinstance(there, dict) else _joined(there)
        if found is None:
            raise ContractMismatch(f"`{self.answer.written}` is to lead to a text, and came {shape(answer)}")
        return found

    def piece(self, value: Any, asked: ModelRequest) -> Delta:  # noqa: ARG002 - the protocol's
        """Return what the path for streams leads to; nothing, where it leads nowhere. See the protocol."""
        assert self.streamed is not None
        there = self.streamed.of(value)
        found = "" if there is None else _joined(there)
        if found is None:
            raise ContractMismatch(f"`{self.streamed.written}` is to lead to a text, and came {shape(value)}")
        return Delta(found)


def check_error(value: Any) -> None:
    """Raise ModelReportedError if a value is an error of TGI, LMI or an OpenAI-style server, not an answer."""
    match value:
        case {"error": str(said), **rest} if said:
            raise ModelReportedError(_status(rest), said)
        case {"error": {**error}} if error:
            raise ModelReportedError(_status(error), str(error.get("message") or error.get("type") or ""))
        case {"object": "error", **error}:
            raise ModelReportedError(_status(error), str(error.get("message") or ""))
        case {"generated_text": _, "details": {"finish_reason": "error"} | {"finish reason": "error"}}:
            raise ModelReportedError(500, "its container says that the generation failed")
        case [{"error": _} as one]:
            check_error(one)


def shape(value: Any, depth: int = 0) -> str:
    """Describe a JSON value by its form, without what it holds."""
    match value:
        case dict():
            keys = ", ".join(f"`{key[:40]}`" for key in [*value][:MAX_KEYS])
            more = ", and more" if len(value) > MAX_KEYS else ""
            return f"an object with {keys}{more}" if value else "an empty object"
        case [first, *_] if depth < DEEPEST:
            return f"a list of {shape(first, depth + 1)}"
    names = {list: "a list", str: "a text", type(None): "null", bool: "true or false"}
    return names.get(type(value), "a number")


def _status(error: Mapping[Any, Any]) -> int:
    code = error.get("code")
    if isinstance(code, int) and not isinstance(code, bool) and 400 <= code < 600 and code != 424:  # noqa: PLR2004
        return code  # 424 is what LMI says of every error
    kind = str(error.get("error_type") or error.get("type") or "").lower()
    if "overloaded" in kind or "rate_limit" in kind:
        return 429
    return 422 if "validation" in kind or "badrequest" in kind or "invalid_request" in kind else 500


def _content(content: Any) -> str | None:
    """Return the text of a message's content: a text, or blocks of which some are text."""
    match content:
        case str():
            return content
        case [*blocks] if all(isinstance(block, dict) for block in blocks):
            return "".join(str(block.get("text") or "") for block in blocks)
    return None


def _generated(answer: Any, depth: int = 0) -> str | None:
    """Find the text where text-generating containers put it."""
    if depth > DEEPEST:
        return None
    match answer:
        case str():
            return answer
        case [first, *_]:
            return _generated(first, depth + 1)
        case {"generated_text": found} | {"generation": found} | {"outputs": found} | {"predictions": found}:
            return _generated(found, depth + 1)
        case {"content": str(content)}:
            return content
    return None


def _joined(found: Any) -> str | None:
    match found:
        case str():
            return found
        case [*texts] if texts and all(isinstance(text, str) for text in texts):
            return "".join(str(text) for text in texts)
    return None
