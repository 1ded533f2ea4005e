"""multimodal_service: images, sounds, texts and videos in one space, from what occurs together; heads for tasks over them."""

from collections.abc import Mapping
from typing import Any

from unified_assets.core.contracts import BaselineScore, Learner, ModelSpec, Needs, TaskData
from unified_assets.learners.media_blueprints import multimodal_blueprint
from unified_assets.learners.media_encoders import clip_encoder, scene_encoder, sound_encoder


def build(blueprint: Mapping[str, Any]) -> Learner:
    """The network of a blueprint, with fresh weights."""
    from unified_assets.learners.media_align_torch import AlignLearner

    return AlignLearner(blueprint)


def baseline(data: TaskData) -> BaselineScore:
    """The reference of the medium; for a picture with a sentence, tf-idf and counts of coloured things."""
    from unified_assets.learners.baselines_media import multimodal_baseline

    return multimodal_baseline(data)


MODEL = ModelSpec(
    name="multimodal_service",
    version="5",
    description="Images, sounds, texts and videos in one space, learned from what occurs together; classes of pictures with sentences, clips and more.",
    modalities=("image", "audio", "text", "video"),
    subjects=frozenset({"image", "audio", "video", "image_text"}),
    kinds=frozenset({"classification", "pair"}),
    encoders={"image": scene_encoder(), "audio": sound_encoder(), "video": clip_encoder()},
    derived={"video.frames": "video", "video.sound": "audio"},
    pair_roles=("image", "audio", "text", "video"),
    teaches=frozenset({"vision_service", "audio_service"}),
    needs=Needs(max_cores=2, memory_gib=1.5, gpu_memory_gib=2.0),
    blueprint=multimodal_blueprint,
    build=build,
    baseline=baseline,
    steps_by="need",
    pretrained="image",
    image_side=72,
)
