import polars as pl

from unified_assets.allocation import allocate
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
