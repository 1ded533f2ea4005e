import io
import os
from pathlib import Path

import pytest

from unified_assets.cli.predicting import answered, expanded, writer


class Echo:
    """Answers each item with its place in the batch, and refuses texts that say so."""

    def __init__(self):
        self.batches = []

    def predict(self, items, task):
        self.batches.append(len(items))
        return [{"error": "refused", "detail": ""} if item == "no" else {"task": task, "answer": "x", "confidence": 0.5} for item in items]


def test_folders_are_walked_hidden_files_and_links_left_out_and_texts_kept(tmp_path):
    (tmp_path / "b").mkdir()
    for name in ("b/2.png", "b/1.png", "a.txt", ".hidden", "b/.hidden"):
        (tmp_path / name).touch()
    (tmp_path / "link").symlink_to(tmp_path / "a.txt")
    (tmp_path / "again").symlink_to(tmp_path)
    found = list(expanded([str(tmp_path), "p & q", "gone.png", "see a.png", "x" * 5000]))
    assert found == [tmp_path / "a.txt", tmp_path / "b" / "1.png", tmp_path / "b" / "2.png", "p & q", Path("gone.png"), "see a.png", "x" * 5000]


def test_items_go_in_batches_and_names_that_are_no_text_can_be_printed(tmp_path):
    model, odd = Echo(), os.fsdecode(b"caf\xe9.png")
    rows = list(answered(model, [Path(odd), *(f"text {number}" for number in range(199))], "t"))
    assert model.batches == [128, 72]
    assert (rows[0]["item"], rows[-1]["item"], len(rows)) == ("caf\\xe9.png", "text 198", 200)


@pytest.mark.parametrize(
    ("form", "text"),
    [
        ("jsonl", '{"item": "a", "task": "t", "answer": "x", "confidence": 0.5}\n{"item": "no", "error": "refused", "detail": ""}\n'),
        ("csv", "item,task,answer,confidence,error,detail\na,t,x,0.5,,\nno,,,,refused,\n"),
    ],
)
def test_every_format_counts_the_errors(form, text, monkeypatch):
    out = io.StringIO()
    monkeypatch.setattr("sys.stdout", out)
    assert writer(form)(answered(Echo(), ["a", "no"], "t")) == 1
    assert out.getvalue() == text
