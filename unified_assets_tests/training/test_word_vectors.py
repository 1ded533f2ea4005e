"""The word vectors that the models of a run share: which texts they are made of, that they are made once, and who is touched by them."""

import json
import random
import threading
from contextlib import contextmanager
from pathlib import Path

import numpy as np
import polars as pl
import pytest
import xxhash

from unified_assets.compute.inventory import Inventory
from unified_assets.compute.leases import LeaseBroker
from unified_assets.core import plugins
from unified_assets.core.contracts import SilentSink, TaskData, TaskInfo
from unified_assets.core.presets import Preset
from unified_assets.datasets import load
from unified_assets.datasets.build import ROWS
from unified_assets.inference import load as predictor
from unified_assets.learners.text_vectors import WIDTH
from unified_assets.training import word_vectors
from unified_assets.training.carry import carry_over
from unified_assets.training.plan import make_plan, read_plan
from unified_assets.training.rounds import train_model

PRESET = Preset(name="tiny", epochs=2, batch_size=16, checkpoint_interval=1, min_steps_per_epoch=8, max_steps_per_epoch=8)


def data_of(rows, *, kind="classification", classes=("a", "b"), options=None):
    """rows: (text, side) or ({role: text}, side)."""
    roles = [{"text": text} if isinstance(text, str) else text for text, _ in rows]
    return TaskData(
        info=TaskInfo(task="t", subject="concept", kind=kind, roles=tuple(roles[0]), classes=classes, metric="accuracy"),
        example_ids=tuple(f"{place:03d}" for place in range(len(rows))),
        texts={role: [row[role] for row in roles] for role in roles[0]},
        media={},
        arrays={},
        target=np.zeros(len(rows), np.int64),
        split=np.asarray([side for _, side in rows]),
        options=options,
    )


def joined(*tasks):
    return sorted(" ".join(words) for words in word_vectors.training_texts([tasks]))


def test_only_training_texts_are_read_and_each_once():
    data = data_of([("Red fox.", "train"), ("red  FOX .", "train"), ("a dog", "train"), ("a cat", "valid"), ("an owl", "test"), ("a cow", "unused")])
    assert joined(data) == ["a dog", "red fox ."]


def test_a_text_that_stands_on_a_validation_or_test_side_of_any_task_is_left_out_everywhere():
    one = data_of([("the red fox", "train"), ("the dog", "train"), ("the cat", "train")])
    other = data_of([("The red  fox", "test"), ("the cat", "valid"), ("the cow", "train")])
    assert joined(one, other) == joined(other, one) == ["the cow", "the dog"]


def test_a_premise_is_never_joined_to_its_options_and_what_is_no_language_is_left_out():
    rows = [({"premise": "it rained"}, "train"), ({"premise": "it burned"}, "test")]
    choice = data_of(rows, kind="choice", classes=(), options=[["the street got wet", "the sun shone"], ["ashes", "the sun shone"]])
    sums = data_of([({"expression": "1 + 1"}, "train")], kind="generation", classes=())
    formulas = data_of([({"formula": "p and q"}, "train")])
    assert joined(choice, sums, formulas) == ["it rained", "the street got wet"]


def test_order_of_rows_and_tasks_does_not_change_the_texts_order():
    texts = [f"word{place} and word{place + 1}" for place in range(40)]
    one, two = data_of([(text, "train") for text in texts[:20]]), data_of([(text, "train") for text in texts[20:]])
    mixed = data_of([(text, "train") for text in random.Random(3).sample(texts, 40)])
    assert word_vectors.training_texts([[one], [two]]) == word_vectors.training_texts([[two, one]]) == word_vectors.training_texts([[mixed]])


# ------------------------------------------------------------------------------------------- made once


def intents(seed, names=("card", "rate", "pin"), count=120):
    draw = random.Random(seed)
    said = {"card": "my card is lost", "rate": "what is the rate", "pin": "the pin is blocked", "tax": "where is the tax form", "loan": "a loan please"}
    sides = ("train", "train", "train", "valid", "test")
    return [(f"{said[name := draw.choice(names)]} {draw.choice(['now', 'today', 'again'])} {place}", name, sides[place % 5]) for place in range(count)]


def folder_of(home: Path, model: str, rows, subject="concept") -> Path:
    """A dataset as the platform publishes it."""
    home.mkdir(parents=True)
    digest = xxhash.xxh3_128(json.dumps([model, rows]).encode()).hexdigest()
    lines = [
        {"example_id": f"{model}{place:04d}", "task": "intents", "kind": "classification", "split": side, "group": None, "target": name}
        | {"texts": [{"role": "text", "text": text}], "media": []}
        for place, (text, name, side) in enumerate(rows)
    ]
    pl.DataFrame(lines, schema=ROWS, orient="row").write_parquet(home / "examples.parquet")
    task = {"task": "intents", "subject": subject, "kind": "classification", "roles": ["text"], "classes": sorted({name for _, name, _ in rows})}
    counts = {"tasks": {"intents": {side: sum(row[2] == side for row in rows) for side in ("train", "valid", "test")}}, "pairs": 0}
    (home / "manifest.json").write_text(json.dumps({"model": model, "digest": digest, "tasks": [task], "counts": counts}), encoding="utf-8")
    return home


@pytest.fixture
def texts(tmp_path):
    """Datasets of two models."""
    return {
        "concept_models": folder_of(tmp_path / "concept", "concept_models", intents(1)),
        "causal_reasoning_engine": folder_of(tmp_path / "causal", "causal_reasoning_engine", intents(2, ("tax", "loan")), "causal"),
    }


def ask(run_dir, texts, leased=None):
    @contextmanager
    def lease():
        if leased is not None:
            leased.append(1)
        yield

    return word_vectors.shared(run_dir, word_vectors.key_of(texts), texts, lease=lease, waiting=lambda _what: None)


def test_they_are_made_by_the_first_that_asks_and_read_by_the_others(tmp_path, texts):
    leased, found = [], []
    askers = [threading.Thread(target=lambda: found.append(ask(tmp_path / "run", texts, leased))) for _ in range(3)]
    for asker in askers:
        asker.start()
    for asker in askers:
        asker.join()
    assert len(leased) == 1
    assert {one.words for one in found} == {found[0].words}
    assert all(np.array_equal(one.vectors, found[0].vectors) and np.array_equal(one.counts, found[0].counts) for one in found)
    assert {"tax", "card"} <= set(found[0].words)
    assert found[0].vectors.shape == (len(found[0].words), WIDTH)
    made = [json.loads(line) for line in (tmp_path / "run" / "word_vectors" / "made.jsonl").read_text().splitlines()]
    assert [(row["key"], row["words"]) for row in made] == [(word_vectors.key_of(texts), len(found[0].words))]


def test_a_file_that_was_cut_short_is_made_again_to_the_same_bytes(tmp_path, texts):
    ask(tmp_path / "run", texts)
    (path,) = (tmp_path / "run" / "word_vectors").glob("*.safetensors")
    whole = path.read_bytes()
    path.write_bytes(whole[:-7])
    ask(tmp_path / "run", texts)
    ask(tmp_path / "other", texts)
    (other,) = (tmp_path / "other" / "word_vectors").glob("*.safetensors")
    assert path.read_bytes() == whole == other.read_bytes()


def test_whoever_comes_after_one_that_died_making_them_makes_them(tmp_path, texts):
    def dies():
        raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        word_vectors.shared(tmp_path / "run", word_vectors.key_of(texts), texts, lease=dies, waiting=lambda _what: None)
    assert np.array_equal(ask(tmp_path / "run", texts).vectors, ask(tmp_path / "other", texts).vectors)


def test_the_key_follows_the_examples(tmp_path, texts):
    same = folder_of(tmp_path / "same", "concept_models", intents(1))
    others = folder_of(tmp_path / "others", "concept_models", intents(5))
    assert word_vectors.key_of({**texts, "concept_models": same}) == word_vectors.key_of(texts)
    assert word_vectors.key_of({**texts, "concept_models": others}) != word_vectors.key_of(texts)


# ------------------------------------------------------------------------------------------- in training


def train(model, run_dir, texts, *, exchange, with_texts=True, **changes):
    preset = PRESET.model_copy(update={"exchange": exchange, **changes})
    specs, inventory, folder = plugins.models(), Inventory(cores=1, memory_gib=4), texts[model]
    given = {"texts": texts} if with_texts else {}
    dataset = load(folder)
    plan = make_plan(run_dir, models={model: dataset.counts}, preset=preset, inventory=inventory, specs=specs, **given)
    return train_model(
        specs[model],
        dataset=dataset,
        run_dir=run_dir,
        knowledge_dir=run_dir / "knowledge",
        plan=plan,
        broker=LeaseBroker(run_dir, inventory),
        members=(model,),
        champions={},
        initial=None,
        sink=SilentSink(),
        **given,
    )


def weights_of(outcome):
    return (outcome.folder / "weights.safetensors").read_bytes()


def test_a_model_trained_without_the_channel_is_not_touched_by_it(tmp_path, texts):
    without = train("concept_models", tmp_path / "a", texts, exchange=("teaching",), with_texts=False)
    off = train("concept_models", tmp_path / "b", texts, exchange=("teaching",))
    assert weights_of(off) == weights_of(without)
    assert not (tmp_path / "b" / "word_vectors").exists()
    assert read_plan(tmp_path / "b").word_vectors is None


def test_a_model_that_shares_has_words_of_the_other_models_texts_and_answers_without_the_run(tmp_path, texts):
    outcome = train("concept_models", tmp_path / "run", texts, exchange=("vectors",))
    assert read_plan(tmp_path / "run").word_vectors == word_vectors.key_of(texts)
    learner = predictor(outcome.folder).learner
    shared = ask(tmp_path / "run", texts)
    assert len(learner.trunk.codes) == len(shared.words)
    assert "tax" in shared.words  # which only the other model has met
    data = load(texts["concept_models"]).tasks[0]
    known = learner.predict(data, data.rows("test"))
    moved = tmp_path / "elsewhere"
    outcome.folder.rename(moved)
    for folder in ("run", "concept", "causal"):
        (tmp_path / folder).rename(tmp_path / f"{folder}-gone")
    again = predictor(moved).learner.predict(data, data.rows("test"))
    assert list(again.answers) == list(known.answers)
    assert np.array_equal(again.log_probs, known.log_probs)


def test_an_ablation_trains_without_and_with_the_channel_over_the_seeds(tmp_path, texts):
    outcome = train("concept_models", tmp_path / "run", texts, exchange=("teaching", "vectors"), ablation_seeds=2)
    (task,) = outcome.results["tasks"]
    assert [(part["channels"], part["seed"]) for part in task["ablation"]] == [([], 7), ([], 8), (["vectors"], 8), (["vectors"], 7)]
    alone = train("concept_models", tmp_path / "alone", texts, exchange=(), seed=8)
    assert task["ablation"][1]["score"] == alone.results["tasks"][0]["score"]
    assert (tmp_path / "run/ablation/alone-8/models/concept_models/final/weights.safetensors").read_bytes() == weights_of(alone)
    assert task["alone"] == task["ablation"][0]["score"]
    assert task["ablation"][-1]["score"] == task["score"]


@pytest.fixture
def names(tmp_path):
    """Made-up names: beasts or metals by the company they keep in another model's texts; twenty of each to learn from, twenty to be tested on."""
    draw = random.Random(4)
    made = sorted({"".join(draw.choice("bdfgklmnprstvz") + draw.choice("aeiou") for _ in range(3)) for _ in range(100)})
    draw.shuffle(made)
    said = {"beast": ["the {} eats grass in the meadow", "a young {} runs from the wolf"], "metal": ["the {} melts in the furnace", "a bar of {} is heavy ore"]}
    kinds = [("beast", "metal")[place % 2] for place in range(80)]
    rows = [(name, kind, "train" if place < 40 else "test") for place, (name, kind) in enumerate(zip(made, kinds, strict=False))]
    prose = [(f"{draw.choice(said[kind]).format(name)} {place}", kind, "train") for place in range(6) for name, kind, _ in rows]
    return {
        "concept_models": folder_of(tmp_path / "names", "concept_models", rows),
        "causal_reasoning_engine": folder_of(tmp_path / "prose", "causal_reasoning_engine", prose, "causal"),
    }


def test_a_name_never_met_is_placed_by_the_company_it_keeps_in_other_models_texts(tmp_path, names):
    alone = train("concept_models", tmp_path / "alone", names, exchange=())
    together = train("concept_models", tmp_path / "together", names, exchange=("vectors",))
    before, after = (outcome.results["tasks"][0]["score"] for outcome in (alone, together))
    assert before <= 0.65  # chance is .5
    assert after >= before + 0.15


def test_weights_over_vectors_are_not_carried_to_a_model_with_other_vectors(tmp_path, names):
    first = train("concept_models", tmp_path / "first", names, exchange=("vectors",))
    learner, other = predictor(first.folder).learner, predictor(first.folder).learner
    assert "heads.0.dense_wide.weight" in carry_over(learner, first.folder)
    other.heads[0].space.add_(1)
    assert not [name for name in carry_over(other, first.folder) if name.startswith("heads.")]
