"""Pages for people with an account: join by an invitation, change the password, have a second factor."""

from __future__ import annotations

import html
from collections.abc import Awaitable, Callable
from http import HTTPStatus
from urllib.parse import parse_qs

from fastapi import APIRouter, Depends
from fastapi.responses import HTMLResponse
from starlette.requests import Request

from interlock.domain.access import Permission
from interlock.domain.accounts import LONGEST_PASSWORD, SHORTEST_PASSWORD
from interlock.domain.authority import LOCAL_TENANT
from interlock.domain.canonical import check_storable
from interlock.domain.credentials import Credential
from interlock.domain.totp import address_of
from interlock.errors import InterlockError, InvalidValue, Unauthenticated
from interlock.service.error_table import meaning_of
from interlock.web.callers import SIGNS_IN, caller_of, check_same_site, open_to_all
from interlock.web.context import Context, context_of
from interlock.web.pages.sign_in import FORM, page
from interlock.web.sessions import begin_session, begin_with

router = APIRouter(dependencies=[Depends(open_to_all(Permission.anybody))], include_in_schema=False)

FIELDS = 10
NEW = f"""<label>New password, {SHORTEST_PASSWORD} to {LONGEST_PASSWORD} characters
<input name="new" type="password" autocomplete="new-password" minlength="{SHORTEST_PASSWORD}"
maxlength="{LONGEST_PASSWORD}" required></label>
<label>The same again<input name="again" type="password" autocomplete="new-password" required></label>"""
OLD = """<label>Your password<input name="password" type="password" autocomplete="current-password" required></label>"""
CODE = """<label>Code<input name="code" inputmode="numeric" autocomplete="one-time-code" required></label>"""
HOME = """<p><a href="/account">Your account</a></p>"""

JOIN = f"""<p>{{said}}</p><form method="post" action="/join"><label>The code of your link
<input name="link" type="password" autocomplete="off" required></label>{NEW}<button>Set the password</button></form>"""
PASSWORD = f"""<form method="post" action="/account/password"><h2>Another password</h2>{OLD}{{code}}{NEW}
<button>Change it</button></form>"""
ADD = f"""<form method="post" action="/account/second-factor"><h2>A second factor</h2>
<p>Put this key into your authenticator, then enter the code that it shows.</p>
<p><code>{{key}}</code></p><p><code>{{address}}</code></p>
<input name="key" type="hidden" value="{{key}}">{OLD}{CODE}<button>Turn it on</button></form>"""
DROP = f"""<form method="post" action="/account/second-factor/off"><h2>Your second factor</h2>
<p>Signing in takes a code of your authenticator. So does turning that off; a recovery code is good for it as well.</p>
{OLD}{CODE}<button>Turn it off</button></form>"""
OUT = """<form method="post" action="/sign-out"><button>Sign out</button></form>"""
WELCOME = "The link that you were given holds a code, which can be used once. Choose a password; length is what counts."


@router.post("/sign-in/password", dependencies=[SIGNS_IN])
async def sign_in(request: Request) -> HTMLResponse:
    """Sign in by name and password, and a code where there is a second factor."""

    async def work(context: Context, form: dict[str, str]) -> HTMLResponse:
        signed_in = await context.own_account.sign_in(
            form.get("tenant") or LOCAL_TENANT,
            form.get("name", ""),
            form.get("password", ""),
            code=form.get("code", ""),
            known=request.cookies.get(context.browser_cookie),
            device=context.device_of(request),
        )
        name = html.escape(signed_in.session.credential.principal)
        done = page("Signed in", f"<p>You are signed in as <strong>{name}</strong>.</p>{HOME}")
        await begin_with(request, done, signed_in)
        return done

    return await _answered(request, work, "Sign in", lambda said: FORM.format(said=said))


@router.get("/join")
async def join_page() -> HTMLResponse:
    """Show where to set a password. What stands behind `#` in a link is not sent to any server: the page reads it."""
    return page("Welcome", JOIN.format(said=WELCOME))


@router.post("/join", dependencies=[SIGNS_IN])
async def join(request: Request) -> HTMLResponse:
    """Set a password by the code of a link, also without a script."""

    async def work(context: Context, form: dict[str, str]) -> HTMLResponse:
        new = _new_password(form)
        signed_in = await context.own_account.set_password(form.get("link", ""), new, context.device_of(request))
        if signed_in is None:
            return page("Welcome", """<p>The password is set. <a href="/sign-in">Sign in</a>.</p>""")
        name = html.escape(signed_in.session.credential.principal)
        done = page("Welcome", f"<p>You are signed in as <strong>{name}</strong>.</p>{HOME}")
        await begin_with(request, done, signed_in)
        return done

    return await _answered(request, work, "Welcome", lambda said: JOIN.format(said=said))


@router.get("/account")
async def account_page(request: Request) -> HTMLResponse:
    """Show what one may do with one's account."""

    async def work(context: Context, _: dict[str, str]) -> HTMLResponse:
        return page("Your account", await _account(context, await _session(request, context)))

    return await _answered(request, work, "Your account", _back)


@router.post("/account/password")
async def change_password(request: Request) -> HTMLResponse:
    """Set another password; all other sessions end."""

    async def work(context: Context, form: dict[str, str]) -> HTMLResponse:
        session = await _session(request, context)
        new, device = _new_password(form), context.device_of(request)
        given = form.get("password", ""), new, device
        signed_in = await context.own_account.change_password(session, *given, code=form.get("code", ""))
        done = page("Your account", f"<p>The password is changed. You are signed out everywhere else.</p>{HOME}")
        await begin_with(request, done, signed_in)
        return done

    return await _answered(request, work, "Your account", _back)


@router.post("/account/second-factor")
async def add_second_factor(request: Request) -> HTMLResponse:
    """Let signing in take a code as well, and show recovery codes this once."""

    async def work(context: Context, form: dict[str, str]) -> HTMLResponse:
        session = await _session(request, context)
        given = (form.get(name, "") for name in ("password", "key", "code"))
        codes, renewed = await context.own_account.add_second_factor(session, *given)
        listed = "".join(f"<li><code>{code}</code></li>" for code in codes)
        said = (
            "<p>It is on. Keep these codes: each signs you in once without the authenticator. None is shown again.</p>"
        )
        done = page("Your account", f"{said}<ul>{listed}</ul>{HOME}")
        await begin_session(request, done, renewed)
        return done

    return await _answered(request, work, "Your account", _back)


@router.post("/account/second-factor/off")
async def drop_second_factor(request: Request) -> HTMLResponse:
    """Let signing in take the password alone."""

    async def work(context: Context, form: dict[str, str]) -> HTMLResponse:
        session = await _session(request, context)
        renewed = await context.own_account.drop_second_factor(session, form.get("password", ""), form.get("code", ""))
        done = page("Your account", f"<p>It is off.</p>{HOME}")
        await begin_session(request, done, renewed)
        return done

    return await _answered(request, work, "Your account", _back)


async def form_of(request: Request) -> dict[str, str]:
    """Return the fields of a form, once each.

    Raises:
        InvalidValue: if one of them cannot be kept.
    """
    found = parse_qs((await request.body()).decode(errors="replace"), max_num_fields=FIELDS, keep_blank_values=True)
    fields = {name: values[0] for name, values in found.items()}
    for name, value in fields.items():
        check_storable(value, name)
    return fields


async def _answered(
    request: Request,
    work: Callable[[Context, dict[str, str]], Awaitable[HTMLResponse]],
    title: str,
    again: Callable[[str], str],
) -> HTMLResponse:
    """Do what a form asks for; where that cannot be, say why, and show the form again."""
    try:
        context = context_of(request)
        check_same_site(request, context)
        return await work(context, await form_of(request))
    except ValueError:
        return page(title, again("This form is not ours."), HTTPStatus.BAD_REQUEST)
    except InterlockError as error:
        return page(title, again(html.escape(error.message)), meaning_of(type(error)).status)


def _back(said: str) -> str:
    return f"""<p>{said}</p>{HOME}<p><a href="/sign-in">Sign in</a></p>"""


async def _session(request: Request, context: Context) -> Credential:
    caller = await caller_of(request, context)
    if caller is None or caller.credential.kind != "session":
        raise Unauthenticated("You are not signed in.")
    return caller.credential


async def _account(context: Context, session: Credential) -> str:
    account = await context.own_account.account_of(session)
    who = f"<p>You are signed in as <strong>{html.escape(session.principal)}</strong>.</p>"
    if account is None:
        return f"{who}<p>You have no password here.</p>{OUT}"
    if account.second_factor:
        return f"{who}{OUT}{PASSWORD.format(code=CODE)}{DROP}"
    key = context.own_account.new_key()
    password = PASSWORD.format(code="")
    return f"{who}{OUT}{password}{ADD.format(key=key, address=html.escape(address_of(key, account.name)))}"


def _new_password(form: dict[str, str]) -> str:
    if form.get("new", "") != form.get("again", ""):
        raise InvalidValue("again", "is another password: type the same one twice")
    return form.get("new", "")
