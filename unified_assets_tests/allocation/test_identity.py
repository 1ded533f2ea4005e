"""Tasks, classes and sides keep their identity while the lake changes."""

import polars as pl
import pytest

from unified_assets.allocation import allocate
from unified_assets.store.local import Store


def folders(names=("cat", "dog"), count: int = 20, *, root: str = "pets") -> dict[str, str]:
    return {f"{root}/{name}/{number}.png": f"{name}{number}" for name in names for number in range(count)}


def run(settings, specs):
    summary = allocate(settings, specs=specs)
    store = Store(settings.state)
    examples = store.table("examples").filter(pl.col("model") == "vision_service")
    return summary, store.table("tasks"), {row["example_id"]: row["split"] for row in examples.iter_rows(named=True)}


def empty(settings, folder: str) -> None:
    for path in sorted((settings.raw / folder).rglob("*"), reverse=True):
        path.unlink() if path.is_file() else path.rmdir()
    (settings.raw / folder).rmdir()


def test_an_added_class_joins_its_task(lake, specs):
    _, before, sides = run(lake(folders()), specs)
    _, after, later = run(lake(folders(("cow",))), specs)
    assert after["task"].to_list() == before["task"].to_list()
    assert after["classes"].to_list() == [["cat", "cow", "dog"]]
    assert sides.items() <= later.items()


def test_a_class_renamed_by_mapping_keeps_its_examples_and_sides(lake, specs):
    settings = lake(folders())
    run(settings, specs)
    before = dict(Store(settings.state).table("splits").select("group", "split").iter_rows())
    _, tasks, _ = run(lake({"unified.yaml": "tasks: {pets__class_folders: {class_map: {cat: feline}}}\n"}), specs)
    assert tasks["classes"].to_list() == [["dog", "feline"]]
    assert dict(Store(settings.state).table("splits").select("group", "split").iter_rows()) == before


def test_a_removed_class_is_kept_by_name_and_has_no_examples(lake, specs):
    settings = lake(folders(("cat", "cow", "dog")))
    run(settings, specs)
    empty(settings, "pets/cow")
    summary, tasks, _ = run(lake({}), specs)
    assert tasks["classes"].to_list() == [["cat", "cow", "dog"]]
    assert tasks["why"][0].endswith("no longer in the data, kept but not scored: cow")
    assert sum(summary.tasks[0][side] for side in ("train", "valid", "test")) == 40


def test_a_task_whose_folder_moved_goes_on_under_its_alias(lake, specs):
    settings = lake(folders())
    _, _, before = run(settings, specs)
    empty(settings, "pets")
    config = "tasks: {archive__animals__class_folders: {name: pets__class_folders}}\n"
    _, tasks, after = run(lake(folders(root="archive/animals") | {"unified.yaml": config}), specs)
    assert tasks["task"].to_list() == ["pets__class_folders"]
    assert after == before


@pytest.mark.parametrize("root", ["pets", "动物"])
def test_an_example_never_changes_sides_while_the_lake_grows_in_three_steps(root, lake, specs):
    known: dict[str, str] = {}
    for count in (20, 35, 60):
        summary, _, sides = run(lake(folders(count=count, root=root)), specs)
        assert known.items() <= sides.items()
        assert len(sides) == 2 * count
        (task,) = summary.tasks
        shares = [task[side] / (2 * count) for side in ("train", "valid", "test")]
        assert all(abs(share - wanted) <= 0.02 for share, wanted in zip(shares, (0.70, 0.15, 0.15), strict=True))
        known = sides


def test_a_planted_file_that_is_on_both_declared_sides_is_learned_by_nobody(lake, specs):
    files = {f"{side}/S/{name}/{n}.png": f"{side}{name}{n}" for side in ("train", "test") for name in ("cat", "dog") for n in range(10)}
    settings = lake(files)
    run(settings, specs)
    _, _, _ = run(lake({"train/S/cat/planted.png": "testcat3", "test/S/dog/planted.png": "traindog3"}), specs)
    ledger = Store(settings.state).table("allocation").filter((pl.col("model") == "vision_service") & pl.col("path").str.ends_with("planted.png"))
    assert {(use, reason.partition(":")[0]) for use, reason in ledger.select("use", "reason").iter_rows()} == {("none", "bridges train and test")}


def test_a_task_whose_folder_moved_goes_on_under_its_name_without_being_told(lake, specs):
    settings = lake(folders())
    _, _, before = run(settings, specs)
    empty(settings, "pets")
    summary, tasks, after = run(lake(folders(root="archive/animals")), specs)
    assert (tasks["task"].to_list(), tasks["root"].to_list()) == (["pets__class_folders"], ["archive/animals"])
    assert after == before
    assert "archive__animals__class_folders goes on as pets__class_folders: most of what that task was learned from lies there now" in summary.notes
    _, again, _ = run(lake(folders(root="archive/animals", count=25)), specs)
    assert again["task"].to_list() == ["pets__class_folders"]


def test_a_table_that_moved_and_grew_goes_on_under_its_name(lake, specs):
    def table(count: int) -> str:
        return "text,label\n" + "".join(f"sentence number {n} of many,{'ab'[n % 2]}\n" for n in range(count))

    settings = lake({"old/all.csv": table(40)})
    allocate(settings, specs=specs)
    empty(settings, "old")
    (task,) = allocate(lake({"new/place/some.csv": table(60)}), specs=specs).tasks
    assert (task["task"], task["train"] + task["valid"] + task["test"]) == ("old__all_csv_label", 60)


def test_a_second_folder_that_joins_a_task_leaves_it_its_name(lake, specs):
    def clips(mark: str) -> dict[str, str]:
        kinds = ("BIRD", "DRONE", "KITE", "PLANE")
        return {f"d/Pictures_{mark}/{mark}_{kind}_{n:03d}.png": f"{mark}{kind}{n}" for kind in kinds for n in range(5)}

    _, before, sides = run(lake(clips("IR")), specs)
    _, after, later = run(lake(clips("V")), specs)
    assert before["task"].to_list() == after["task"].to_list() == ["d__Pictures_IR__file_names_field_2"]
    assert after["root"].to_list() == ["d"]
    assert sides.items() <= later.items()


def test_another_task_of_the_same_kind_takes_no_old_name(lake, specs):
    settings = lake(folders())
    run(settings, specs)
    empty(settings, "pets")
    _, tasks, _ = run(lake({path: f"other {text}" for path, text in folders(root="fruit").items()}), specs)
    assert tasks["task"].to_list() == ["fruit__class_folders"]
