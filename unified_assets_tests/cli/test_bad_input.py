"""Whatever is asked for wrongly is one line that says what and what to do; nothing is lost by it."""

import importlib
import json
import os
import sys
from contextlib import contextmanager

import pytest

from unified_assets import sample
from unified_assets.cli import main
from unified_assets.cli.roots import ROOTS

UNPRIVILEGED = 65534  # nobody


@pytest.fixture(scope="module")
def lake(tmp_path_factory):
    return sample.write(tmp_path_factory.mktemp("asked") / "lake", scale=0.05).folder


@pytest.fixture
def told(monkeypatch, capsys, tmp_path):
    """A function that runs the command line here, and gives its exit code and what it said."""

    def run(*arguments, raw=None, state=None):
        monkeypatch.setattr(sys, "argv", ["unified-assets", "--raw", str(raw or tmp_path / "raw"), "--state", str(state or tmp_path / "state"), *arguments])
        with pytest.raises(SystemExit) as ended:
            main()
        return ended.value.code, capsys.readouterr().err.strip().splitlines()

    yield run
    ROOTS.update(raw=None, state=None)


def test_a_raw_folder_that_is_not_there_is_no_folder_or_is_empty_is_told(told, tmp_path):
    (tmp_path / "file").touch()
    (tmp_path / "empty").mkdir()
    for command in (("run",), ("train",), ("scan",), ("quality",), ("refresh",)):
        code, (line,) = told(*command, raw=tmp_path / "nowhere")
        assert (code, line.startswith(f"error: raw folder {tmp_path / 'nowhere'}: there is no such folder. Name the folder")) == (1, True), command
        code, (line,) = told(*command, raw=tmp_path / "file")
        assert (code, line.startswith(f"error: raw folder {tmp_path / 'file'}: not a directory. Name the folder")) == (1, True), command
    code, (line,) = told("train", raw=tmp_path / "empty")
    assert (code, line.startswith(f"error: {tmp_path / 'empty'} holds no files. Put some there")) == (1, True)
    assert sorted(path.name for path in tmp_path.iterdir()) == ["empty", "file"]


@contextmanager
def somebody():
    """Not root for a while: permissions do not stop root."""
    for name in ("unified_assets.cli.display", "unified_assets.defs.launch"):
        importlib.import_module(name)  # now: what is installed may be closed to others
    if os.geteuid() != 0:
        yield
        return
    os.seteuid(UNPRIVILEGED)
    try:
        yield
    finally:
        os.seteuid(0)


def test_a_raw_folder_or_a_state_that_permissions_close_is_told(told, tmp_path, lake, monkeypatch):
    closed, state = tmp_path / "closed", tmp_path / "state"
    for folder in (tmp_path, *tmp_path.parents, *lake.parents):
        if "pytest" in str(folder):
            folder.chmod(0o755)
    closed.mkdir()
    closed.chmod(0o000)
    state.mkdir()
    state.chmod(0o555)
    monkeypatch.delenv("DAGSTER_HOME", raising=False)
    for raw, words in ((closed, f"error: raw folder {closed}: permission denied. Name the folder"), (lake, f"error: {state / 'dagster'}: Permission denied.")):
        with somebody():
            code, (line,) = told("scan", raw=raw, state=state)
        assert (code, line[: len(words)]) == (1, words)


def test_unknown_presets_models_fields_and_values_are_told_with_what_is_known(told, tmp_path, lake):
    field, value, broken = tmp_path / "field.yaml", tmp_path / "value.yaml", tmp_path / "broken.yaml"
    field.write_text("epochs: 2\nepoch: 3\n", encoding="utf-8")
    value.write_text("epochs: two\n", encoding="utf-8")
    broken.write_text("epochs: [2\n", encoding="utf-8")
    for options, words in (
        (("--preset", "nonesuch"), "no preset of that name. Known: ablation, "),
        (("--preset", str(tmp_path / "gone.yaml")), "No such file"),
        (("--preset", str(broken)), "Give a readable YAML file of preset fields"),
        (("--preset", str(field)), "`epoch` is 3: extra inputs are not permitted. Fields of a preset: ablation_seeds, batch_size, "),
        (("--preset", str(value)), "`epochs` is 'two': input should be a valid integer"),
        (("--models", "vision"), "no such model. Known models: audio_service, "),
    ):
        for command in ("run", "train"):
            code, (line,) = told(command, *options, raw=lake)
            assert (code, words in line) == (2, True), line
    assert not (tmp_path / "state").exists()


def test_what_exceeds_the_machine_is_told_before_a_file_is_read(told, tmp_path, lake):
    for content, words in (
        ("needs: {logic_model: {memory_gib: 90000}}", "logic_model needs 90000 GiB of memory, but at most "),
        ("needs: {logic_model: {min_cores: 4096}}", "logic_model needs 4096 cores of CPU, but at most "),
    ):
        preset = tmp_path / "large.yaml"
        preset.write_text(content, encoding="utf-8")
        code, lines = told("train", "--preset", str(preset), raw=lake)
        assert (code, lines[-1].startswith(f"error: {words}")) == (1, True), lines
        assert [line for line in lines if line.startswith("preset ")] == lines[:-1]
    assert not (tmp_path / "state").exists()


def test_a_state_of_a_newer_version_or_of_other_files_is_refused_and_left_as_it_is(told, tmp_path, lake):
    state = tmp_path / "state"
    state.mkdir()
    for record, words in (
        ({"raw": str(lake), "layout": 99}, "was written by a newer version of unified-assets (layout 99; this one knows 1). Update, or give another"),
        ({"raw": str(tmp_path / "other"), "layout": 1}, f"holds the state of {tmp_path / 'other'}, not of {lake}. Give each raw folder a state"),
    ):
        (state / "lake.json").write_text(json.dumps(record), encoding="utf-8")
        for command in ("run", "scan", *(["status", "doctor", "watch"] if record["layout"] == 99 else [])):
            code, (line,) = told(command, raw=lake)
            assert (code, line.startswith(f"error: {state} {words}")) == (2, True), line
        assert json.loads((state / "lake.json").read_text(encoding="utf-8")) == record
        assert [path.name for path in state.iterdir()] == ["lake.json"]


def test_what_is_not_registered_or_has_not_run_is_told(told, lake):
    for arguments, words in (
        (("predict", "vision_service", "a.png"), "Registered: nothing yet; train first."),
        (("predict", "vision_service", "a.png", "--format", "xml"), "Choose one of jsonl, csv, table."),
        (("promote", "vision_service", "3"), "no such version. Registered: none."),
        (("compare", "vision_service:1", "vision_service:2"), "Versions of vision_service: none"),
        (("compare", "last", "last"), "no such run. Give MODEL:VERSION"),
        (("report", "last"), "no such run. Newest runs: none yet."),
        (("explain", "a.png"), "run `unified-assets refresh` first if it is new"),
    ):
        code, (line,) = told(*arguments, raw=lake)
        assert (code, words in line) == (2, True), line
    for arguments, words in ((("rollback", "vision_service"), "Train it first."), (("train", "--resume"), "there is nothing to resume")):
        code, (line,) = told(*arguments, raw=lake)
        assert (code, words in line) == (1, True), line
