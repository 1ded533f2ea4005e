"""A sentence encoder beside the classical features: what a text model gains, what is kept, and what is refused."""

import json
import shutil
from dataclasses import replace

import numpy as np
import polars as pl
import pytest
import torch

from unified_assets.compute.inventory import Inventory
from unified_assets.compute.leases import LeaseBroker
from unified_assets.core.contracts import SilentSink, TaskData, TaskInfo
from unified_assets.core.errors import InvalidSetting
from unified_assets.core.plugins import models
from unified_assets.core.presets import Preset, parse_preset
from unified_assets.datasets import TaskCounts
from unified_assets.inference import load
from unified_assets.learners.text_pretrained import columns, features, tuned_plan
from unified_assets.learners.text_tuned_torch import TunedLayers
from unified_assets.store import encoders
from unified_assets.training import checkpoints
from unified_assets.training.carry import carry_over
from unified_assets.training.plan import make_plan
from unified_assets.training.pretrained import KeptVectors
from unified_assets.training.rounds import train_model

transformers = pytest.importorskip("transformers", reason="the extra `pretrained` is not installed")

MACHINE = Inventory(cores=1, memory_gib=8)
ANIMALS, TOOLS = ("cat", "dog", "horse", "cow"), ("hammer", "saw", "drill", "file")
STRANGE = {"feline": "cat", "hound": "dog", "mallet": "hammer", "borer": "drill"}  # the encoder knows what they mean; no training text has them
SPECIAL = ("[PAD]", "[UNK]", "[CLS]", "[SEP]", "[MASK]", "a", "my", "old", "new")


@pytest.fixture(scope="module")
def encoder(tmp_path_factory):
    """A BERT of one layer whose words lie where their meaning is."""
    folder = tmp_path_factory.mktemp("models") / "tiny-encoder"
    folder.mkdir()
    names = [*SPECIAL, *ANIMALS, *TOOLS, *STRANGE]
    (folder / "vocab.txt").write_text("\n".join(names) + "\n")
    torch.manual_seed(3)
    config = transformers.BertConfig(vocab_size=len(names), hidden_size=16, num_hidden_layers=1, num_attention_heads=2, intermediate_size=16)
    model = transformers.BertModel(config, add_pooling_layer=False).eval()
    with torch.no_grad():
        table = model.embeddings.word_embeddings.weight
        for name, place in ((name, names.index(name)) for name in (*ANIMALS, *TOOLS)):
            table[place] = 0.1 * torch.randn(16) + torch.tensor([3.0 if name in ANIMALS else -3.0] * 8 + [0.0] * 8)
        for name, meaning in STRANGE.items():
            table[names.index(name)] = table[names.index(meaning)]
    model.save_pretrained(folder)
    transformers.BertTokenizerFast(vocab=str(folder / "vocab.txt")).save_pretrained(folder)
    return folder


def kinds(words=(*ANIMALS, *TOOLS), strange=tuple(STRANGE)):
    """Phrases of known words to learn from, phrases of strange ones to be tested on."""
    known = [f"{first} {word}" for word in words for first in ("a", "my", "old")]
    asked = [f"new {word}" for word in strange]
    texts = known + asked
    meaning = [STRANGE.get(text.split()[1], text.split()[1]) for text in texts]
    return TaskData(
        info=TaskInfo(task="kinds", subject="concept", kind="classification", roles=("text",), classes=("animal", "tool"), metric="accuracy"),
        example_ids=tuple(f"{place:03d}" for place in range(len(texts))),
        texts={"text": texts},
        media={},
        arrays={},
        target=np.asarray([int(word in TOOLS) for word in meaning]),
        split=np.asarray(["train"] * len(known) + ["test"] * len(asked)),
        groups=tuple(texts),
    )


class Made:
    """A dataset made in memory."""

    model, digest, pairs, folder = "concept_models", "made", None, None

    def __init__(self, data):
        self.tasks = (data,)


def trained(run_dir, vectors, **fields):
    named = None if vectors is None else str(vectors.folder)
    preset = Preset(epochs=2, checkpoint_interval=1, target_models=("concept_models",), pretrained_text=named, **fields)
    counts = TaskCounts(tasks={"kinds": {"train": 24, "valid": 0, "test": 4}})
    return train_model(
        models()["concept_models"],
        dataset=Made(kinds()),
        run_dir=run_dir,
        knowledge_dir=run_dir / "knowledge",
        plan=make_plan(run_dir, models={"concept_models": counts}, preset=preset, inventory=MACHINE, specs=models()),
        broker=LeaseBroker(run_dir / "leases", MACHINE),
        members=("concept_models",),
        champions={},
        initial=None,
        sink=SilentSink(),
        vectors=vectors,
    )


def kept(encoder, state, log=lambda _: None, layers=0):
    return KeptVectors("text", encoder, state=state, model="concept_models", log=log, layers=layers)


def test_beside_an_encoder_a_model_knows_words_that_no_training_text_has(encoder, tmp_path):
    alone = trained(tmp_path / "alone", None)
    beside = trained(tmp_path / "beside", kept(encoder, tmp_path))
    assert [outcome.results["tasks"][0]["score"] for outcome in (alone, beside)] == [0.5, 1.0]
    assert alone.results["tasks"][0]["baseline"] == beside.results["tasks"][0]["baseline"], "the reference has no encoder"


def test_an_ablation_measures_what_the_encoder_gives_on_the_same_seeds(encoder, tmp_path):
    outcome = trained(tmp_path / "run", kept(encoder, tmp_path), exchange=(), ablation_seeds=2)
    task = outcome.results["tasks"][0]
    parts = [(part["encoder"], part["seed"], part["score"]) for part in task["ablation"]]
    assert parts == [(True, 8, 1.0), (False, 7, 0.5), (False, 8, 0.5), (True, 7, 1.0)]
    assert (task["encoder_gain"], task["alone"]) == (0.5, 1.0)
    apart = tmp_path / "run" / "ablation" / "alone-no-encoder-7" / "models" / "concept_models" / "final"
    assert (apart / "weights.safetensors").read_bytes() == (trained(tmp_path / "alone", None).folder / "weights.safetensors").read_bytes()
    assert "pretrained_text" not in json.loads((apart / "model.json").read_text())


def test_a_version_finds_its_encoder_by_content_wherever_it_lies_and_says_so_where_it_cannot(encoder, tmp_path, monkeypatch):
    monkeypatch.setenv("UNIFIED_ASSETS_STATE", str(tmp_path / "state of another machine"))
    folder = trained(tmp_path / "run", kept(encoder, tmp_path)).folder
    assert [told["answer"] for told in load(folder).predict(["new hound", "new mallet"])] == ["animal", "tool"]
    shutil.rmtree(tmp_path / "encoders")
    with pytest.raises(encoders.EncoderMissing, match="UNIFIED_ASSETS_PRETRAINED_TEXT"):
        load(folder).predict(["new hound"])
    monkeypatch.setenv("UNIFIED_ASSETS_PRETRAINED_TEXT", str(encoder))
    assert [told["answer"] for told in load(folder).predict(["new hound", "new mallet"])] == ["animal", "tool"]


def test_another_encoder_is_never_taken_for_the_one_a_version_was_trained_beside(encoder, tmp_path, monkeypatch):
    folder = trained(tmp_path / "run", kept(encoder, tmp_path)).folder
    other = tmp_path / "other"
    shutil.copytree(encoder, other)
    (other / "vocab.txt").write_text((encoder / "vocab.txt").read_text().replace("hound", "hammock"))
    shutil.rmtree(tmp_path / "encoders")
    monkeypatch.setenv("UNIFIED_ASSETS_PRETRAINED_TEXT", str(other))
    with pytest.raises(encoders.EncoderMissing):
        load(folder).predict(["new hound"])


def test_texts_go_through_the_encoder_once_over_runs_and_the_encoder_is_kept_once(encoder, tmp_path):
    said = []
    first = kept(encoder, tmp_path, said.append).of(["a cat", "a dog", "a cat"])
    again = kept(encoder, tmp_path, said.append).of(["a dog", "a cat", "a saw"])
    assert said == ["2 texts through tiny-encoder", "1 texts through tiny-encoder"]
    assert np.array_equal(again[:2], first[1::-1])
    assert np.allclose(np.linalg.norm(again, axis=1), 1.0, atol=1e-3)
    assert len(list((tmp_path / "encoders").iterdir())) == 1


def test_a_training_killed_and_resumed_beside_an_encoder_has_the_same_bits(encoder, tmp_path):
    whole = trained(tmp_path / "whole", kept(encoder, tmp_path / "one"))
    part = trained(tmp_path / "part", kept(encoder, tmp_path / "two"))
    shutil.rmtree(part.folder)
    home = tmp_path / "part" / "models" / "concept_models" / "checkpoints"
    shutil.rmtree(checkpoints.folder_of(home, checkpoints.newest(home)))
    resumed = trained(tmp_path / "part", kept(encoder, tmp_path / "two"))
    assert (resumed.folder / "weights.safetensors").read_bytes() == (whole.folder / "weights.safetensors").read_bytes()


def test_an_encoder_whose_weights_are_not_whole_is_refused_since_the_rest_would_be_random(encoder, tmp_path):
    from safetensors.torch import load_file, save_file

    torn = tmp_path / "torn"
    shutil.copytree(encoder, torn)
    weights = load_file(torn / "model.safetensors")
    save_file({name: value for name, value in weights.items() if "attention" not in name}, torn / "model.safetensors", metadata={"format": "pt"})
    with pytest.raises(InvalidSetting, match="its weights lack 10 tensors"):
        kept(torn, tmp_path / "state").of(["a cat"])


@pytest.mark.parametrize("content", [{}, {"config.json": "{}", "pytorch_model.bin": "pickled"}])
def test_a_folder_without_an_encoder_or_with_pickled_weights_is_refused_with_the_fix(content, tmp_path):
    folder = tmp_path / "wrong"
    folder.mkdir()
    for name, text in content.items():
        (folder / name).write_text(text)
    with pytest.raises(InvalidSetting, match="as transformers or sentence-transformers save it"):
        kept(folder, tmp_path / "state")


def test_the_plan_leases_the_encoders_memory_too(tmp_path):
    counts = TaskCounts(tasks={"kinds": {"train": 24, "valid": 0, "test": 4}})
    leased = [
        make_plan(tmp_path / str(place), models={"concept_models": counts}, preset=preset, inventory=MACHINE, specs=models())
        for place, preset in enumerate(
            (Preset(), Preset(pretrained_text="here"), Preset(pretrained_text="here", pretrained_layers=2), Preset(pretrained_image="there"))
        )
    ]
    assert leased[1].memory_of["concept_models"] - leased[0].memory_of["concept_models"] == pytest.approx(0.7)
    assert leased[2].memory_of["concept_models"] - leased[0].memory_of["concept_models"] == pytest.approx(1.2)
    assert leased[3].memory_of == leased[0].memory_of, "a text model reads no image encoder"


def test_last_layers_learn_on_and_a_version_holds_them_alone(encoder, tmp_path):
    from safetensors.torch import load_file

    frozen = trained(tmp_path / "frozen", kept(encoder, tmp_path))
    tuned = trained(tmp_path / "tuned", kept(encoder, tmp_path, layers=1), pretrained_layers=1)
    own, whole = load_file(tuned.folder / "weights.safetensors"), load_file(encoder / "model.safetensors")
    named = json.loads((tuned.folder / "model.json").read_text())["blueprint"]["tuned"]["shapes"]
    learned = [own[f"trunk.encoder.values.{place}"] for place in range(len(named))]
    before = [whole[name] for name in named]
    assert sorted(named) == sorted(name for name in whole if name.startswith("encoder.layer."))
    assert [value.shape for value in learned] == [value.shape for value in before]
    moved = [float((value - start).abs().max()) for value, start in zip(learned, before, strict=True)]
    assert max(moved) > 1e-4
    assert max(moved) < 0.05, "at a low rate"
    assert not any("word_embeddings" in name for name in own)
    assert not any(name.startswith("trunk.encoder") for name in load_file(frozen.folder / "weights.safetensors"))
    assert tuned.results["tasks"][0]["score"] == 1.0


def test_a_version_with_layers_of_its_own_answers_as_it_did_in_training_wherever_its_encoder_lies(encoder, tmp_path, monkeypatch):
    outcome = trained(tmp_path / "run", kept(encoder, tmp_path, layers=1), pretrained_layers=1)
    shutil.rmtree(tmp_path / "encoders")
    monkeypatch.setenv("UNIFIED_ASSETS_PRETRAINED_TEXT", str(encoder))
    told = pl.read_parquet(outcome.folder / outcome.results["tasks"][0]["test_predictions"])
    data = kinds()
    learner = load(outcome.folder).learner
    assert "trunk.encoder.values.0" in carry_over(learner, outcome.folder)
    learner.trunk.encoder.whose += 1
    assert not any(name.startswith("trunk.encoder") for name in carry_over(learner, outcome.folder)), "another encoder's layers are left"
    again = load(outcome.folder).predict([data.texts["text"][data.example_ids.index(name)] for name in told["example_id"]])
    assert [one["answer"] for one in again] == told["answer"].to_list()
    assert np.allclose([one["confidence"] for one in again], told["confidence"], atol=1e-3)


def test_a_training_of_last_layers_killed_and_resumed_has_the_same_bits(encoder, tmp_path):
    whole = trained(tmp_path / "whole", kept(encoder, tmp_path / "one", layers=1), pretrained_layers=1)
    part = trained(tmp_path / "part", kept(encoder, tmp_path / "two", layers=1), pretrained_layers=1)
    shutil.rmtree(part.folder)
    home = tmp_path / "part" / "models" / "concept_models" / "checkpoints"
    shutil.rmtree(checkpoints.folder_of(home, checkpoints.newest(home)))
    resumed = trained(tmp_path / "part", kept(encoder, tmp_path / "two", layers=1), pretrained_layers=1)
    assert (resumed.folder / "weights.safetensors").read_bytes() == (whole.folder / "weights.safetensors").read_bytes()


def test_more_layers_than_there_are_and_layers_of_no_encoder_are_refused(encoder, tmp_path):
    with pytest.raises(InvalidSetting, match=r"3 last layers cannot be learned on: it has 1 layers\. Lower `pretrained_layers`"):
        trained(tmp_path / "run", kept(encoder, tmp_path, layers=3), pretrained_layers=3)
    with pytest.raises(InvalidSetting, match="pretrained_layers is 1, but pretrained_text names no encoder"):
        parse_preset({"pretrained_layers": 1}, source="mine.yaml")


def test_pairs_and_choices_are_read_by_the_layers_as_their_features_are(encoder, tmp_path):
    vectors = kept(encoder, tmp_path, layers=1)
    pairs = TaskData(
        info=TaskInfo(task="pairs", subject="logic", kind="pair", roles=("premise", "hypothesis"), classes=("no", "yes"), metric="accuracy"),
        example_ids=("0", "1"),
        texts={"premise": ["a cat", "a saw"], "hypothesis": ["a dog", "my cow"]},
        media={},
        arrays={},
        target=np.asarray([1, 0]),
        split=np.asarray(["train", "train"]),
        sentence_vectors=vectors,
    )
    choices = replace(pairs, texts={"premise": ["a cat", "a saw"]}, options=[["a dog", "my file"], ["my cow", "old drill", "a saw"]])
    for data, method, rows in ((pairs, "pair", 2), (choices, "choice", 5)):
        layers = TunedLayers(tuned_plan(vectors))
        layers.fit_statistics(vectors)
        found = layers(data, np.arange(2), method).detach().numpy()
        many = features(data, method).dense[:, -32:] * np.asarray([16.0] * 16 + [4.0] * 16)
        assert found.shape == (rows, columns(vectors, method))
        assert np.allclose(found, many, atol=0.02), "not yet learned on, they say what the frozen ones say"
