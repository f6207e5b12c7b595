"""`@gated`: a function that asks before it acts."""

from __future__ import annotations

import functools
import inspect
from collections.abc import Callable
from typing import Any, ParamSpec, TypeVar, cast, overload

from pydantic import ConfigDict, PydanticUserError, create_model
from pydantic.errors import PydanticInvalidForJsonSchema, PydanticSchemaGenerationError

from interlock.domain.action import Action, check_reference
from interlock.errors import InvalidAgent, NotApproved
from interlock.runtime.effects.recorded import refuse_retries
from interlock.runtime.gate import Decision, ask

P = ParamSpec("P")
R = TypeVar("R")

Reference = str | Callable[..., str | None] | None

KEY = "idempotency_key"


@overload
def gated(fn: Callable[P, R], /) -> Callable[P, R]: ...


@overload
def gated(
    *,
    name: str | None = None,
    policy: str | None = None,
    description: str | None = None,
    reference: Reference = None,
    idempotent: bool = False,
    verify: Callable[..., Any] | None = None,
    not_done: tuple[type[Exception], ...] = (),
) -> Callable[[Callable[P, R]], Callable[P, R]]: ...


def gated(  # noqa: PLR0913 - the options of `perform`, and four of its own
    fn: Callable[..., Any] | None = None,
    /,
    *,
    name: str | None = None,
    policy: str | None = None,
    description: str | None = None,
    reference: Reference = None,
    idempotent: bool = False,
    verify: Callable[..., Any] | None = None,
    not_done: tuple[type[Exception], ...] = (),
) -> Any:
    """Make a function ask people before it acts, wherever a graph calls it.

    The action is the function's name and its arguments, which must be JSON; a reviewer's edit is checked against its
    annotations. The function keeps its colour: a coroutine function stays one. A parameter `idempotency_key` is filled
    by Interlock and is not part of the action.

    Args:
        name: the action's name, if it is to be another than the function's.
        policy: the name of a configured policy.
        description: what reviewers read about it; without it the first line of the docstring.
        reference: what it is about in the business, such as an order's number, to find it by: a text; or a function
            that is called with the same arguments, by name, and returns it, or None.
        idempotent: see `Decision.perform`, as for `verify` and `not_done`.

    Raises:
        InvalidAgent: if it is a method, or retries by itself without being idempotent.
        InvalidValue: if the reference is none.
        NotApproved: when called, if it was not approved.
        NotDone: when called, if the function said that nothing happened.
    """
    how = {"idempotent": idempotent, "verify": verify, "not_done": not_done}
    asks = {"policy": policy, "reference": reference}
    gate = functools.partial(_gate, name=name, description=description, asks=asks, how=how)
    return gate if fn is None else gate(fn)


def _gate(
    fn: Callable[..., Any], *, name: str | None, description: str | None, asks: dict[str, Any], how: dict[str, Any]
) -> Callable[..., Any]:
    shown = _shown(fn)
    if isinstance(asks["reference"], str):
        check_reference(asks["reference"])
    if not how["idempotent"]:
        refuse_retries(fn, fn.__qualname__)
    about = description if description is not None else (inspect.getdoc(fn) or "").partition("\n")[0]
    schema = _schema_of(fn, shown)

    def decide(args: tuple[Any, ...], kwargs: dict[str, Any]) -> Decision:
        bound = shown.bind(*args, **kwargs)
        bound.apply_defaults()
        action = Action(name or fn.__name__, _flat(bound), schema)
        reference = asks["reference"]
        found = reference(**action.args) if callable(reference) else reference
        decision = ask(action, description=about, policy=asks["policy"], reference=found)
        if not decision.approved:
            raise NotApproved(decision.summary, decision)
        return decision

    if inspect.iscoroutinefunction(fn):

        @functools.wraps(fn)
        async def gate(*args: Any, **kwargs: Any) -> Any:
            return await decide(args, kwargs).aperform(fn, **how)

    else:

        @functools.wraps(fn)
        def gate(*args: Any, **kwargs: Any) -> Any:
            return decide(args, kwargs).perform(fn, **how)

    shown_gate = cast("Any", gate)
    shown_gate.__signature__ = shown
    shown_gate.__annotations__ = {key: value for key, value in fn.__annotations__.items() if key != KEY}
    return gate


def _shown(fn: Callable[..., Any]) -> inspect.Signature:
    """Return what people approve of a function's parameters: all but the idempotency key."""
    given: Any = fn  # a method, where it is decorated, is of any of Python's kinds
    signature = inspect.signature(given.__func__ if isinstance(given, classmethod) else given)
    if next(iter(signature.parameters), "") in {"self", "cls"}:
        raise InvalidAgent(
            f"{fn.__qualname__} is a method, and its object is no argument that people can approve: gate a plain "
            "function, and let it find the object."
        )
    return signature.replace(parameters=[p for p in signature.parameters.values() if p.name != KEY])


def _flat(bound: inspect.BoundArguments) -> dict[str, Any]:
    """Return the arguments by name, those of a `**kwargs` parameter among them."""
    flat = dict(bound.arguments)
    for parameter in bound.signature.parameters.values():
        if parameter.kind is inspect.Parameter.VAR_KEYWORD:
            flat.update(flat.pop(parameter.name, {}))
        if parameter.kind in {inspect.Parameter.VAR_POSITIONAL, inspect.Parameter.POSITIONAL_ONLY}:
            raise TypeError(
                f"A gated function is called by names: {parameter.name!r} has none. Give it a plain parameter."
            )
    return flat


def _schema_of(fn: Callable[..., Any], shown: inspect.Signature) -> dict[str, Any] | None:
    """Return the JSON Schema of the arguments, or None where the annotations do not say enough."""
    try:
        hints = inspect.get_annotations(fn, eval_str=True)
        fields: dict[str, Any] = {
            p.name: (hints.get(p.name, Any), ... if p.default is p.empty else p.default)
            for p in shown.parameters.values()
            if p.kind is not p.VAR_KEYWORD
        }
        open_ = any(p.kind is p.VAR_KEYWORD for p in shown.parameters.values())
        model = create_model(fn.__name__, __config__=ConfigDict(extra="allow" if open_ else "forbid"), **fields)
        schema: dict[str, Any] = model.model_json_schema()
    except (NameError, TypeError, PydanticUserError, PydanticSchemaGenerationError, PydanticInvalidForJsonSchema):
        return None
    return schema
