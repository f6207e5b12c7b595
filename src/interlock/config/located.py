"""YAML text becomes a plain tree that knows its lines: no objects, no duplicate keys, no bombs.

PyYAML composes the nodes; nothing is ever constructed from a tag.
"""

from __future__ import annotations

import re
from dataclasses import dataclass, field
from decimal import Decimal
from functools import lru_cache
from pathlib import Path
from typing import Any

import yaml

from interlock.errors import BadInput, InvalidConfig, InvalidPolicy

MAX_FILE = 256_000
"""Largest file that is read, in bytes. PyYAML is slow, and a policy of that size is not read by people either."""

MAX_NODES = 20_000
"""Most values, with every alias written out: bounds what an anchor can unfold to."""

MAX_DEPTH = 32

Key = str | int
_PREFIX = "tag:yaml.org,2002:"
_WHOLE = re.compile(r"-?(0|[1-9][0-9]{0,30})")
_FRACTION = re.compile(r"-?[0-9]{1,30}\.[0-9]{1,30}")
_SIMPLE = re.compile(r"[A-Za-z_][A-Za-z0-9_-]*")
_BOOLEANS = {"true": True, "false": False}


class BadYaml(Exception):
    """Text that is not the YAML we read: the line, the path, and why."""

    def __init__(self, line: int, path: tuple[Key, ...], reason: str) -> None:
        super().__init__(reason)
        self.line = line
        self.path = path
        self.reason = reason


@dataclass(frozen=True, slots=True)
class Tree:
    """The value of a file, and the line of everything in it, from 1."""

    value: Any
    lines: dict[tuple[Key, ...], int] = field(default_factory=dict)

    def line(self, path: tuple[Key, ...]) -> int:
        """Return the line of a path, or of the nearest thing around it."""
        while path and path not in self.lines:
            path = path[:-1]
        return self.lines.get(path, 1)


def key_path(path: tuple[Key, ...]) -> str:
    """Return a path as people write it, such as `policies.purchases.levels[1].when`."""
    text = ""
    for key in path:
        if isinstance(key, int):
            text += f"[{key}]"
        else:
            name = key if _SIMPLE.fullmatch(key) else f'"{key[:80]}"'
            text += f".{name}" if text else name
    return text


@lru_cache(maxsize=4)
def read_tree(raw: bytes) -> Tree:
    """Read YAML. The same bytes are read once, because a young file is read at each call; nobody changes a tree.

    Raises:
        BadYaml: for text that is not UTF-8 or not YAML, duplicate keys, tags, merge keys, numbers in a form that two
            readers may read differently, and what is too large or too deep.
    """
    if len(raw) > MAX_FILE:
        raise BadYaml(1, (), f"is {len(raw):,} bytes, more than the limit of {MAX_FILE:,}: split it, or shorten it")
    try:
        text = raw.decode("utf-8-sig")
    except UnicodeDecodeError as error:
        line = raw[: error.start].count(b"\n") + 1
        raise BadYaml(line, (), "is not UTF-8 text: save the file as UTF-8") from None
    builder = _Builder()
    root = _compose(text)
    value = None if root is None else builder.build(root, ())
    return Tree({} if value is None else value, builder.lines)


def _compose(text: str) -> yaml.Node | None:
    try:
        return yaml.compose(text, Loader=yaml.SafeLoader)
    except yaml.MarkedYAMLError as error:
        mark = error.problem_mark or error.context_mark
        problem = " ".join(part for part in (error.context, error.problem) if part)
        raise BadYaml(mark.line + 1 if mark else 1, (), f"is not YAML: {problem}") from None
    except yaml.reader.ReaderError as error:
        line = text[: error.position].count("\n") + 1
        raise BadYaml(line, (), f"holds the character {error.character!r}, which YAML does not allow") from None
    except RecursionError:
        raise BadYaml(1, (), f"is nested deeper than {MAX_DEPTH}") from None


class _Builder:
    def __init__(self) -> None:
        self.lines: dict[tuple[Key, ...], int] = {}
        self.nodes = 0

    def build(self, node: yaml.Node, path: tuple[Key, ...]) -> Any:
        self.nodes += 1
        line = node.start_mark.line + 1
        self.lines.setdefault(path, line)
        if self.nodes > MAX_NODES:
            raise BadYaml(line, path, f"holds more than {MAX_NODES:,} values, counting what its aliases stand for")
        if len(path) > MAX_DEPTH:
            raise BadYaml(line, path, f"is nested deeper than {MAX_DEPTH}")
        if isinstance(node, yaml.MappingNode) and node.tag == _PREFIX + "map":
            return self._mapping(node, path)
        if isinstance(node, yaml.SequenceNode) and node.tag == _PREFIX + "seq":
            return [self.build(item, (*path, index)) for index, item in enumerate(node.value)]
        if isinstance(node, yaml.ScalarNode):
            return _scalar(node, path)
        raise _tagged(node, path)

    def _mapping(self, node: yaml.MappingNode, path: tuple[Key, ...]) -> dict[str, Any]:
        found: dict[str, Any] = {}
        for key_node, value_node in node.value:
            key = _key(key_node, path)
            line = key_node.start_mark.line + 1
            if key in found:
                first = self.lines[*path, key]
                raise BadYaml(line, (*path, key), f"stands twice (first in line {first}): keep one of them")
            self.lines[*path, key] = line
            found[key] = self.build(value_node, (*path, key))
        return found


def _key(node: yaml.Node, path: tuple[Key, ...]) -> str:
    line = node.start_mark.line + 1
    if node.tag == _PREFIX + "merge":
        raise BadYaml(line, path, "uses the merge key <<, which is not read here: write the keys out")
    if not isinstance(node, yaml.ScalarNode) or node.tag != _PREFIX + "str":
        shown = f" {node.value!r}" if isinstance(node, yaml.ScalarNode) else ""
        raise BadYaml(line, path, f"has a key{shown} that is not text: put it in quotes")
    return str(node.value)


def _scalar(node: yaml.Node, path: tuple[Key, ...]) -> Any:
    text, reason = node.value, "must be written in plain decimal digits, or in quotes if it is text"
    match node.tag.partition(_PREFIX):
        case "", _, "str" | "timestamp":
            return str(text)
        case "", _, "null":
            return None
        case "", _, "bool" if text in _BOOLEANS:
            return _BOOLEANS[text]
        case "", _, "int" if _WHOLE.fullmatch(text):
            return int(text)
        case "", _, "float" if _FRACTION.fullmatch(text):
            return Decimal(text)
        case "", _, "bool":  # YAML 1.1 reads yes, no, on and off as booleans, YAML 1.2 as text: some expect either
            reason = "is read differently by different programs: write true or false, or put it in quotes"
        case "", _, "int" | "float":
            pass  # 010, 0x10, 1_000 and 1:30 are other numbers to other readers
        case _:
            raise _tagged(node, path)
    raise BadYaml(node.start_mark.line + 1, path, f"{text!r} {reason}")


def _tagged(node: yaml.Node, path: tuple[Key, ...]) -> BadYaml:
    return BadYaml(node.start_mark.line + 1, path, f"carries the tag {node.tag[:60]}: remove it")


@dataclass(frozen=True, slots=True)
class ConfigFile:
    """The file that settings were read from, with the line of every key.

    Args:
        name: the file as the user called it, for messages; `path` is absolute.
        stamp: modification time, size and inode at the moment of reading.
        settled: whether the file was old enough then that a later change must show in the stamp.
        finished: whether its last line ends with a line break, as editors write it.
    """

    path: Path
    name: str
    tree: Tree
    stamp: tuple[int, int, int]
    settled: bool
    finished: bool = True

    @property
    def is_empty(self) -> bool:
        """Whether it has no section that says anything."""
        return not any(value is not None for value in self.tree.value.values())

    def must_be_whole(self, before: ConfigFile) -> None:
        """Refuse a file that looks half saved: emptied, or a moment ago cut off in the middle of its last line.

        Raises:
            InvalidConfig: if it does, with what to do.
        """
        if self.is_empty and not before.is_empty:
            raise InvalidConfig(
                f"{self.name}:1: the file is empty, and was not before, so it is taken for half saved: if nothing is "
                "to be configured any more, restart what runs",
                file=self.name,
                line=1,
            )
        if before.finished and not self.finished and not self.settled:
            raise InvalidConfig(
                f"{self.name}: the file ends in the middle of a line, so it is taken for half saved: end its last "
                "line, or leave it for a moment",
                file=self.name,
            )

    def say(self, path: tuple[Key, ...], reason: str) -> str:
        """Return a sentence about a key: file, line, key and what is wrong."""
        return say(self.name, self.tree.line(path), path, reason)

    def error(self, path: tuple[Key, ...], reason: str) -> BadInput:
        """Return the error for a key: `InvalidPolicy` in a policy, else `InvalidConfig`."""
        kind = InvalidPolicy if path[:1] in {("policies",), ("default",)} else InvalidConfig
        line = self.tree.line(path)
        return kind(self.say(path, reason), file=self.name, line=line, key=key_path(path))


def say(file: str, line: int, path: tuple[Key, ...], reason: str) -> str:
    """Return a sentence about a place in a file: file, line, key and what is wrong."""
    key = key_path(path)
    return f"{file}:{line}: {key}: {reason}" if key else f"{file}:{line}: {reason}"
