"""Results in files: what is kept is read back, and what somebody else has put there is complained about and left."""

import json
import os
import stat
from pathlib import Path

import pytest

from interlock.domain.commands import RecordEffect
from interlock.engine.results import KnownResult
from interlock.storage.open import kept_results
from interlock.storage.result_files import LARGEST, ResultFiles

NAME = "req_1.1.json"


def known(request_id="req_1", attempt=1, result=None):
    result = {"paid": 5.0, "note": "Zoë", "long": 1e21} if result is None else result
    return KnownResult("default", "agent:buyer", RecordEffect(request_id, attempt, "executed", result))


@pytest.fixture
def folder(tmp_path):
    return tmp_path / "interlock.db.results"


@pytest.fixture
def files(folder, tmp_path):
    return ResultFiles(folder, tmp_path / "data" / "results" / "0")


def test_a_result_comes_back_as_it_was_and_is_this_users_alone(files, folder):
    assert files.found() == ([], [])
    place = files.keep(known())
    files.keep(known("req_2", 3))
    assert files.found() == ([known(), known("req_2", 3)], [])
    assert files.found("req_2") == ([known("req_2", 3)], [])
    assert [stat.S_IMODE(path.stat().st_mode) for path in (Path(place), folder)] == [0o600, 0o700]
    files.drop(known())
    files.drop(known())
    assert files.found() == ([known("req_2", 3)], [])
    assert [path.name for path in folder.iterdir()] == ["req_2.3.json"]


def test_a_result_is_kept_elsewhere_where_there_is_no_room_beside_the_database(files, folder, tmp_path):
    folder.write_text("a file stands in its place")
    place = files.keep(known())
    assert place.startswith(str(tmp_path / "data"))
    found, (problem,) = files.found()
    assert found == [known()]
    assert "no plain folder" in problem
    files.drop(known())
    assert files.found()[0] == []


def test_a_result_that_can_be_kept_nowhere_is_an_error_of_the_system(tmp_path):
    (tmp_path / "taken").touch()
    with pytest.raises(OSError, match="taken"):
        ResultFiles(tmp_path / "taken").keep(known())


def of(**changed):
    content = {"format": 1, "known": {"tenant": "default", "agent": "agent:buyer", "command": {}}}
    content["known"]["command"] = {"request_id": "req_1", "attempt": 1, "state": "executed", "result": None}
    content["known"]["command"] |= changed.pop("command", {})
    return json.dumps(content | changed)


STRANGE = {
    "no JSON": (NAME, "{", "no result"),
    "half of it": (NAME, of()[:40], "no result"),
    "nothing": (NAME, "", "no result"),
    "other JSON": (NAME, "[]", "does not say"),
    "a newer form": (NAME, of(format=2), "its format is 2"),
    "an unheard-of state": (NAME, of(command={"state": "perhaps"}), "does not say"),
    "another request's": (NAME, of(command={"request_id": "req_2"}), "something else than its name says"),
    "another attempt's": (NAME, of(command={"attempt": 2}), "something else than its name says"),
    "deep": (NAME, of(command={"result": json.loads("[" * 500 + "]" * 500)}), "no result"),
    "deeper": (NAME, "[" * 100_000, "no result"),
    "a long reason": (NAME, of(command={"reason": "x" * 100_000}), "no result"),
    "large": (NAME, "x" * (LARGEST + 1), "larger than"),
    "another name": ("notes.txt", of(), "its name"),
    "no text": (NAME, b"\xff\xfe", "no result"),
}


@pytest.mark.parametrize("kind", STRANGE)
def test_what_is_no_result_is_told_of_and_left_and_the_others_are_read(files, folder, kind):
    name, content, problem = STRANGE[kind]
    files.keep(known("req_9"))
    path = folder / name
    path.write_bytes(content if isinstance(content, bytes) else content.encode())
    path.chmod(0o600)
    found, (told,) = files.found()
    assert found == [known("req_9")]
    assert str(path) in told
    assert problem in told
    assert path.exists()


def linked(path, aside):
    aside.write_text(of())
    path.symlink_to(aside)


def writable(path, _):
    path.write_text(of())
    path.chmod(0o622)


PLANTED = {
    "a link": linked,
    "a pipe": lambda path, _: os.mkfifo(path, 0o600),
    "a folder": lambda path, _: path.mkdir(),
    "writable for others": writable,
}


@pytest.mark.parametrize("kind", PLANTED)
def test_what_others_may_have_put_there_is_left(files, folder, tmp_path, kind):
    files.keep(known("req_9"))
    PLANTED[kind](folder / NAME, tmp_path / "aside")
    found, (told,) = files.found()
    assert found == [known("req_9")]
    assert str(folder / NAME) in told


def test_a_folder_in_which_others_may_write_is_not_believed(files, folder):
    files.keep(known())
    folder.chmod(0o777)
    found, (told,) = files.found()
    assert (found, "others may write it" in told) == ([], True)


def test_what_was_cut_off_while_it_was_written_is_no_matter(files, folder):
    files.keep(known())
    (folder / ".req_2.1.json.part").write_text('{"for')
    assert files.found() == ([known()], [])


def test_each_database_has_its_own_and_no_name_holds_a_password(tmp_path):
    addresses = [
        "postgresql://ann:secret@db.example.com/orders",
        "postgresql://ann:secret@db.example.com/orders?options=-csearch_path%3Dother",
        "postgresql://ann:secret@db.example.com/invoices",
        str(tmp_path / "a.db"),
        str(tmp_path / "b.db"),
    ]
    folders = [kept_results(address, tmp_path).folders for address in addresses]
    assert len(set(folders)) == len(addresses)
    assert folders[3][0] == tmp_path / "a.db.results"
    same = kept_results("postgresql://ann:changed@db.example.com/orders", tmp_path).folders
    assert same == folders[0]
    assert "secret" not in str(folders)


def test_what_is_in_memory_ends_with_its_process(tmp_path):
    kept = kept_results("memory:", tmp_path)
    with pytest.raises(OSError, match="nothing is kept"):
        kept.keep(known())
    kept.drop(known())
    assert kept.found() == ([], [])
