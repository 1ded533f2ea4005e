"""Written arithmetic, word problems through equations that are then executed, and choices between numbers."""

from collections.abc import Mapping, Sequence
from typing import Any

from unified_assets.core.contracts import Learner, ModelSpec, Needs, TaskData
from unified_assets.learners.baselines_text import score_baseline
from unified_assets.learners.text_plan import plan


def _blueprint(tasks: Sequence[TaskData], pairs: TaskData | None) -> Mapping[str, Any]:  # noqa: ARG001 - the contract's signature
    return plan(tasks)


def _build(blueprint: Mapping[str, Any]) -> Learner:
    from unified_assets.learners.text_learner_torch import TextLearner

    return TextLearner(blueprint)


MODEL = ModelSpec(
    name="math_model",
    version="4",
    description="Works out arithmetic digit by digit and solves word problems through small equations over their numbers.",
    modalities=("text",),
    subjects=frozenset({"math"}),
    kinds=frozenset({"classification", "choice", "pair", "generation"}),
    encoders={},
    needs=Needs(min_cores=1, max_cores=1, memory_gib=1.5, gpu_memory_gib=1.5),
    pretrained="text",
    blueprint=_blueprint,
    build=_build,
    baseline=score_baseline,
    words="gives",
)
