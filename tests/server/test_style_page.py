"""The page of the design system shows every class and every state that a style sheet speaks of, in each theme."""

import re
from http import HTTPStatus

import pytest

from interlock.web.pages.assets import FOLDER
from interlock.web.pages.design_system import SHEETS, THEMES, colours

OLGA = "olga@example.com"
PAGE = "../../settings/style"
EVERYWHERE = "interlock"


def selectors(sheet):
    """Return what stands before each block of a style sheet."""
    text = re.sub(r"/\*.*?\*/", "", FOLDER.joinpath(f"{sheet}.css").read_text(), flags=re.DOTALL)
    return re.findall(r"([^{};]+)\{", re.sub(r'"[^"]*"', '""', text))


def named_in(sheet):
    """Return the classes and the attributes that a style sheet speaks of."""
    found = [one for one in selectors(sheet) if not one.lstrip().startswith("@")]
    classes = {name for one in found for name in re.findall(r"\.([a-zA-Z][\w-]*)", one)}
    return classes, {name for one in found for name in re.findall(r"\[([a-z][\w-]*)", one)}


def shown_by(page):
    classes = {name for one in re.findall(r'\sclass="?([^">]*)', page) for name in one.split()}
    return classes, set(re.findall(r"\s([a-z][\w-]*)(?=[=\s>])", page))


async def opened(server, **asked):
    answer = await (await server.person(OLGA)).get(PAGE, params=asked)
    assert answer.status_code == HTTPStatus.OK
    return answer.text


def test_each_style_sheet_has_a_place_there():
    sheets = {one.name.removesuffix(".css") for one in FOLDER.iterdir() if one.name.endswith(".css")}
    assert sheets == {*SHEETS, "style"}


@pytest.mark.parametrize("sheet", SHEETS)
async def test_every_class_and_every_state_of_a_style_sheet_is_shown(server, sheet):
    classes, states = shown_by(await opened(server, sheet=sheet))
    wanted_classes, wanted_states = named_in(sheet)
    assert len(wanted_classes) > 20
    assert wanted_classes - classes == set()
    assert wanted_states - states == set()


@pytest.mark.parametrize(("chosen", "theme"), THEMES.items())
async def test_each_theme_is_shown(server, chosen, theme):
    one = await opened(server, sheet="values", theme=chosen)
    assert f'class="specimen stack is-{theme.scheme}" data-theme="{theme.chosen}"' in one


async def test_what_is_on_every_page_is_shown_in_all_themes_with_every_colour(server):
    page = await opened(server)
    for theme in THEMES.values():
        specimen = f'class="specimen stack is-{theme.scheme}" data-theme="{theme.chosen}"'
        assert page.count(specimen) == 4
    for colour in colours():
        assert page.count(f"var(--{colour})") == len(THEMES)


async def test_another_name_shows_what_is_on_every_page(server):
    assert 'id="colours"' in await opened(server, sheet="../x", theme="none")
