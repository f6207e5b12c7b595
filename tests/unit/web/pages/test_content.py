"""What is decided on is shown as what it is, where that is certain; nothing of it leads anywhere."""

import re

import pytest

from interlock.domain.action import Action, Draft, Question
from interlock.web.pages.content import views_of
from interlock.web.pages.rendering import ENVIRONMENT, formatted_text

PATCH = "--- a/x.py\n+++ b/x.py\n@@ -1,2 +1,2 @@\n one\n-two\n+three"
CONTENT = '{% from "macros/content.html" import content with context %}{{ content(views) }}'


def kinds(subject):
    return [one.kind for one in views_of(subject)]


@pytest.mark.parametrize(
    ("subject", "expected"),
    [
        (Action("send_email", {"to": ["a@x", "b@x"], "subject": "Hi", "body": "text"}), ["mail"]),
        (Action("send_email", {"to": "a@x", "text": "t", "track": True}), ["mail"]),
        (Action("send_email", {"to": {"group": "all"}, "body": "t"}), []),
        (Action("send_email", {"to": ["a@x", 1], "body": "t"}), []),
        (Action("send_email", {"to": "a@x", "cc": {"x": 1}, "body": "t"}), []),
        (Action("pay", {"to": "a", "body": "t"}), []),
        (Action("apply", {"diff": PATCH}), ["patch"]),
        (Action("apply", {"diff": "--- just\n+++ words"}), []),
        (Action("query", {"sql": "DELETE FROM users"}), ["SQL"]),
        (Action("search", {"query": "cheap flights"}), []),
        (Action("run", {"command": "rm -rf /"}), ["command"]),
        (Action("pay", {"amount": 1, "currency": "euro"}), []),
        (Action("pay", {"amount": 1e300, "currency": "EUR"}), []),
        (Action("pay", {"amount": "007", "total": True, "price": "1,000", "sum": None, "currency": "EUR"}), []),
        (Action("fetch", {"url": "https://x.example/a"}), ["address"]),
        (Action("fetch", {"url": "javascript:alert(1)"}), []),
        (Action("fetch", {"url": "https://good.example\\@evil.example"}), []),
        (Draft("# Title\n\ntext"), ["text"]),
        (Draft("plain words"), []),
        (Draft({"a": 1}), []),
        (Question("Which?"), []),
        (Action("run", {"command": "x" * 70_000}), []),
    ],
)
def test_a_view_is_for_what_is_certain(subject, expected):
    assert kinds(subject) == expected


def test_a_mail_says_how_many_get_it_and_what_is_no_part_of_it():
    args = {"to": ["a@x"], "cc": ["b@x", "c@x"], "bcc": "d@x", "subject": "Hi", "body": "text", "attach": "/etc/passwd"}
    (mail,) = views_of(Action("send_email", args))
    assert (mail.number, mail.others) == (4, ("attach",))


@pytest.mark.parametrize(
    ("amount", "shown"),
    [
        (1250, "1,250"),
        ("1250.00", "1,250.00"),
        (0.1, "0.1"),
        ("-0.50", "-0.50"),
        (9007199254740991, "9,007,199,254,740,991"),
        ("12345678901234567890.123456789", "12,345,678,901,234,567,890.123456789"),
    ],
)
def test_an_amount_has_its_currency_and_every_digit(amount, shown):
    (money,) = views_of(Action("pay", {"amount": amount, "currency": "EUR"}))
    page = ENVIRONMENT.from_string(CONTENT).render(views=[money])
    assert f"EUR {shown}</strong>" in page


def test_the_lines_of_a_patch_are_signed():
    (patch,) = views_of(Action("apply", {"diff": PATCH}))
    assert [kind for kind, _ in patch.lines] == ["place", "place", "place", "", "removed", "added"]


@pytest.mark.parametrize(
    ("address", "before", "host", "ascii_host"),
    [
        ("https://bank.example@evil.example/bank", "bank.example", "evil.example", ""),
        ("https://b\u0430nk.example:8443/x?y#z", "", "b\u0430nk.example:8443", "xn--bnk-6cd.example"),
        ("http://Example.COM", "", "example.com", ""),
    ],
)
def test_of_an_address_the_host_is_seen(address, before, host, ascii_host):
    (found,) = views_of(Action("fetch", {"url": address}))
    assert (found.before, found.host, found.ascii_host) == (before, host, ascii_host)


@pytest.mark.parametrize(
    "text",
    [
        "[click](javascript:alert(1))",
        "![x](https://evil.example/x.png)",
        "<img src=x onerror=alert(1)>",
        "<https://evil.example>",
        "&#x202e;&lt;b&gt;",
        '```x" onclick="alert(1)\n</code>\n```',
        "[a]: https://evil.example\n\n[a]",
        "# \u202eheading\n\n* \u200b",
    ],
)
def test_a_formatted_text_leads_nowhere_and_hides_nothing(text):
    page = formatted_text(text)
    for forbidden in ("<a", "<img", "href", 'src="', "<h1", 'onclick="', "\u202e", "\u200b"):
        assert forbidden not in page
    assert "alert" in page or "alert" not in text or text.startswith("```"), "it is shown as it is written"


def test_a_formatted_text_has_its_form():
    page = formatted_text("# Report\n\n- one\n- **two**\n\n`code`")
    assert all(
        part in page for part in ("<h4>Report</h4>", "<li>one</li>", "<strong>two</strong>", "<code>code</code>")
    )


def test_each_view_escapes_what_it_shows():
    evil = "<script>alert(1)</script>"
    for subject in (
        Action("send_email", {"to": [evil], "subject": evil, "body": evil, evil: 1}),
        Action("run", {"command": evil}),
        Action("fetch", {"url": f"https://x.example/{evil}"}),
        Action("apply", {"diff": f"{PATCH}\n+{evil}"}),
        Draft(f"# {evil}"),
    ):
        page = ENVIRONMENT.from_string(CONTENT).render(nonce="n", views=views_of(subject))
        assert "&lt;script&gt;" in page
        assert "<script>" not in page


@pytest.mark.parametrize(
    ("text", "levels"),
    [
        ("# a\n## b\n### c", "456"),
        ("## a\n\nx\n\n## b\n\n# c", "444"),  # the first is never below one that is not there
        ("### a\n# b\n### c\n###### d\n# e", "44564"),
        ("# a\n#### b\n##### c\n###### d", "4566"),
        ("a\n===\nb\n---", "45"),
        ("no heading", ""),
    ],
)
def test_the_headings_of_a_text_have_no_gap_below_those_of_the_page(text, levels):
    page = formatted_text(text)
    assert "".join(re.findall(r"<h(\d)>", page)) == levels
    assert "".join(re.findall(r"</h(\d)>", page)) == levels
