"""Which files a request may name."""

import base64
import os
import sys
from pathlib import Path

import pandas as pd
import pytest

from unified_assets.core.errors import InvalidSetting, UnreadableFile
from unified_assets.core.settings import Settings
from unified_assets.inference.reading import FileBelow, _read
from unified_assets.tracking import served_input
from unified_assets.tracking.served_input import Request, root_of

MEDIA = ("image", "audio")


@pytest.fixture
def root(tmp_path):
    """A folder that is served, with links into it and out of it, beside a file that is not."""
    (tmp_path / "secret.png").write_bytes(b"secret")
    served = tmp_path / "served"
    (served / "deep").mkdir(parents=True)
    (served / "deep" / "a b.png").write_bytes(b"mine")
    (served / "within.png").symlink_to(served / "deep" / "a b.png")
    (served / "out.png").symlink_to(tmp_path / "secret.png")
    (served / "away").symlink_to(tmp_path)
    os.mkfifo(served / "pipe.png")
    return served


def shown(value):
    """A content as bytes, a file as its bytes, why it is not read as its reason."""
    if isinstance(value, FileBelow):
        try:
            return _read(value)[0]
        except UnreadableFile as error:
            return error.reason
    return value.reason if isinstance(value, UnreadableFile) else value


def told(root, *values):
    return [shown(value) for value in Request(root=root, media=MEDIA).items_of(list(values))]


def test_strings_name_files_below_the_root_alone_whatever_links_and_dots_lead_through(root):
    inside = ("deep/a b.png", str(root / "deep" / "a b.png"), "within.png", "deep/../deep/a b.png", str(root / "away" / "served" / "within.png"))
    assert told(root, *inside) == [b"mine"] * 5
    secret = root.parent / "secret.png"
    outside = ("out.png", "away/secret.png", "../secret.png", "deep/../../secret.png", str(secret), str(root / ".." / "secret.png"), "/etc/passwd", "away/none")
    assert told(root, *outside) == ["not_allowed"] * 8
    assert told(root, "pipe.png", "gone.png", "deep/gone.png", str(root)) == ["not_regular", "not_found", "not_found", "outside_root"]


def test_a_file_that_becomes_a_link_between_the_question_and_the_reading_is_not_read(root):
    (found,) = Request(root=root, media=MEDIA).items_of(["deep/a b.png"])
    (root / "deep" / "a b.png").unlink()
    (root / "deep" / "a b.png").symlink_to(root.parent / "secret.png")
    assert shown(found) == "link"


def test_texts_stay_texts_and_an_answer_does_not_tell_whether_a_file_outside_is_there(root):
    texts = ["book a table for two", "and/or", "1 + 2 = 3", "", "a sentence about photo.png", "/" * 2000, "two\nlines.png", "nul\0.png", "\ud800"]
    assert told(root, *texts) == texts
    assert told(None, *texts) == texts
    there, not_there = str(root.parent / "secret"), str(root.parent / "nothing")
    (root.parent / "secret").touch()
    one, other = Request(root=root, media=MEDIA).items_of([there, not_there])
    assert (one.reason, one.detail) == (other.reason, other.detail)


def test_with_no_root_no_file_is_read_and_the_answer_says_what_to_do(root, monkeypatch):
    monkeypatch.chdir(root)
    names = ["within.png", str(root / "within.png"), "../secret.png", {"path": "within.png"}, {"image": "within.png"}, {"image": "deep/a b.png", "text": "x"}]
    found = Request(root=None, media=MEDIA).items_of(names)
    assert [one.reason for one in found] == ["not_allowed"] * 6
    assert "UNIFIED_ASSETS_SERVE_ROOT" in found[0].detail
    assert "base64" in found[0].detail
    table = pd.DataFrame({"path": ["within.png"]}), pd.DataFrame({"image": ["within.png"], "text": ["a"]})
    assert [[one.reason for one in Request(root=None, media=MEDIA).items_of(one)] for one in table] == [["not_allowed"], ["not_allowed"]]


def test_roles_and_tables_name_files_below_the_root_and_texts_beside_them(root):
    table = pd.DataFrame({"path": ["within.png", "out.png"], "text": ["within.png", "b"]})
    found = Request(root=root, media=MEDIA).items_of(table)
    assert shown(found[0]["path"]) == b"mine"
    assert (found[0]["text"], found[1].reason) == ("within.png", "not_allowed")
    (chosen,) = Request(root=root, media=MEDIA).items_of([{"premise": "p", "options": ["out.png", "b"], "option": "within.png"}])
    assert chosen == {"premise": "p", "options": ["out.png", "b"], "option": "within.png"}


@pytest.mark.filterwarnings("ignore")  # of its own type hints
def test_requests_as_mlflow_parses_them_are_read_alike(root):
    from mlflow.pyfunc.scoring_server import infer_and_parse_data

    request = Request(root=root, media=MEDIA)
    for question in (
        {"inputs": [{"image": "within.png", "text": "a"}, {"image": "out.png", "text": "b"}]},
        {"instances": [{"image": "within.png", "text": "a"}, {"image": "out.png", "text": "b"}]},
        {"inputs": {"image": ["within.png", "out.png"], "text": ["a", "b"]}},
        {"dataframe_records": [{"image": "within.png", "text": "a"}, {"image": "out.png", "text": "b"}]},
    ):
        first, second = request.items_of(infer_and_parse_data(question))
        assert (shown(first["image"]), first["text"], second.reason) == (b"mine", "a", "not_allowed"), question
    assert request.items_of(infer_and_parse_data({"inputs": [{"question": "q", "options": ["a", "b"]}]})) == [{"question": "q", "options": ["a", "b"]}]
    assert request.items_of(infer_and_parse_data({"inputs": "a text"})) == ["a text"]


def test_contents_come_as_base64_in_lists_roles_and_tables_with_or_without_a_root(root):
    url = "data:image/png;base64," + base64.b64encode(b"\x89PNG" * 400).decode()
    for place in (None, root):
        request = Request(root=place, media=MEDIA)
        assert request.items_of([url, {"image": url, "text": "x"}]) == [b"\x89PNG" * 400, {"image": b"\x89PNG" * 400, "text": "x"}]
        assert request.items_of(pd.DataFrame({"path": [url]})) == [{"path": b"\x89PNG" * 400}]
    assert told(None, "data:;base64,", "data:;base64,Zm9v\nYmFy", "data:;base64,not!", "data:;base64,\u00fc") == [b"", b"foobar", "not_base64", "not_base64"]
    assert told(None, "data: 3;base64, 4") == ["data: 3;base64, 4"]


def test_a_caller_in_the_same_process_names_what_it_likes(root, monkeypatch):
    monkeypatch.chdir(root.parent)
    secret = root.parent / "secret.png"
    assert Request(root=None, media=MEDIA, own=True).items_of(["secret.png", "gone.png", "a text", b"bytes", {"image": "secret.png"}]) == [
        Path("secret.png"),
        Path("gone.png"),
        "a text",
        b"bytes",
        {"image": Path("secret.png")},
    ]
    assert Request(root=root, media=MEDIA).items_of([secret, {"path": secret}]) == [secret, {"path": secret}]


def test_a_process_with_a_web_server_serves(monkeypatch):
    for name in served_input.SERVERS:
        monkeypatch.delitem(sys.modules, name, raising=False)
    assert not served_input.serves()
    monkeypatch.setitem(sys.modules, "uvicorn", sys)
    assert served_input.serves()


def test_a_root_is_a_folder_named_by_the_environment(root, monkeypatch):
    monkeypatch.delenv("UNIFIED_ASSETS_SERVE_ROOT", raising=False)
    assert root_of(Settings()) is None
    monkeypatch.setenv("UNIFIED_ASSETS_SERVE_ROOT", str(root / "away" / "served"))
    assert root_of(Settings()) == root.resolve()
    monkeypatch.setenv("UNIFIED_ASSETS_SERVE_ROOT", str(root / "within.png"))
    with pytest.raises(InvalidSetting, match=r"it is no folder\. Set UNIFIED_ASSETS_SERVE_ROOT to the folder"):
        root_of(Settings())
