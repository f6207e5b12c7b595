"""`interlock people`, `groups`, `roles` and `delegations`."""


def test_groups_and_roles_are_listed_added_and_removed(command):
    assert command.json("groups", "list") == {"groups": {}}
    assert command.run("groups", "add", "finance", "Mia@example.com").returncode == 0
    command.json("roles", "add", "admin", "olga@example.com")
    assert command.json("groups", "list") == {"groups": {"finance": ["mia@example.com"]}}
    assert "finance  mia@example.com" in command.run("groups", "list").stdout
    assert command.json("roles", "list") == {"roles": {"admin": ["olga@example.com"]}}
    assert command.run("groups", "add", "finance", "agent:bot").returncode == 2
    assert command.run("groups", "remove", "finance", "noah@example.com").returncode == 4
    assert command.run("groups", "remove", "finance", "mia@example.com").returncode == 0
    assert command.json("groups", "list") == {"groups": {}}
    log = command.run("log").stdout
    assert "directory: mia@example.com is in the group finance from now on" in log
    assert "directory: mia@example.com is not in the group finance any more" in log
    assert command.run("doctor", "--fold").returncode == 0


def test_delegations_are_made_listed_and_taken_back(command):
    for unknown in (["zoe@example.com"], ["local:ann", "--from", "mia@example.com"]):
        assert "known here" in command.run("delegations", "add", *unknown, "--for", "5d").stderr
    for name in ("mia@example.com", "zoe@example.com"):
        command.json("people", "invite", name)
    made = command.json("delegations", "add", "zoe@example.com", "--from", "mia@example.com", "--for", "5d")["id"]
    (listed,) = command.json("delegations", "list")["delegations"]
    assert (listed["id"], listed["from"], listed["to"]) == (made, "mia@example.com", "zoe@example.com")
    assert made in command.run("delegations", "list").stdout
    command.json("delegations", "add", "zoe@example.com", "--until", "2099-01-01T00:00:00Z", "--reason", "away")
    for wrong in ([], ["--for", "5d", "--until", "2099-01-01T00:00:00Z"], ["--until", "tomorrow"], ["--for", "x"]):
        assert command.run("delegations", "add", "zoe@example.com", *wrong).returncode == 2
    assert command.json("delegations", "remove", made) == {"removed": made}
    assert command.run("delegations", "remove", made).returncode == 4
    assert "zoe@example.com may vote for" in command.run("log").stdout


def test_people_are_invited_listed_and_kept_out(command):
    shown = command.run("people", "invite", "Zoe@example.com", "--role", "reviewer", "--origin", "https://a.example/")
    assert "https://a.example/join#ili_" in shown.stdout.replace("\n", "")
    (listed,) = command.json("people", "list")["people"]
    assert (listed["name"], listed["status"]) == ("zoe@example.com", "invited")
    assert command.json("roles", "list")["roles"] == {"reviewer": ["zoe@example.com"]}
    again = command.json("people", "invite", "zoe@example.com")
    assert again["link"].startswith("http://127.0.0.1:8000/join#ili_")
    assert again["warnings"] == []
    odd = command.run("people", "invite", "m\u0456a@example.com", "--role", "nonsense-role")
    assert "mixes Cyrillic and Latin letters" in odd.stderr + odd.stdout
    assert "nonsense-role" in odd.stderr + odd.stdout
    assert command.run("people", "disable", "m\u0456a@example.com").returncode == 0
    assert command.run("people", "invite", "local:me").returncode == 2
    assert command.run("people", "reset", "zoe@example.com").returncode == 3
    assert command.run("people", "remove-second-factor", "zoe@example.com").returncode == 3
    assert command.run("people", "disable", "zoe@example.com").returncode == 0
    assert "disabled" in command.run("people", "list").stdout
    assert command.run("people", "enable", "zoe@example.com").returncode == 0
    assert command.run("people", "enable", "nobody@example.com").returncode == 4
    assert "ili_" not in command.run("log", "--json").stdout
