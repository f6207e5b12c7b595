"""The blocking face of a client of a server: the same functions, each of which waits for its result."""

from __future__ import annotations

from pathlib import Path

import httpx2

from interlock.blocking import Blocking, in_a_loop, iterates, waits
from interlock.client.calls import Session
from interlock.client.connecting import connect
from interlock.client.remote import RemoteClient


class BlockingRemoteClient(Blocking[RemoteClient]):
    """What `RemoteClient` is, for code that is not asynchronous. It is a context manager, and has no socket."""

    def __repr__(self) -> str:
        return f"<BlockingRemoteClient of {self._client.origin}>"

    @property
    def origin(self) -> str:
        """Scheme, host and port of the server."""
        return self._client.origin

    def keyed(self, key: str | None) -> BlockingRemoteClient:
        """Return the same for one call with an idempotency key: made again with it, it does nothing anew."""
        return BlockingRemoteClient(self._client.keyed(key), self._loop, None)

    accept_version = waits(RemoteClient.accept_version)
    add_member = waits(RemoteClient.add_member)
    agents = waits(RemoteClient.agents)
    answer = waits(RemoteClient.answer)
    approve = waits(RemoteClient.approve)
    ask = waits(RemoteClient.ask)
    ask_back = waits(RemoteClient.ask_back)
    cancel = waits(RemoteClient.cancel)
    cast = waits(RemoteClient.cast)
    cast_many = waits(RemoteClient.cast_many)
    check_policies = waits(RemoteClient.check_policies)
    choose_notices = waits(RemoteClient.choose_notices)
    claim = waits(RemoteClient.claim)
    clarify = waits(RemoteClient.clarify)
    comment = waits(RemoteClient.comment)
    cost = waits(RemoteClient.cost)
    create_token = waits(RemoteClient.create_token)
    delegate = waits(RemoteClient.delegate)
    delete_states = waits(RemoteClient.delete_states)
    disable = waits(RemoteClient.disable)
    edit = waits(RemoteClient.edit)
    enable = waits(RemoteClient.enable)
    end_delegation = waits(RemoteClient.end_delegation)
    end_reservation = waits(RemoteClient.end_reservation)
    end_session = waits(RemoteClient.end_session)
    end_sessions = waits(RemoteClient.end_sessions)
    entries = waits(RemoteClient.entries)
    explain_action = waits(RemoteClient.explain_action)
    extend = waits(RemoteClient.extend)
    fork = waits(RemoteClient.fork)
    give_grant = waits(RemoteClient.give_grant)
    history = waits(RemoteClient.history)
    inbox = waits(RemoteClient.inbox)
    inbox_count = waits(RemoteClient.inbox_count)
    invite = waits(RemoteClient.invite)
    last_position = waits(RemoteClient.last_position)
    list_accounts = waits(RemoteClient.list_accounts)
    list_delegations = waits(RemoteClient.list_delegations)
    agent = waits(RemoteClient.agent)
    list_effects = waits(RemoteClient.list_effects)
    list_grants = waits(RemoteClient.list_grants)
    list_requests = waits(RemoteClient.list_requests)
    list_deliveries = waits(RemoteClient.list_deliveries)
    list_runs = waits(RemoteClient.list_runs)
    list_sessions = waits(RemoteClient.list_sessions)
    list_threads = waits(RemoteClient.list_threads)
    list_tokens = waits(RemoteClient.list_tokens)
    make_delegation = waits(RemoteClient.make_delegation)
    members = waits(RemoteClient.members)
    notices = waits(RemoteClient.notices)
    now = waits(RemoteClient.now)
    offer_reset = waits(RemoteClient.offer_reset)
    outcome = waits(RemoteClient.outcome)
    pauses = waits(RemoteClient.pauses)
    record = waits(RemoteClient.record)
    reject = waits(RemoteClient.reject)
    remove_member = waits(RemoteClient.remove_member)
    remove_second_factor = waits(RemoteClient.remove_second_factor)
    request = waits(RemoteClient.request)
    reserve = waits(RemoteClient.reserve)
    revoke_grant = waits(RemoteClient.revoke_grant)
    snooze = waits(RemoteClient.snooze)
    end_snooze = waits(RemoteClient.end_snooze)
    resolve = waits(RemoteClient.resolve)
    retry = waits(RemoteClient.retry)
    revise = waits(RemoteClient.revise)
    revoke_token = waits(RemoteClient.revoke_token)
    run = waits(RemoteClient.run)
    send_again = waits(RemoteClient.send_again)
    settle = waits(RemoteClient.settle)
    sign_out = waits(RemoteClient.sign_out)
    simulate_policies = waits(RemoteClient.simulate_policies)
    start = waits(RemoteClient.start)
    start_watched = waits(RemoteClient.start_watched)
    state = waits(RemoteClient.state)
    statistics = waits(RemoteClient.statistics)
    suggest_rules = waits(RemoteClient.suggest_rules)
    take_back = waits(RemoteClient.take_back)
    take_back_delegation = waits(RemoteClient.take_back_delegation)
    thread = waits(RemoteClient.thread)
    timeline = waits(RemoteClient.timeline)
    who = waits(RemoteClient.who)
    withdraw = waits(RemoteClient.withdraw)

    export_dataset = iterates(RemoteClient.export_dataset)
    follow = iterates(RemoteClient.follow)
    log = iterates(RemoteClient.log)
    requests = iterates(RemoteClient.requests)
    runs = iterates(RemoteClient.runs)
    watch = iterates(RemoteClient.watch)


def connect_blocking(  # noqa: PLR0913 - everything has a default
    server: str | None = None,
    *,
    token: str | None = None,
    session: Session | None = None,
    timeout: float = 30.0,
    tries: int = 5,
    authorities: str | Path | None = None,
    transport: httpx2.AsyncBaseTransport | None = None,
) -> BlockingRemoteClient:
    """Do as `connect` does, for code that is not asynchronous; what it returns has `close`, too."""
    opened = connect(
        server,
        token=token,
        session=session,
        timeout=timeout,
        tries=tries,
        authorities=authorities,
        transport=transport,
    )
    return in_a_loop(opened, BlockingRemoteClient)
