"""Somebody with an account signs in from a terminal and from a program: by name, password and a code."""

import asyncio
import base64
import contextlib
import os
import re
import stat
from datetime import UTC, datetime

import httpx2
import pytest

from interlock.cli.stored_logins import file_for, kept_for
from interlock.client import connect_blocking, sign_in
from interlock.domain.totp import code_of, step_at
from interlock.errors import BadInput, SecondFactorNeeded, Unauthenticated

ZOE, PASSWORD = "zoe@example.com", "correct horse battery"


def joined(installation):
    """Have somebody join by an invitation; return their browser."""
    code, out, err = installation.here("people", "invite", ZOE)
    assert code == 0, err
    link = re.search(r"#(ili_[\w-]+)", out + err)[1]
    browser = httpx2.Client(base_url=installation.origin, headers={"Origin": installation.origin})
    assert browser.post("/join", data={"link": link, "new": PASSWORD, "again": PASSWORD}).status_code == 303
    return browser


def with_second_factor(browser):
    """Turn a second factor on; return a recovery code."""
    key = re.search(r'name="key" type="hidden" value="([A-Z2-7]{32})"', browser.get("/account/second-factor").text)[1]
    form = {"password": PASSWORD, "key": key, "code": code_of(base64.b32decode(key), step_at(datetime.now(UTC)))}
    done = browser.post("/account/second-factor", data=form)
    return re.search(r"<li><code>([0-9a-f-]{17})</code></li>", done.text)[1]


def test_an_account_signs_in_at_the_command_line_by_name_and_password(installation):
    with contextlib.closing(joined(installation)) as browser:
        words = ("login", installation.origin, "--name", ZOE)
        code, out, err = installation.run(*words, "--password-stdin", given=f"{PASSWORD}\n")
        assert (code, f"as {ZOE}" in out) == (0, True), err
        assert PASSWORD not in out + err
        file = file_for(installation.origin, os.environ)
        assert stat.S_IMODE(file.stat().st_mode) == 0o600
        assert PASSWORD not in file.read_text()
        assert kept_for(installation.origin).principal == ZOE
        assert installation.there("requests", "list", "--mine")[0] == 0
        code, _, err = installation.run(*words, "--password-stdin", given="something else\n")
        assert (code, "Name, password or code is wrong." in err) == (3, True)
        recovery = with_second_factor(browser)
        code, _, err = installation.run(*words, "--password-stdin", given=f"{PASSWORD}\n")
        assert (code, "The code is missing" in err) == (2, True)
        code, out, err = installation.run(*words, "--password-stdin", given=f"{PASSWORD}\n{recovery}\n")
        assert (code, recovery in out + err) == (0, False), err


def test_what_is_wrong_with_how_one_signs_in_is_said(installation):
    at = ("login", installation.origin)
    for words, said in (
        ((*at, "--name", ZOE), "There is no terminal to ask for the password"),
        ((*at, "--name", ZOE, "--password-stdin"), "The password is missing"),
        ((*at, "--password-stdin"), "name it by --name"),
    ):
        code, _, err = installation.run(*words)
        assert (code, said in err) == (2, True), (words, err)


def signed_in(*where, **proof):
    return asyncio.run(sign_in(*where, **proof))


def test_a_program_signs_in_by_name_and_password(installation):
    with contextlib.closing(joined(installation)) as browser:
        at = installation.origin
        session = signed_in(at, name=ZOE, password=PASSWORD)
        recovery = with_second_factor(browser)
        with pytest.raises(SecondFactorNeeded):
            signed_in(at, name=ZOE, password=PASSWORD)
        with pytest.raises(Unauthenticated, match="Name, password or code"):
            signed_in(at, name=ZOE, password="something else")
        session = signed_in(at, name=ZOE, password=PASSWORD, code=recovery)
    with connect_blocking(at, session=session) as zoe:
        assert zoe.who().principal.id == ZOE


@pytest.mark.parametrize("given", [{}, {"name": ZOE}, {"password": "x"}, {"link": "ill_x", "name": ZOE}])
async def test_a_program_names_a_link_or_an_account(given):
    with pytest.raises(BadInput, match="either by a `link`, or by `name` and `password`"):
        await sign_in("http://127.0.0.1:1", **given)
