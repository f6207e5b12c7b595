"""Who has started a server signs in at a terminal by its link, who was invited by a password: none is shown."""

import re

import httpx2

NAME, PASSWORD = "zoe@example.com", "correct horse battery"


def test_the_first_one_and_an_account_sign_in_at_a_terminal_and_read_their_inboxes(command):
    command.environ["XDG_CONFIG_HOME"] = str(command.folder / "conf")
    server = command.spawn("serve", "--port", "0", columns=200)
    server.expect(r"Serving on (http://127\.0\.0\.1:\d+)\.")
    origin = server.match[1]
    server.expect(r"/sign-in#(ill_[\w-]+)\s")
    link = server.match[1]
    first = command.spawn("login", origin)
    first.expect_exact("Sign-in link, or token (it is not shown): ")
    first.sendline(link)
    first.expect_exact(f"Signed in at {origin} as local:")
    assert link not in first.before
    assert command.ended(first) == 0
    assert command.run("--server", origin, "requests", "list", "--mine").returncode == 0
    invited = command.run("people", "invite", NAME)
    link = re.search(r"#(ili_[\w-]+)", invited.stdout + invited.stderr)[1]
    form = {"link": link, "new": PASSWORD, "again": PASSWORD}
    assert httpx2.post(f"{origin}/join", data=form, headers={"Origin": origin}).status_code == 303
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
