"""vision_service: images, pages and pictures of documents, frames of videos → classes."""

from collections.abc import Mapping
from typing import Any

from unified_assets.core.contracts import BaselineScore, Learner, ModelSpec, Needs, TaskData
from unified_assets.learners.media_blueprints import vision_blueprint
from unified_assets.learners.media_encoders import frames_encoder, picture_encoder


def build(blueprint: Mapping[str, Any]) -> Learner:
    """The network of a blueprint, with fresh weights."""
    from unified_assets.learners.image_learner_torch import ImageLearner

    return ImageLearner(blueprint)


def baseline(data: TaskData) -> BaselineScore:
    """HOG and colour into an SVM, ink profiles or frame features into a logistic regression."""
    from unified_assets.learners.baselines_media import vision_baseline

    return vision_baseline(data)


MODEL = ModelSpec(
    name="vision_service",
    version="3",
    description="Classes of images, document pages and video clips: a small residual network beside HOG and colour features.",
    modalities=("image", "document"),
    subjects=frozenset({"image", "document", "video"}),
    kinds=frozenset({"classification"}),
    encoders={
        "image": picture_encoder("picture", view="image", side=112),
        "page": picture_encoder("page", view="document.page", side=128),
        "video": frames_encoder(),
    },
    derived={"document.page": "page", "document.picture": "image", "video.frames": "video"},
    pair_roles=("image",),
    teaches=frozenset({"audio_service", "multimodal_service"}),
    needs=Needs(max_cores=2, memory_gib=1.5, gpu_memory_gib=2.0),
    blueprint=vision_blueprint,
    build=build,
    baseline=baseline,
    steps_by="need",
    pretrained="image",
    image_side=112,
)
