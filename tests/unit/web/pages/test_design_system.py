"""The design system: its colours can be read by everybody."""

import re

import pytest

from interlock.web.pages.assets import FOLDER
from interlock.web.pages.design_system import tokens

SHEET = FOLDER.joinpath("interlock.css").read_text()
TOKEN = re.compile(r"--([\w-]+):\s*light-dark\((#[0-9a-f]{6}), (#[0-9a-f]{6})\)")
BLOCKS = {
    "": SHEET[SHEET.index(":root {") : SHEET.index("[data-theme=light]")],
    "chosen": SHEET[SHEET.index("[data-theme=contrast] {") : SHEET.index("@media (prefers-contrast")],
    "of the device": SHEET[SHEET.index("@media (prefers-contrast") : SHEET.index("@layer elements {")],
}
WORDS = ("ink", "ink-soft", "accent", "good", "bad", "warn")
GROUNDS = ("paper", "card", "sunken")
READ = [(word, ground) for word in WORDS for ground in GROUNDS] + [
    *(
        (word, ground)
        for word in ("ink", "ink-soft", "accent")
        for ground in ("info-soft", "good-soft", "bad-soft", "warn-soft")
    ),
    *((word, f"{word}-soft") for word in ("good", "bad", "warn")),
    *((f"{word}-ink", word) for word in ("accent", "good", "bad")),
]


def luminance(colour):
    """WCAG 2.2, relative luminance."""
    parts = [int(colour[at : at + 2], 16) / 255 for at in (1, 3, 5)]
    red, green, blue = (part / 12.92 if part <= 0.04045 else ((part + 0.055) / 1.055) ** 2.4 for part in parts)
    return 0.2126 * red + 0.7152 * green + 0.0722 * blue


def contrast(one, other):
    light, dark = sorted((luminance(one), luminance(other)), reverse=True)
    return (light + 0.05) / (dark + 0.05)


def colours(block, dark):
    return {name: pair[dark] for name, *pair in TOKEN.findall(BLOCKS[""] + block)}


def test_contrast_is_that_of_the_standard():
    assert contrast("#ffffff", "#000000") == pytest.approx(21)
    assert contrast("#777777", "#ffffff") == pytest.approx(4.48, abs=0.01)


@pytest.mark.parametrize("dark", [False, True], ids=["light", "dark"])
@pytest.mark.parametrize(("block", "least"), [("", 4.5), ("chosen", 7), ("of the device", 7)])
def test_words_can_be_read_on_every_ground(block, least, dark):
    shown = colours(BLOCKS[block], dark)
    found = {(word, ground): contrast(shown[word], shown[ground]) for word, ground in READ}
    assert {pair: round(value, 2) for pair, value in found.items() if value < least} == {}


@pytest.mark.parametrize("dark", [False, True], ids=["light", "dark"])
@pytest.mark.parametrize("block", BLOCKS)
def test_the_edges_of_controls_can_be_seen(block, dark):
    shown = colours(BLOCKS[block], dark)
    assert min(contrast(shown["line-strong"], shown[ground]) for ground in GROUNDS) >= 3


def test_high_contrast_is_one_whoever_asks_for_it():
    chosen, device = (TOKEN.findall(BLOCKS[name]) for name in ("chosen", "of the device"))
    assert chosen == device
    assert {name for name, *_ in chosen} >= {*WORDS, *GROUNDS, "line", "line-strong", "accent-ink"}


def test_tokens_are_those_of_the_style_sheet():
    assert tokens()["touch"] == "2.75rem"
    assert tokens()["ink"].startswith("light-dark(")
