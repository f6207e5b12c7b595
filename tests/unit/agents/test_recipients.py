"""Addresses in a sentence: a word is one or it is none; nothing is made of a part of it."""

import pytest

from interlock.agents.offline import OfflinePlanner
from interlock.agents.recipients import addresses_in, unreadable, with_recipients

READ = {
    "Email bob@example.com about lunch": ["bob@example.com"],
    "Write to bob@example.com, and al@x.org. about Q3.": ["bob@example.com", "al@x.org"],
    "Bob <bob@example.com>;al@x.org": ["bob@example.com", "al@x.org"],
    'Mail "bob+q3@example.com" (mailto:al@x.org)!': ["bob+q3@example.com", "al@x.org"],
    "Email 'bob@example.com'": ["bob@example.com"],
    "Email o'brien@example.com": ["o'brien@example.com"],
    "Tell the team about lunch @ noon": [],
}

ASKED = (
    *("o*brien@example.com", "jos\u00e9@example.com", "bob@ex\u00e4mple.com", "bob@example.com@evil.org", "bob@"),
    *("@bob", "bob\uff20example.com", "bob@example..com", "a..b@c.d", "bob@[10.0.0.1", "*bob@example.com*"),
    *(
        "bob@example.com's",
        "bob\u200b@example.com",
        "bob@example.com/al@x.org",
        "bob&al@example.com",
        "bob@example_x.com",
    ),
    *("bob at example.com", "bob [at] example.com", "bob (at) example dot com", "bob@example.com?subject=x"),
)


@pytest.mark.parametrize(("text", "addresses"), READ.items())
def test_whole_words_are_addresses(text, addresses):
    assert (list(addresses_in(text)), unreadable(text)) == (addresses, [])


@pytest.mark.parametrize("word", ASKED)
def test_a_part_of_a_word_is_none(word):
    text = f"Email {word} about lunch"
    assert addresses_in(text) == ()
    assert unreadable(text)
    told = with_recipients(text, "pete@example.com, al@x.org")
    assert unreadable(told) == []
    assert OfflinePlanner().plan(told).to == ("pete@example.com", "al@x.org")
