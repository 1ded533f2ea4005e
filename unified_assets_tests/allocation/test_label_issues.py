"""What a person sees of labels that contradict each other, and of classes with few examples."""

import json

from PIL import Image

from unified_assets.allocation import allocate


def test_contradictory_files_are_shown_with_both_places_and_a_picture(lake, specs):
    files = {f"pets/{name}/{n}.png": f"{name}{n}" for name in ("cat", "dog") for n in range(20)} | {"pets/cat/x.png": "same", "pets/dog/x.png": "same"}
    settings = lake(files)
    Image.new("RGB", (20, 10), (200, 30, 30)).save(settings.raw / "pets/cat/x.png")  # the catalog keeps what it knew of it
    found = allocate(settings, specs=specs).labels
    assert found.contradictions == {"pets__class_folders": 1}
    assert found.shown == (
        {"task": "pets__class_folders", "problem": "the same content stands as cat and as dog", "files": "pets/cat/x.png, pets/dog/x.png", "text": ""},
    )
    (picture,) = found.pictures
    assert (picture["issue"], picture["path"]) == ("contradictory label", "pets/cat/x.png, pets/dog/x.png")
    assert picture["thumbnail"].startswith("data:image/png;base64,")


def test_contradictory_records_are_shown_with_their_text(lake, specs):
    rows = [{"text": f"Please book {n} seats", "intent": ("book", "cancel")[n % 2]} for n in range(40)]
    rows += [{"text": "I changed my mind", "intent": intent} for intent in ("book", "cancel")]
    found = allocate(lake({"i/train.jsonl": "\n".join(map(json.dumps, rows))}), specs=specs).labels
    assert [(one["problem"], one["files"], one["text"]) for one in found.shown] == [
        ("the same content stands as book and as cancel", "i/train.jsonl", "I changed my mind")
    ]
    assert found.pictures == ()


def test_a_class_with_a_tenth_of_the_examples_of_another_is_told_and_an_even_task_is_not(lake, specs):
    files = {f"pets/{name}/{n}.png": f"{name}{n}" for name, count in (("cat", 100), ("cow", 60), ("dog", 10)) for n in range(count)}
    files |= {f"even/{name}/{n}.png": f"even {name}{n}" for name in ("sun", "moon") for n in range(20)}
    found = allocate(lake(files), specs=specs).labels
    assert found.imbalance == ({"task": "pets__class_folders", "largest": "cat", "examples": 70, "smallest": "dog", "of_smallest": 7, "times": 10.0},)
    assert (found.contradictions, found.shown) == ({}, ())
