"""colour_service: images → classes, by a small network on a thumbnail. Imported by decoding workers too: no torch here."""

from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np
from PIL import Image

from unified_assets.core.contracts import BaselineScore, Encoder, Learner, ModelSpec, Needs, TaskData
from unified_assets.core.media import Decoded, DecodedImage

SIDE = 24


def encode(decoded: Decoded, _locator: str | None) -> Mapping[str, np.ndarray]:
    """A decoded picture → what the network sees of it; computed once, kept as memory-mapped tensors."""
    assert isinstance(decoded, DecodedImage)
    return {"pixels": np.asarray(Image.fromarray(decoded.pixels).resize((SIDE, SIDE), Image.Resampling.BOX), np.uint8)}


def blueprint(tasks: Sequence[TaskData], _pairs: TaskData | None) -> Mapping[str, Any]:
    """All that is needed to build the network again: JSON, kept with the weights."""
    return {"tasks": [data.info.as_dict() for data in tasks]}


def build(plan: Mapping[str, Any]) -> Learner:
    """The network of a blueprint; torch is imported here, and not before."""
    from colour_learner import ColourLearner

    return ColourLearner(plan)


def baseline(data: TaskData) -> BaselineScore:
    """The class with the nearest mean thumbnail: what the network must beat."""
    train, test = data.rows("train"), data.rows("test")
    if not len(train) or not len(test):
        return BaselineScore(majority=None, baseline=None, method="nothing to compare", cpu_s=0.0)
    target = np.asarray(data.target)
    seen, asked = (data.gather("image", "pixels", rows).reshape(len(rows), -1).astype(np.float32) for rows in (train, test))
    present = np.unique(target[train])
    means = np.stack([seen[target[train] == place].mean(axis=0) for place in present])
    answers = present[((asked[:, None] - means[None]) ** 2).sum(axis=2).argmin(axis=1)]
    commonest = np.bincount(target[train]).argmax()
    return BaselineScore(
        majority=float((target[test] == commonest).mean()),
        baseline=float((target[test] == answers).mean()),
        method="nearest mean thumbnail",
        cpu_s=0.0,
        predictions=tuple(data.info.classes[place] for place in answers),
    )


MODEL = ModelSpec(
    name="colour_service",
    version="1",
    description="Classes of images by a small network on a thumbnail.",
    modalities=("image",),
    subjects=frozenset({"image"}),
    kinds=frozenset({"classification"}),
    encoders={"image": Encoder(name="thumbnail", version="1", view="image", arrays={"pixels": ("uint8", (SIDE, SIDE, 3))}, encode=encode)},
    pair_roles=("image",),
    teaches=frozenset({"audio_service"}),
    needs=Needs(memory_gib=0.5),
    blueprint=blueprint,
    build=build,
    baseline=baseline,
)
