import random
from collections import defaultdict

import polars as pl

from unified_assets.allocation import allocate
from unified_assets.allocation.pair_sides import place_pairs
from unified_assets.allocation.units import Row, digest
from unified_assets.store.local import Store


def sides_of(settings, specs):
    """Path of the picture → side of its pair."""
    allocate(settings, lambda _: None, specs=specs)
    rows = Store(settings.state).table("examples").filter(pl.col("task").is_null() & (pl.col("model") == "vision_service"))
    return {inputs[0]["path"]: split for inputs, split in rows.select("inputs", "split").iter_rows()}


def shots(count, folder="shots", sound="wav{n}"):
    return {f"{folder}/c{n}.{extension}": sound.format(n=n) if extension == "wav" else f"png{n}" for n in range(count) for extension in ("png", "wav")}


def test_a_tenth_of_many_unlabelled_pairs_is_held_out_and_stays_so_as_pairs_are_added(lake, specs):
    first = sides_of(lake(shots(300)), specs)
    held = {path for path, side in first.items() if side == "test"}
    assert 15 <= len(held) <= 45
    assert set(first.values()) == {"train", "test"}
    second = sides_of(lake(shots(400)), specs)
    assert {path for path in first if second[path] == "test"} == held


def test_fewer_than_fifty_pairs_all_train(lake, specs):
    assert set(sides_of(lake(shots(49)), specs).values()) == {"train"}


def test_pairs_that_share_a_file_or_are_near_duplicates_are_held_out_together_or_not_at_all(lake, specs):
    files = {name: content if name.endswith("png") else f"wav{int(name[7:-4]) // 3}" for name, content in shots(300).items()}
    near = {f"shots/c{n}.png": f"near{n // 4}" for n in range(100)}
    sides = sides_of(lake(files, near=near), specs)
    assert set(sides.values()) == {"train", "test"}
    for size, first, last in ((3, 102, 300), (12, 0, 96)):  # twelve: threes of sounds and fours of near duplicates make one
        for start in range(first, last, size):
            assert len({sides[f"shots/c{n}.png"] for n in range(start, start + size)}) == 1, start


def test_what_would_take_more_than_a_seventh_of_all_pairs_away_trains(lake, specs):
    assert set(sides_of(lake(shots(80, sound="the same")), specs).values()) == {"train"}


def pair(name, *files, text=None, near=()):
    """A pair of these files, and of a text where one is given."""
    inputs = [{"role": "image", "file_id": file, "path": file, "locator": None, "text": None} for file in files]
    inputs += [{"role": "text", "file_id": f"{name}.txt", "path": f"{name}.txt", "locator": None, "text": text}] if text else []
    return Row(name, "p", "pair", inputs, None, None, name, keys=files, content=len(files), weak=(near, ()))


def placed(rows, memory):
    """Name → side, "" for a pair that is left out."""
    kept, left = place_pairs(rows, memory)
    assert {one.reason.partition(":")[0] for one in left} <= {"bridges train and test"}
    assert {one.path for one in left} >= {value["path"] for row in rows if row not in kept for value in row.inputs}
    sides, groups = {row.example_id: row.split for row in kept}, defaultdict(set)
    for row in kept:
        groups[row.group].add(row.split)
    assert all(len(found) == 1 for found in groups.values())
    return {row.example_id: sides.get(row.example_id, "") for row in rows}


def test_pairs_that_share_a_file_with_a_pair_of_the_test_side_stand_there_too():
    rows = [pair("shows", "tested", "sound"), pair("shares", "other", "sound"), pair("shares too", "other", "third"), pair("else", "a", "b")]
    rows += [pair("valid", "chosen", "c"), pair("learned", "taught", "d"), pair("beside", "e", "d")]
    memory = {"tested": ("test", True), "chosen": ("valid", False), "taught": ("train", False), "third": ("test", False)}
    assert placed(rows, memory) == {
        "shows": "test", "shares": "test", "shares too": "test", "else": "train", "valid": "valid", "learned": "train", "beside": "train",
    }  # fmt: skip


def test_a_pair_that_shows_what_is_measured_on_is_left_out_where_most_that_share_its_file_train():
    rows = [pair("shows", "tested", "sound"), *(pair(f"shares {n}", f"p{n}", "sound") for n in range(2))]
    assert placed(rows, {"tested": ("test", True)}) == {"shows": "", "shares 0": "train", "shares 1": "train"}


def test_a_text_that_a_task_is_measured_on_is_a_file_that_is_shared():
    rows = [pair("shows", "a", text="The  Words"), pair("shares", "b", text="the words"), pair("else", "c", text="others")]
    assert placed(rows, {digest("text", "the words"): ("test", False)}) == {"shows": "test", "shares": "test", "else": "train"}


def test_the_sides_of_pairs_stay_as_pairs_come_that_tie_them_together():
    chooser, memory, rows, before = random.Random(7), {}, [], {}
    for _ in range(10):
        rows += [pair(f"{len(rows) + n:04}", f"p{chooser.randrange(900)}", f"s{chooser.randrange(900)}") for n in range(60)]
        chooser.shuffle(rows)
        now = placed(rows, memory)
        assert {name: now[name] for name in before} == before
        on = defaultdict(set)
        for row in rows:
            for key in row.keys:
                on[key].add(now[row.example_id])
        assert all(len(sides - {""}) <= 1 for sides in on.values())
        before = now
    shares = [sum(side == name for side in before.values()) / len(before) for name in ("test", "train", "")]
    assert 0.05 <= shares[0] <= 0.15
    assert shares[2] <= 0.05


def test_a_held_out_pair_stays_so_when_its_file_is_labelled_for_training_and_one_that_trained_is_not_measured_on():
    rows, memory = [pair(f"{n:03}", f"p{n}", f"s{n}") for n in range(300)], {}
    first = placed(rows, memory)
    held, learned = (next(name for name, side in first.items() if side == wanted) for wanted in ("test", "train"))
    memory |= {f"p{int(held)}": ("train", False), f"p{int(learned)}": ("test", False)}
    assert placed(rows, memory) == {**first, learned: ""}


def test_a_near_duplicate_of_a_held_out_pair_is_held_out():
    rows, memory = [pair(f"{n:03}", f"p{n}", f"s{n}", near=(f"n{n}",)) for n in range(100)], {}
    held = next(name for name, side in placed(rows, memory).items() if side == "test")
    assert placed([*rows, pair("new", "p", "s", near=(f"n{int(held)}",))], memory)["new"] == "test"


def test_no_pair_of_a_lake_that_trains_shares_a_file_with_one_that_is_measured_on(lake, specs):
    sides = ("train", "train", "train", "train", "test")
    manifest = "\n".join(("file,label,split", *(f"shots/c{n}.png,{'ab'[n % 2]},{sides[n // 2 % 5]}" for n in range(200))))
    files = {name: content if name.endswith("png") else f"wav{int(name[7:-4]) // 3}" for name, content in shots(300).items()}
    settings = lake({**files, "labels.csv": manifest + "\n"})
    allocate(settings, lambda _: None, specs=specs)
    examples = Store(settings.state).table("examples").filter(pl.col("model") == "multimodal_service")
    on = defaultdict(set)
    for inputs, split in examples.filter(pl.col("task").is_null()).select("inputs", "split").iter_rows():
        for value in inputs:
            on[files[value["path"]]].add(split)
    assert {frozenset(found) for found in on.values()} == {frozenset({side}) for side in ("train", "valid", "test")}
    measured = {value["path"] for inputs in examples.filter(pl.col("task").is_not_null() & (pl.col("split") == "test"))["inputs"] for value in inputs}
    assert len(measured) == 40
    learned = {value["path"] for inputs in examples.filter(pl.col("task").is_null() & (pl.col("split") == "train"))["inputs"] for value in inputs}
    assert not measured & learned
    first = placed_in(settings)
    allocate(settings, lambda _: None, specs=specs)
    assert placed_in(settings) == first


def placed_in(settings):
    """Example → side of the pairs that were published."""
    rows = Store(settings.state).table("examples").filter(pl.col("task").is_null())
    return dict(rows.select("example_id", "split").iter_rows())
