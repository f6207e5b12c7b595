"""Somebody who joined by an invitation signs in at a terminal, where the password is asked for and not shown."""

import re

import httpx2

NAME, PASSWORD = "zoe@example.com", "correct horse battery"


def test_an_account_signs_in_at_a_terminal_and_reads_its_inbox(command):
    command.environ["XDG_CONFIG_HOME"] = str(command.folder / "conf")
    server = command.spawn("serve", "--port", "0", columns=200)
    server.expect(r"Serving on (http://127\.0\.0\.1:\d+)\.")
    origin = server.match[1]
    server.expect_exact("/sign-in#")
    invited = command.run("people", "invite", NAME)
    link = re.search(r"#(ili_[\w-]+)", invited.stdout + invited.stderr)[1]
    form = {"link": link, "new": PASSWORD, "again": PASSWORD}
    assert httpx2.post(f"{origin}/join", data=form, headers={"Origin": origin}).status_code == 200
    login = command.spawn("login", origin, "--name", NAME)
    login.expect_exact("Password (it is not shown): ")
    login.sendline(PASSWORD)
    login.expect_exact(f"Signed in at {origin} as {NAME}")
    assert PASSWORD not in login.before
    assert command.ended(login) == 0
    listed = command.run("--server", origin, "requests", "list", "--mine")
    assert listed.returncode == 0, listed
    server.sendintr()
    assert command.ended(server) == 0
