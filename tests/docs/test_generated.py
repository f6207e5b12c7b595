"""What is drawn from the code is as the code is."""

import importlib.util
from pathlib import Path

import pytest

DOCS = Path(__file__).parents[2] / "docs"
_spec = importlib.util.spec_from_file_location("docs_generate", DOCS / "generate.py")
generate = importlib.util.module_from_spec(_spec)
_spec.loader.exec_module(generate)


@pytest.mark.parametrize("name", generate.pages())
def test_a_generated_page_is_up_to_date(name):
    assert (DOCS / name).read_text() == generate.page(name), "run: python docs/generate.py"


@pytest.mark.parametrize("name", ["reference-configuration.md", "reference-cli.md"])
def test_whatever_can_be_given_says_what_it_does(name):
    lacking = [line for line in (DOCS / name).read_text().splitlines() if line.endswith("|  |")]
    assert not lacking
