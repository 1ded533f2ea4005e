"""Two small real models on made-up vectors: an `ear` and an `eye` that see the same things, and the data they learn from."""

import sys
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import torch
from torch import nn

from unified_assets.compute.inventory import Inventory
from unified_assets.compute.leases import LeaseBroker
from unified_assets.core.contracts import BaselineScore, ModelSpec, Needs, Prediction, SilentSink, TaskData, TaskInfo
from unified_assets.core.presets import Preset
from unified_assets.training.plan import make_plan
from unified_assets.training.rounds import train_model

CLASSES = ("four", "one", "three", "two")
WIDTH = 12


class VectorLearner(nn.Module):
    """A linear layer with dropout a task; it takes the first role's vectors. How sure it may be, it sees by the validation side."""

    def __init__(self, blueprint):
        super().__init__()
        self.blueprint = blueprint
        self.trunk = nn.Sequential(nn.Linear(WIDTH, 24), nn.BatchNorm1d(24), nn.ReLU(), nn.Dropout(0.2))
        self.names = [task["task"] for task in blueprint["tasks"]]
        self.heads = nn.ModuleList(nn.Linear(24, len(task["classes"])) for task in blueprint["tasks"])
        self.register_buffer("mean", torch.zeros(WIDTH))
        self.register_buffer("sure", torch.ones(()))

    def fit_statistics(self, tasks, pairs):
        shown = [(data, data.rows("train")) if len(data.rows("train")) else (pairs, pairs.rows("train")) for data in tasks]
        self.mean.copy_(torch.from_numpy(np.concatenate([data.gather(data.info.roles[0], "x", rows) for data, rows in shown])).mean(0))

    def optimizers(self, learning_rate):
        return [torch.optim.AdamW(self.parameters(), lr=learning_rate, weight_decay=0.05)]

    def _logits(self, data, rows):
        x = torch.from_numpy(np.ascontiguousarray(data.gather(data.info.roles[0], "x", rows)))
        return self.heads[self.names.index(data.info.task)](self.trunk(x - self.mean))

    def loss(self, data, rows, soft_targets=None):
        self.train()
        target = torch.from_numpy(data.target[rows]) if soft_targets is None else soft_targets
        return nn.functional.cross_entropy(self._logits(data, rows), target)

    def pair_loss(self, pairs, rows):
        return None

    @torch.no_grad()
    def settle(self, tasks):
        self.eval()
        checked = [(self._logits(data, rows), torch.from_numpy(data.target[rows])) for data in tasks if len(rows := data.rows("valid"))]
        scales = (0.5, 1.0, 2.0) if checked else (1.0,)
        self.sure.fill_(min(scales, key=lambda scale: sum(float(nn.functional.cross_entropy(scale * logits, target)) for logits, target in checked)))

    def head_of(self, task):
        return f"{task} x {float(self.sure)}"

    @torch.no_grad()
    def predict(self, data, rows):
        self.eval()
        log_probs = (self.sure * self._logits(data, rows)).log_softmax(1).numpy()
        answers = [data.info.classes[place] for place in log_probs.argmax(1)]
        return Prediction(answers=answers, confidence=np.exp(log_probs.max(1)), log_probs=log_probs)


def nearest_mean(data):
    train, test = data.rows("train"), data.rows("test")
    x = [data.gather(data.info.roles[0], "x", rows) for rows in (train, test)]
    if not len(train):
        return BaselineScore(majority=None, baseline=None, method="nothing to learn from", cpu_s=0.0)
    means = np.stack([x[0][data.target[train] == place].mean(0) for place in range(len(data.info.classes))])
    answers = ((x[1][:, None] - means) ** 2).sum(2).argmin(1)
    most = np.bincount(data.target[train]).argmax()
    right = float((answers == data.target[test]).mean())
    predictions = tuple(data.info.classes[place] for place in answers)
    return BaselineScore(majority=float((data.target[test] == most).mean()), baseline=right, method="nearest mean", cpu_s=0.0, predictions=predictions)


def spec(name, teaches=(), **changes):
    values = {
        "name": name,
        "version": "1",
        "description": "a test model",
        "modalities": ("image",),
        "subjects": frozenset({"image"}),
        "kinds": frozenset({"classification"}),
        "encoders": {},
        "pair_roles": ("image",),
        "teaches": frozenset(teaches),
        "needs": Needs(memory_gib=0.1),
        "learning_rate": 1e-2,
        "blueprint": lambda tasks, pairs: {"tasks": [data.info.as_dict() for data in tasks]},
        "build": VectorLearner,
        "baseline": nearest_mean,
    }
    return ModelSpec(**{**values, **changes})


SPECS = {"ear": spec("ear", ["eye"]), "eye": spec("eye", ["ear"])}


@dataclass(frozen=True)
class MemoryDataset:
    model: str
    digest: str
    tasks: tuple
    pairs: TaskData | None
    folder: Path | None = None


def rows_of(model, labels, generator, noise):
    """What a model sees of things of these classes."""
    means = np.random.default_rng([3, len(model), ord(model[1])]).normal(size=(len(CLASSES), WIDTH))
    return (means[labels] + generator.normal(scale=noise, size=(len(labels), WIDTH))).astype(np.float32)


def task_data(x, labels, split, *, task="things", ids="e", classes=CLASSES):
    info = TaskInfo(task=task, subject="image", kind="classification", roles=("image",), classes=classes, metric="accuracy")
    return TaskData(
        info=info,
        example_ids=tuple(f"{ids}{place:05d}" for place in range(len(x))),
        texts={},
        media={"image": ("vector", np.arange(len(x)))},
        arrays={"vector": {"x": x}},
        target=None if labels is None else np.asarray(labels, np.int64),
        split=np.asarray(split),
    )


def dataset(model, *, per_class=30, noise=1.0, pairs=300, wrong=False, classes=CLASSES):
    """`per_class` labelled training examples, 40 a class to validate on and 100 to test; pairs that both models see."""
    generator = np.random.default_rng([5, ord(model[1])])
    labels = np.repeat(np.arange(4), per_class + 140)
    split = np.tile(np.repeat(["train", "valid", "test"], [per_class, 40, 100]), 4)
    task = task_data(rows_of(model, labels, generator, noise), labels, split, classes=classes)
    seen = np.random.default_rng(11).integers(0, 4, pairs)
    seen = np.roll(np.sort(seen), pairs // 3 if model == "ear" else 0) if wrong == "rolled" else seen
    if wrong is True and model == "ear":
        seen = np.random.default_rng(12).permutation(seen)
    pair_data = task_data(rows_of(model, seen, generator, noise), None, ["train"] * pairs, task="pairs", ids="p") if pairs else None
    return MemoryDataset(model=model, digest=f"{model}-{per_class}-{noise}-{pairs}-{wrong}", tasks=(task,), pairs=pair_data)


QUICK = Preset(name="test", epochs=6, batch_size=16, checkpoint_interval=2, min_steps_per_epoch=12, max_steps_per_epoch=12)


def train(model, run_dir, *, data=None, preset=QUICK, specs=SPECS, members=("ear", "eye"), sink=None, cores=2, **kwargs):
    data = dataset(model) if data is None else data
    inventory = Inventory(cores=cores, memory_gib=4)
    counts = {name: {"things": {"train": 120}} for name in members}
    plan = make_plan(run_dir, models=counts, preset=preset, inventory=inventory, specs=specs)
    settings = {"knowledge_dir": run_dir / "knowledge", "champions": {}, "initial": None, "stall_s": 5.0, "grace_s": 0.5, **kwargs}
    broker = LeaseBroker(run_dir, inventory)
    return train_model(
        specs[model], dataset=data, run_dir=run_dir, plan=plan, broker=broker, members=members, sink=sink or SilentSink(), specs=specs, **settings
    )


def main():
    """`tiny_models.py MODEL RUN_DIR LOCKS`: train, as one step of a run."""
    train(sys.argv[1], Path(sys.argv[2]), locks=Path(sys.argv[2]) / sys.argv[3], grace_s=5.0)
    sys.stdout.write("done\n")


if __name__ == "__main__":
    main()
