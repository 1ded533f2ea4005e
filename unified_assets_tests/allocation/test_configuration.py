"""`unified.yaml`: what a person says wins over what is inferred, and what cannot be used is refused with field and fix."""

import json

import polars as pl
import pytest

from unified_assets.allocation import allocate
from unified_assets.allocation.overrides import SCHEMA_FILE, load_overrides, schema_text
from unified_assets.core.errors import InvalidSetting
from unified_assets.core.settings import Settings
from unified_assets.store.local import Store


def folders(count: int = 20) -> dict[str, str]:
    return {f"pets/{name}/{number}.png": f"{name}{number}" for name in ("cat", "dog") for number in range(count)}


def test_the_published_schema_is_the_one_that_is_checked():
    assert SCHEMA_FILE.read_text(encoding="utf-8") == schema_text()
    assert set(json.loads(schema_text())["properties"]) == {"ignore", "accept", "reject", "checks", "columns", "split", "group", "tasks"}


@pytest.mark.parametrize(
    ("text", "field", "said"),
    [
        ("ignroe: ['*.bak']", "ignroe", "Write `ignore`."),
        ("tasks: {a: {nmae: b}}", "tasks.a.nmae", "Write `name`."),
        ("tasks: {a: {name: 'two words'}}", "tasks.a.name", "pattern"),
        ("tasks: {a: {subject: poetry}}", "tasks.a.subject", "Write one of 'image', 'audio'"),
        ("columns: {'*.csv': {kind: lable}}", "columns.*.csv.kind", "Write one of 'label', 'split'"),
        ("split: {'holdout/**': exam}", "split.holdout/**", "Write one of 'train', 'valid' or 'test'."),
        ("group: {'*.wav': '('}", "group", "the regular expression of '*.wav' is not valid"),
        ("ignore: 3", "ignore", "Write a tuple"),
        ("[1, 2]", "(file)", "Overrides"),
        ("a: b: c", "(file)", "Write valid YAML in UTF-8."),
    ],
)
def test_what_cannot_be_used_is_refused_with_its_field_and_a_fix(text, field, said, tmp_path):
    (tmp_path / "unified.yaml").write_text(text, encoding="utf-8")
    with pytest.raises(InvalidSetting) as caught:
        load_overrides(Settings(raw=tmp_path, state=tmp_path / "state"))
    assert caught.value.field == field
    assert said in str(caught.value)


def test_a_configuration_outside_the_raw_root_is_read_and_a_missing_one_refused(lake, specs, tmp_path):
    settings = lake(folders())
    (tmp_path / "elsewhere.yaml").write_text("tasks: {pets__class_folders: {name: animals}}", encoding="utf-8")
    summary = allocate(settings.model_copy(update={"config": tmp_path / "elsewhere.yaml"}), specs=specs)
    assert [task["task"] for task in summary.tasks] == ["animals"]
    with pytest.raises(InvalidSetting, match="there is no such file"):
        allocate(settings.model_copy(update={"config": tmp_path / "nowhere.yaml"}), specs=specs)


def test_a_person_can_say_which_files_are_the_test_side_and_what_stays_together(lake, specs):
    config = "split: {'pets/*/1?.png': test}\n"
    settings = lake(folders() | {"unified.yaml": config})
    (task,) = allocate(settings, specs=specs).tasks
    assert (task["train"], task["valid"], task["test"]) == (17, 3, 20)
    examples = Store(settings.state).table("examples").filter(pl.col("split") == "test")
    assert all(row[0]["path"].rpartition("/")[2].startswith("1") for row in examples["inputs"].to_list())


def test_a_person_can_say_what_stays_on_one_side(lake, specs):
    config = "group: {'pets/**': '(\\d)\\.png$'}\n"
    settings = lake(folders() | {"unified.yaml": config})
    allocate(settings, specs=specs)
    examples = Store(settings.state).table("examples").with_columns(last=pl.col("inputs").list.first().struct.field("path").str.extract(r"(\d)\.png$"))
    assert examples.group_by("last").agg(pl.col("split").n_unique())["split"].to_list() == [1] * 10


def test_column_roles_win_over_names(lake, specs):
    table = "text,label,mood\n" + "\n".join(f"sentence number {n} of many,{'ab'[n % 2]},{('glad', 'sad')[n // 2 % 2]}" for n in range(40))
    settings = lake({"t/all.csv": table, "unified.yaml": "columns: {'t/*.csv': {mood: label, label: ignore}}\n"})
    allocate(settings, specs=specs)
    assert Store(settings.state).table("tasks")["classes"].to_list() == [["glad", "sad"]]


def test_names_that_nothing_answers_to_are_noted(lake, specs):
    config = "tasks:\n  nothing_like_it: {ignore: true}\n  pets__class_folders: {class_map: {cow: cattle}}\n"
    notes = allocate(lake(folders() | {"unified.yaml": config}), specs=specs).notes
    assert "unified.yaml names the task nothing_like_it, which was not found" in notes
    assert "pets__class_folders: unified.yaml maps the class cow, which was not found" in notes


def test_nothing_is_printed(lake, specs, capsys):
    allocate(lake(folders()), specs=specs)
    assert capsys.readouterr().out == ""
