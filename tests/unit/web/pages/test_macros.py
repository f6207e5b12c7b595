"""What the macros make of values and of differences: text, and never markup of somebody else's."""

from html.parser import HTMLParser

import pytest

from interlock.web.pages.differences import changes_between
from interlock.web.pages.rendering import ENVIRONMENT

MARKUP = "<img src=x onerror=alert(1)>\"'><script>alert(2)</script>{{ 70 * 70 }}</div></details>"
OWN = {
    *(
        "a",
        "bdi",
        "br",
        "button",
        "code",
        "dd",
        "del",
        "details",
        "div",
        "dl",
        "dt",
        "h3",
        "ins",
        "li",
        "ol",
        "p",
        "pre",
    ),
    *("span", "strong", "summary", "table", "tbody", "td", "th", "thead", "tr", "ul"),
}


class Elements(HTMLParser):
    """Collects the elements of a page, its text, and attributes that run something."""

    def __init__(self, page):
        super().__init__()
        self.names, self.text, self.open = set(), "", []
        self.feed(page)
        self.close()

    def handle_starttag(self, tag, attrs):
        self.names.add(tag)
        self.open.append(tag)
        assert not [name for name, _ in attrs if name.startswith(("on", "style", "src"))], attrs
        if tag == "a":
            assert dict(attrs)["href"].startswith("/")

    def handle_endtag(self, tag):
        assert self.open.pop() == tag, "every element is closed in its place"

    def handle_data(self, data):
        self.text += data


def shown(template, **values):
    found = Elements(ENVIRONMENT.from_string(template).render(nonce="n", **values))
    assert found.names <= OWN
    assert not found.open
    return found


VALUE = '{% from "macros/values.html" import value with context %}{{ value(one | node) }}'
CHANGES = '{% from "macros/differences.html" import changes with context %}{{ changes(found) }}'
NESTED = [
    *(MARKUP, [MARKUP], {MARKUP: MARKUP}, [{MARKUP[:50]: MARKUP}, {MARKUP[:50]: 1}], [[[{MARKUP: [MARKUP] * 60}]]]),
    *(MARKUP * 100, {MARKUP * 100: 1}, None, True, [], {}, "", 1e300, {"": ""}),
]


@pytest.mark.parametrize("one", NESTED, ids=range(len(NESTED)))
def test_a_value_is_shown_as_text(one):
    text = shown(VALUE, one=one).text
    assert "onerror" not in str(one) or MARKUP[:50] in text
    assert "4900" not in text


@pytest.mark.parametrize("one", NESTED, ids=range(len(NESTED)))
def test_a_difference_is_shown_as_text(one):
    for before, after in ((one, "x"), ("x", one), ({"a": one}, {}), ([1], [1, one]), (MARKUP, f"{MARKUP} more")):
        assert "4900" not in shown(CHANGES, found=changes_between(before, after)).text


def test_removed_and_added_words_are_told_apart_without_colour():
    text = shown(CHANGES, found=changes_between({"to": "pay 100 now"}, {"to": "pay 900 now"})).text
    assert "[removed: 100]" in " ".join(text.split())
    assert "[added: 900]" in " ".join(text.split())


def test_what_does_not_show_is_a_badge_with_its_name():
    page = ENVIRONMENT.from_string(VALUE).render(nonce="n", one="a\u202eb\u200b\U000e0041")
    for code, name in (
        ("202E", "Right-to-left override"),
        ("200B", "Zero width space"),
        ("E0041", "Tag latin"),
    ):
        assert f'title="{name}' in page
        assert f"U+{code}</span>" in page
