"""The sample lake: the same bytes for a seed, a truth for every path, and labels that follow from the content."""

import csv
import hashlib
import io
import itertools
import json
import re
import zipfile
from collections import Counter
from pathlib import Path

import numpy as np
import pypdfium2
import pytest
import soundfile
from PIL import Image

from unified_assets import sample
from unified_assets.core.errors import InvalidSetting
from unified_assets.sample import writer
from unified_assets.sample.tones import keypad


@pytest.fixture(scope="module")
def lake(tmp_path_factory):
    return sample.write(tmp_path_factory.mktemp("sample") / "lake")


def rows(path: Path) -> list[dict[str, str]]:
    with path.open(encoding="utf-8", newline="") as file:
        return list(csv.DictReader(file))


def json_lines(path: Path) -> list[dict]:
    return [json.loads(line) for line in path.read_text(encoding="utf-8").splitlines()]


def every_path(folder: Path) -> list[str]:
    return sorted(str(path.relative_to(folder)) for path in folder.rglob("*") if path.is_symlink() or not path.is_dir())


def fingerprint(folder: Path) -> dict[str, tuple]:
    found = {}
    for name in every_path(folder):
        path = folder / name
        if path.is_symlink():
            found[name] = ("link", str(path.readlink()))
        elif path.is_file():
            found[name] = (hashlib.sha256(path.read_bytes()).hexdigest(), path.stat().st_mtime_ns if folder.suffix != ".truth" else 0)
        else:
            found[name] = ("fifo",)
    return found


def test_two_runs_write_the_same_bytes_at_the_same_times(lake, tmp_path):
    again = sample.write(tmp_path / "lake")
    assert fingerprint(again.folder) == fingerprint(lake.folder)
    assert fingerprint(again.truth) == fingerprint(lake.truth)


def test_another_seed_writes_other_bytes_under_the_same_labels(tmp_path):
    first, second = sample.write(tmp_path / "a" / "lake", seed=1, scale=0.1), sample.write(tmp_path / "b" / "lake", seed=2, scale=0.1)
    path = "images/digits/train/3/d003"
    assert next(first.folder.glob(f"{path}.*")).read_bytes() != next(second.folder.glob(f"{path}.*")).read_bytes()
    assert Counter(row["label"] for row in rows(first.truth / "files.csv")) == Counter(row["label"] for row in rows(second.truth / "files.csv"))


def test_the_truth_names_every_path_once_and_nothing_else(lake):
    named = [row["path"] for row in rows(lake.truth / "files.csv")]
    assert sorted(named) == every_path(lake.folder)


def test_no_truth_lies_inside_the_lake(lake):
    assert lake.truth == lake.folder.with_name("lake.truth")
    assert not [path for path in every_path(lake.folder) if "truth" in path]


def test_the_default_lake_is_small_and_has_all_five_modalities(lake):
    pytest.importorskip("av", reason="videos need the extra `video`")
    assert lake.files == {"audio": 244, "document": 62, "image": 580, "other": 3, "text": 33, "video": 32}
    assert (lake.pairs, lake.skipped) == (150, ())
    assert lake.size_bytes < 25_000_000


def test_every_fault_of_the_list_is_planted(lake):
    faults = Counter(row["fault"] for row in rows(lake.truth / "files.csv") if row["fault"])
    assert faults == {
        "truncated": 4, "wrong_extension": 3, "exact_duplicate": 1, "near_duplicate": 1, "silent": 1, "clipped": 1, "blurry": 1, "blank": 1, "too_small": 1,
        "mojibake": 1, "empty": 1, "contradictory_label": 2, "zip_bomb": 1, "fifo": 1, "junk": 1, "hidden": 2, "link_outside": 1,
    }  # fmt: skip


def test_without_the_extra_video_the_summary_says_that_videos_are_missing(tmp_path, monkeypatch):
    monkeypatch.setattr(writer, "find_spec", lambda _: None)
    written = sample.write(tmp_path / "lake", scale=0.1)
    assert written.skipped == ("videos: the package av is not installed (extra `video`)",)
    assert "video" not in written.files
    assert sample.write(tmp_path / "lake", scale=0.1).skipped == written.skipped


def test_a_sample_that_is_there_is_left_as_it_is_and_other_files_are_never_touched(tmp_path):
    first = sample.write(tmp_path / "lake", scale=0.1)
    (first.folder / "mine.txt").write_text("mine")
    sample.write(tmp_path / "lake", scale=0.1)
    assert (first.folder / "mine.txt").read_text() == "mine"
    with pytest.raises(InvalidSetting, match="Delete it, or name another folder"):
        sample.write(tmp_path / "lake", seed=8, scale=0.1)
    (tmp_path / "own").mkdir()
    (tmp_path / "own" / "thesis.txt").write_text("years of work")
    with pytest.raises(InvalidSetting, match="it holds files that are no sample"):
        sample.write(tmp_path / "own", scale=0.1)
    assert every_path(tmp_path / "own") == ["thesis.txt"]
    with pytest.raises(InvalidSetting, match="must be above 0"):
        sample.write(tmp_path / "none", scale=0)


def test_pictures_open_in_the_format_the_truth_says(lake):
    for row in rows(lake.truth / "files.csv"):
        if row["modality"] == "image" and row["decision"] != "reject":
            with Image.open(lake.folder / row["path"]) as image:
                image.load()
                assert Image.MIME[image.format] == row["media_type"], row["path"]


def test_the_two_strongest_tones_of_a_sound_name_its_digit(lake):
    sounds = [(row["audio"], row["label"]) for row in rows(lake.truth / "pairs.csv")]
    sounds += [(row["path"], row["label"]) for row in rows(lake.truth / "files.csv") if row["modality"] == "audio" and row["label"]]
    right = sum(strongest(lake.folder / path) == keypad(int(label)) for path, label in sounds)
    assert len(sounds) == 241
    assert right / len(sounds) > 0.95  # noise drowns a few


def strongest(path: Path) -> tuple[int, int]:
    samples, rate = soundfile.read(path)
    spectrum = np.abs(np.fft.rfft(samples * np.hanning(len(samples)), 16384))
    powers = {frequency: spectrum[round(frequency * 0.983 * 16384 / rate) : round(frequency * 1.017 * 16384 / rate)].max() for frequency in TONES}
    return max(TONES[:4], key=powers.get), max(TONES[4:], key=powers.get)


TONES = (697, 770, 852, 941, 1209, 1336, 1477)


def test_documents_open_and_their_layouts_differ(lake):
    for row in rows(lake.truth / "files.csv"):
        path = lake.folder / row["path"]
        if row["form"] != "class_folders" or row["modality"] != "document":
            continue
        if path.suffix == ".pdf":
            page = pypdfium2.PdfDocument(path)[0]
            assert ("INVOICE" in page.get_textpage().get_text_bounded()) == (row["label"] == "invoice")
            continue
        with zipfile.ZipFile(path) as file:
            assert file.testzip() is None
            main = file.read("word/document.xml" if path.suffix == ".docx" else "ppt/slides/slide1.xml").decode()
        if path.suffix == ".docx":
            assert ('w:cols w:num="2"' in main) == (row["label"] == "two_column")
            assert ("<w:tbl>" in main) == (row["label"] in {"form", "invoice"})
        else:
            assert ("<a:tbl>" in main) == (row["label"] == "invoice")


def test_videos_carry_moving_pictures_and_sound(lake):
    av = pytest.importorskip("av", reason="videos need the extra `video`")
    for row in rows(lake.truth / "files.csv"):
        if row["modality"] == "video":
            with av.open(str(lake.folder / row["path"])) as container:
                frames = [frame.to_ndarray(format="rgb24").astype(int) for frame in container.decode(video=0)]
                assert (len(container.streams.audio), frames[0].shape) == (1, (64, 64, 3))
            assert 14 <= len(frames) <= 24
            assert np.abs(frames[0] - frames[-1]).max() > 60


def test_arithmetic_is_right_and_no_row_comes_twice(lake):
    lines = (lake.folder / "texts/arithmetic/sums.txt").read_text().splitlines()
    told = [line.split(" = ") for line in lines] + [[row["expression"], row["result"]] for row in json_lines(lake.folder / "texts/arithmetic/more.jsonl")]
    assert len({expression for expression, _ in told}) == len(told) == 600
    for expression, result in told:
        first, sign, second = expression.split()
        assert int(result) == (int(first) + int(second) if sign == "+" else int(first) - int(second)) >= 0


def test_word_problems_follow_from_their_equations_and_do_not_cross_sides(lake):
    sides = {side: json_lines(lake.folder / f"texts/word_problems/{side}.jsonl") for side in ("train", "test")}
    assert not {row["Body"] for row in sides["train"]} & {row["Body"] for row in sides["test"]}
    for row in sides["train"] + sides["test"]:
        first, sign, second = re.fullmatch(r"\( (\d+)\.0 ([-+*/]) (\d+)\.0 \)", row["Equation"]).groups()
        first, second = int(first), int(second)
        assert int(row["Answer"]) == {"+": first + second, "-": first - second, "*": first * second, "/": first // max(second, 1)}[sign]
        assert {str(first), str(second)} == set(re.findall(r"\d+", row["Body"])) | ({str(first)} & {str(second)})


def test_formulas_are_labelled_by_all_their_assignments(lake):
    told = rows(lake.folder / "texts/logic/formulas.csv")
    assert Counter(row["label"] for row in told) == {"tautology": 100, "contradiction": 100, "contingent": 100}
    for row in told:
        values = {evaluate(row["formula"], dict(zip("pqr", case, strict=True))) for case in itertools.product((False, True), repeat=3)}
        assert row["label"] == {frozenset({True}): "tautology", frozenset({False}): "contradiction"}.get(frozenset(values), "contingent"), row["formula"]


def evaluate(formula: str, case: dict[str, bool]) -> bool:
    """By rewriting: constants are folded until one is left. Another way than the writer's."""
    text = re.sub(r"\bnot ", "~", formula).replace(" and ", " & ").replace(" or ", " | ")
    text = re.sub(r"[pqr]", lambda name: "T" if case[name[0]] else "F", text)
    table = {"&": lambda a, b: a and b, "|": lambda a, b: a or b, "->": lambda a, b: not a or b, "<->": lambda a, b: a == b}
    while len(text) > 1:
        text = text.replace("~T", "F").replace("~F", "T")
        text = re.sub(r"\(([TF]) (&|\||->|<->) ([TF])\)", lambda m: "T" if table[m[2]](m[1] == "T", m[3] == "T") else "F", text)
    return text == "T"


def test_choices_cannot_be_told_from_the_options_alone(lake):
    told = json_lines(lake.folder / "texts/causal/choices.jsonl")
    assert Counter(row["label"] for row in told) == {"0": 100, "1": 100}
    right = Counter(row[f"choice{int(row['label']) + 1}"].partition(" ")[2] for row in told)
    wrong = Counter(row[f"choice{2 - int(row['label'])}"].partition(" ")[2] for row in told)
    assert len(set(right) & set(wrong)) / len(set(right) | set(wrong)) > 0.8


def test_every_example_of_the_truth_stands_in_its_file(lake):
    examples = json_lines(lake.truth / "examples.jsonl")
    assert len(examples) == lake.examples
    assert len({(example["path"], example["record"]) for example in examples}) == len(examples)
    for example in examples:
        assert (lake.folder / example["path"]).is_file()
    lines = Counter(example["path"] for example in examples if example["record"] is not None)
    assert lines["texts/logic/formulas.csv"] == 300
    assert lines["texts/concepts/animals.json"] == len(json.loads((lake.folder / "texts/concepts/animals.json").read_text()))


def test_the_zip_bomb_is_small_until_it_is_opened(lake):
    data = (lake.folder / "inbox/minutes.docx").read_bytes()
    assert len(data) < 400_000
    with zipfile.ZipFile(io.BytesIO(data)) as file:
        assert file.getinfo("word/document.xml").file_size / len(data) > 500
