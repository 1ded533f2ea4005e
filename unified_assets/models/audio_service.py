"""audio_service: sounds, and the sound of videos → classes."""

from collections.abc import Mapping
from typing import Any

from unified_assets.core.contracts import BaselineScore, Learner, ModelSpec, Needs, TaskData
from unified_assets.learners.media_blueprints import audio_blueprint
from unified_assets.learners.media_encoders import sound_encoder


def build(blueprint: Mapping[str, Any]) -> Learner:
    """The network of a blueprint, with fresh weights."""
    from unified_assets.learners.audio_learner_torch import AudioLearner

    return AudioLearner(blueprint)


def baseline(data: TaskData) -> BaselineScore:
    """MFCC statistics into an SVM."""
    from unified_assets.learners.baselines_media import audio_baseline

    return audio_baseline(data)


MODEL = ModelSpec(
    name="audio_service",
    version="4",
    description="Classes of sounds: a small residual network on log-mel pictures beside MFCC statistics.",
    modalities=("audio",),
    subjects=frozenset({"audio", "video"}),
    kinds=frozenset({"classification"}),
    encoders={"audio": sound_encoder()},
    derived={"video.sound": "audio"},
    pair_roles=("audio",),
    teaches=frozenset({"vision_service", "multimodal_service"}),
    needs=Needs(max_cores=2, memory_gib=1.0, gpu_memory_gib=2.0),
    blueprint=audio_blueprint,
    build=build,
    baseline=baseline,
    steps_by="need",
)
