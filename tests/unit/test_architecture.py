"""ARCHITECTURE.md names every module once, in its folder, and names no file that is not there."""

import re
from collections import Counter
from pathlib import Path

import pytest

import interlock

ROOT = Path(__file__).parents[2]
TEXT = (ROOT / "ARCHITECTURE.md").read_text()
PACKAGE = Path(interlock.__file__).parent

FOLDER = re.compile(r"^( *)([\w-]+)/ ")
FILE = re.compile(r"(?<![\w/])[\w-]+\.py\b")
PATH = re.compile(r"(?<![\w./-])(?:[\w-]+/)+[\w-]+\.(?:py|md)\b")


def named_in_the_tree():
    """Return the files of the folder listing, by their paths in the package."""
    listing = TEXT.split("src/interlock/\n", 1)[1].split("```", 1)[0]
    found, folders = [], []
    for line in listing.splitlines():
        depth = len(line) - len(line.lstrip())
        while folders and depth <= folders[-1][0]:
            folders.pop()
        if folder := FOLDER.match(line):
            folders.append((depth, folder[2]))
        found += ["/".join([*(name for _, name in folders), file]) for file in FILE.findall(line)]
    return found


def modules():
    files = {str(path.relative_to(PACKAGE)) for path in PACKAGE.rglob("*.py")}
    return {
        path
        for path in files
        if path == "__init__.py" or not (path.endswith("/__init__.py") or "migrations/versions" in path)
    }


def test_every_module_is_named_once_in_its_folder_and_no_other():
    named = Counter(named_in_the_tree())
    assert modules() - named.keys() == set(), "not in ARCHITECTURE.md"
    assert named.keys() - modules() == set(), "named in ARCHITECTURE.md, and not there"
    assert [path for path, times in named.items() if times > 1] == []


@pytest.mark.parametrize("path", sorted({*PATH.findall(TEXT)}))
def test_every_path_that_is_named_is_there(path):
    assert (PACKAGE / path).exists() or (ROOT / path).exists(), "no such file"
