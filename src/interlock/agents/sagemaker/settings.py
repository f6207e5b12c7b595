"""The endpoint that the environment describes, for the agents that ship.

- `SAGEMAKER_ENDPOINT_NAME`: its name.
- `INTERLOCK_SAGEMAKER_CONTRACT`: `text-generation` (the default), `chat` or `custom`.
- `INTERLOCK_SAGEMAKER_REQUEST`, `INTERLOCK_SAGEMAKER_ANSWER`, `INTERLOCK_SAGEMAKER_STREAMED`: the custom contract: a
  template of the request, where the text is in an answer, and where it is in each value of a stream.
- `INTERLOCK_SAGEMAKER_STREAM`: `0` asks for no streams.
- `INTERLOCK_SAGEMAKER_COMPONENT`: the inference component, where the endpoint has several.
"""

from __future__ import annotations

from collections.abc import Mapping

from interlock.agents.sagemaker.chat import SageMakerChat
from interlock.agents.sagemaker.contracts import Chat, Contract, Custom, TextGeneration
from interlock.agents.sagemaker.failures import failure
from interlock.agents.sagemaker.templates import BadTemplate, Path, Template

CONTRACT = "INTERLOCK_SAGEMAKER_CONTRACT"
REQUEST = "INTERLOCK_SAGEMAKER_REQUEST"
ANSWER = "INTERLOCK_SAGEMAKER_ANSWER"
STREAMED = "INTERLOCK_SAGEMAKER_STREAMED"
STREAM = "INTERLOCK_SAGEMAKER_STREAM"
COMPONENT = "INTERLOCK_SAGEMAKER_COMPONENT"
CONTRACTS = ("text-generation", "chat", "custom")


def from_environment(endpoint: str, environ: Mapping[str, str]) -> SageMakerChat:
    """Return the endpoint as a chat model.

    Raises:
        ModelNotUsable: a variable that cannot be used, by its name.
    """
    names = (CONTRACT, REQUEST, ANSWER, STREAMED, STREAM, COMPONENT)
    said = {name: environ.get(name, "").strip() for name in names}
    if said[STREAM] not in {"", "0", "1"}:
        raise failure(endpoint, "bad_settings", f"{STREAM}={said[STREAM]} is neither 0 nor 1")
    contract = _contract(endpoint, said)
    return SageMakerChat(
        endpoint=endpoint,
        contract=contract,
        component=said[COMPONENT],
        disable_streaming=said[STREAM] == "0" or not contract.streams,
    )


def _contract(endpoint: str, said: Mapping[str, str]) -> Contract:
    name = said[CONTRACT] or CONTRACTS[0]
    if name not in CONTRACTS:
        raise failure(endpoint, "bad_settings", f"{CONTRACT}={name} is none of {', '.join(CONTRACTS)}")
    if name == "custom":
        return _custom(endpoint, said)
    for other in (REQUEST, ANSWER, STREAMED):
        if said[other]:
            raise failure(endpoint, "bad_settings", f"{other} is for {CONTRACT}=custom alone")
    return Chat() if name == "chat" else TextGeneration()


def _custom(endpoint: str, said: Mapping[str, str]) -> Custom:
    for needed, example in ((REQUEST, '{"prompt": "{{prompt}}"}'), (ANSWER, "completion.text")):
        if not said[needed]:
            raise failure(endpoint, "bad_settings", f"the custom contract needs {needed}, such as {example}")
    at = REQUEST
    try:
        template = Template.read(said[at])
        at = ANSWER
        answer = Path.read(said[at])
        at = STREAMED
        return Custom(template, answer, Path.read(said[at]) if said[at] else None)
    except BadTemplate as error:
        raise failure(endpoint, "bad_settings", f"{at}: {error}") from None
