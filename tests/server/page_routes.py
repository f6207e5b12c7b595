"""Who may use which page: `test_access.py` walks over them with all other routes, `test_pages.py` opens each."""

from interlock.domain.access import Permission

ACTS = (
    *("take-back", "comment", "reserve", "end-reservation", "snooze", "end-snooze", "delegate", "extend"),
    "take-back-delegation",
    *("ask-back", "settle"),
)
"""What people do about a request beside voting."""

PAGES = {
    ("GET", "/"): Permission.decide,
    ("GET", "/batch"): Permission.decide,
    ("GET", "/changed"): Permission.read,
    ("POST", "/batch"): Permission.anyone_known,
    ("GET", "/requests/{request_id}"): Permission.read,
    ("GET", "/requests/{request_id}/edit"): Permission.read,
    ("POST", "/requests/{request_id}/edit"): Permission.anyone_known,
    ("GET", "/requests/{request_id}/answer"): Permission.read,
    ("POST", "/requests/{request_id}/answer"): Permission.anyone_known,
    ("GET", "/requests/{request_id}/values/{part}"): Permission.read,
    ("POST", "/requests/{request_id}/decide"): Permission.anyone_known,  # the desk refuses, and the log says so
    ("GET", "/requests/{request_id}/grant"): Permission.read,
    ("POST", "/requests/{request_id}/grant"): Permission.anyone_known,
    ("GET", "/agents"): Permission.read_all,
    ("GET", "/agents/{name}"): Permission.read_all,
    ("POST", "/agents/{name}"): Permission.start,
    ("GET", "/attention"): Permission.read,
    ("GET", "/statistics"): Permission.measure,
    ("GET", "/cost"): Permission.measure,
    ("GET", "/log"): Permission.log,
    ("GET", "/log/export"): Permission.log,
    ("GET", "/log/{stream}/{number}"): Permission.log,
    ("GET", "/log/{stream}/{number}/bytes"): Permission.log,
    ("GET", "/policies"): Permission.read_all,
    ("GET", "/policies/suggested"): Permission.examine,
    ("POST", "/policies/try"): Permission.examine,
    ("POST", "/deliveries/{delivery_id}/again"): Permission.send,
    ("GET", "/runs"): Permission.read,
    ("GET", "/runs/{run_id}"): Permission.read,
    ("POST", "/runs/{run_id}/{change}"): Permission.anyone_known,  # the run says who may
    **{("POST", f"/requests/{{request_id}}/{act}"): Permission.anyone_known for act in ACTS},
    ("POST", "/requests/{request_id}/clarify"): Permission.clarify,
    ("GET", "/welcome"): Permission.anyone_known,
    ("POST", "/welcome"): Permission.anyone_known,  # the kit refuses whoever may not
    ("GET", "/account"): Permission.anyone_known,
    ("GET", "/account/password"): Permission.anyone_known,
    ("POST", "/account/password"): Permission.anyone_known,
    ("GET", "/account/second-factor"): Permission.anyone_known,
    ("POST", "/account/second-factor"): Permission.anyone_known,
    ("POST", "/account/second-factor/off"): Permission.anyone_known,
    ("POST", "/account/sessions"): Permission.anyone_known,
    ("POST", "/account/appearance"): Permission.anyone_known,
    ("GET", "/account/notices"): Permission.anyone_known,
    ("POST", "/account/notices"): Permission.anyone_known,
    ("GET", "/account/chats/link"): Permission.anyone_known,
    ("POST", "/account/chats/link"): Permission.anyone_known,
    ("POST", "/account/chats/unlink"): Permission.anyone_known,
    ("GET", "/settings"): Permission.anyone_known,
    ("GET", "/settings/delegations"): Permission.anyone_known,
    ("POST", "/settings/delegations"): Permission.anyone_known,
    ("POST", "/settings/delegations/end"): Permission.anyone_known,
    ("GET", "/settings/grants"): Permission.anyone_known,
    ("POST", "/settings/grants/revoke"): Permission.anyone_known,
    ("GET", "/settings/people"): Permission.manage,
    ("GET", "/settings/people/invite"): Permission.manage,
    ("POST", "/settings/people/invite"): Permission.manage,
    ("GET", "/settings/person"): Permission.manage,
    ("POST", "/settings/person/{act}"): Permission.manage,
    ("POST", "/settings/person/sessions/end"): Permission.manage,
    ("POST", "/settings/person/chats/unlink"): Permission.manage,
    ("GET", "/settings/groups"): Permission.manage,
    ("POST", "/settings/members"): Permission.manage,
    ("GET", "/settings/tokens"): Permission.manage,
    ("GET", "/settings/tokens/new"): Permission.manage,
    ("POST", "/settings/tokens"): Permission.manage,
    ("POST", "/settings/tokens/revoke"): Permission.manage,
    ("GET", "/settings/sessions"): Permission.manage,
    ("GET", "/settings/style"): Permission.manage,
}
"""What asks who has signed in. Whoever has not signs in first."""

OPEN_PAGES = {
    ("GET", "/assets/{digest}/{name}"): Permission.anybody,
    ("GET", "/sign-in"): Permission.anybody,
    ("POST", "/sign-in"): Permission.anybody,
    ("POST", "/sign-in/password"): Permission.anybody,
    ("POST", "/sign-out"): Permission.anybody,
    ("GET", "/join"): Permission.anybody,
    ("GET", "/decide"): Permission.anybody,  # a token of a mail proves who it is
    ("POST", "/decide"): Permission.anybody,
    ("POST", "/join"): Permission.anybody,
}
