"""Standing grants and suggested rules at the command line."""

CONFIG = """
default:
  initiator_may_approve: true
  levels:
    - grants: {within: 8h, uses: 3, sum: {amount: 500}}
      steps: [{ask: [anyone with role reviewer]}]
"""


def test_a_grant_is_given_listed_used_and_revoked(command):
    (command.folder / "interlock.yaml").write_text(CONFIG)
    _, request = command.paused()
    wanted = ("grants", "give", request, "--until", "4h", "--uses", "2", "--sum", "amount=300")
    refused = command.run(*wanted)
    assert (refused.returncode, "--digest sha256:" in refused.stderr) == (2, True)
    for more, why in (
        (("--allow", "amount"), "must be NAME=PATTERN"),
        (("--allow", "amount=?"), "is no pattern"),
        (("--allow", "nothing=*"), "is no argument of pay"),
        (("--until", "9h"), "by 8 hours at most"),
    ):
        done = command.run(*wanted, "--yes", *more)
        assert (done.returncode, why in done.stderr) == (2, True), done
    given = command.json(*wanted, "--yes", "--allow", "amount=0..150")["grant"]
    assert (given["uses"], given["total"]["at_most"], given["allowed"]["amount"]["most"]) == (2, "300", "150")
    done = command.run("run", command.agent("payer"), "a book")  # nobody is asked
    assert done.returncode == 0, done
    shown = command.run("grants", "list").stdout
    assert given["id"] in shown
    assert "1 of 2 used, 5 of 300 amount in sum" in shown
    assert command.run("grants", "revoke", given["id"]).returncode == 0
    assert command.json("grants", "list")["grants"][0]["over"].endswith("has revoked it")
    command.paused()


def test_a_suggested_rule_is_written_into_the_file_by_who_wants_it_and_then_holds(command):
    file = command.folder / "interlock.yaml"
    file.write_text(f"# ours\n{CONFIG.replace('grants', '# grants')}")
    for _ in range(5):
        _, request = command.paused()
        assert command.run("approve", request, "--yes", "--no-advance").returncode == 0
    assert "Nothing is supported that much." in command.run("policy", "suggest").stdout
    found = command.run("policy", "suggest", "--at-least", "0.5")
    assert "approved 5 of 5 times as asked" in found.stdout
    assert file.read_text().startswith("# ours\n\ndefault:")
    assert command.run("policy", "suggest", "--at-least", "0.5", "--write", "2").returncode == 2
    written = command.run("policy", "suggest", "--at-least", "0.5", "--write", "1")
    assert (written.returncode, "has the policy suggested pay now" in written.stdout) == (0, True), written
    assert file.read_text().startswith("# ours\n\ndefault:")
    assert command.run("policy", "check").returncode == 0
    done = command.run("run", command.agent("payer"), "a book")
    assert done.returncode == 0, done
    again = command.run("policy", "suggest", "--at-least", "0.5")
    assert "approved 5 of 5" not in again.stdout, "it holds already"
