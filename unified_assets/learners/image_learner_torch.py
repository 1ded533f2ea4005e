"""Pictures, pages and clips in, classes out: a small residual network beside fixed classical features, logits added.

What that network counts beside a linear classifier of the same features, each task's validation part decides.
"""

from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np
import torch
from torch import Tensor, nn
from torch.nn import functional

from unified_assets.core.contracts import Prediction, TaskData
from unified_assets.learners import image_augment_torch as augment
from unified_assets.learners import image_features_torch as features
from unified_assets.learners import media_modules_torch as parts
from unified_assets.learners.media_blueprints import role_in, rows_to_fit
from unified_assets.learners.media_cache import RowCache
from unified_assets.learners.media_pretrained_torch import picture_vectors
from unified_assets.learners.media_reference_torch import Reference, answers, fit_reference, head_name, settle_reference
from unified_assets.learners.video_features_torch import cached_clip_features, clip_features

BATCH = 128
Views = Sequence[tuple[float, bool]]  # zoom, and whether mirrored
PLAIN: Views = ((1.0, False),)
VIEWS: Mapping[str, Views] = {"object": ((1.0, False), (1.0, True), (0.88, False), (0.88, True)), "glyph": PLAIN, "page": ((1.0, False), (1.0, True))}
FIXED_MAPS = 2 * features.ORIENTATIONS + 3
STEM = 48
CLOSE_UP = "_close"  # norms of close-ups are apart from those of the frames they were cut from


class Trunk(nn.Module):
    """Pictures and their orientation maps → feature maps at a 32nd of the side."""

    def __init__(self, widths: Sequence[int], keys: Sequence[str]) -> None:
        super().__init__()
        self.stem = nn.Conv2d(STEM, STEM, 3, 1, 1, bias=False)
        self.stem_norm, self.map_norm = parts.TaskNorm(STEM, keys), parts.TaskNorm(FIXED_MAPS, keys)
        inputs = [STEM + FIXED_MAPS, *widths[:-1]]
        self.blocks = nn.ModuleList(parts.Residual(a, b, 2, keys) for a, b in zip(inputs, widths, strict=True))

    def forward(self, pictures: Tensor, maps: Tensor, key: str) -> Tensor:
        """pictures: (batch, 3, side, side), maps: (batch, 9, side, side) → (batch, widths[-1], side / 32, side / 32)."""
        half = features.orientation_maps(features.grey(functional.avg_pool2d(pictures, 2)))
        fixed = torch.cat([functional.avg_pool2d(maps, 4), functional.avg_pool2d(half, 2), functional.avg_pool2d(pictures, 4)], dim=1)
        learned = torch.relu(self.stem_norm(self.stem(functional.pixel_unshuffle(pictures - 0.5, 4)), key))
        x = torch.cat([learned, self.map_norm(fixed, key)], dim=1).contiguous(memory_format=torch.channels_last)
        for block in self.blocks:
            x = block(x, key)
        return x


class ImageLearner(nn.Module):
    """One trunk, and for each task its norms, its head, its wide branch and its linear reference."""

    def __init__(self, blueprint: Mapping[str, Any]) -> None:
        super().__init__()
        self.blueprint = blueprint
        self.tasks: dict[str, Mapping[str, Any]] = {task["task"]: task for task in blueprint["tasks"]}
        self._cache = RowCache()
        self.norm_keys = {name: parts.task_key(name) for name in self.tasks}
        self.keys = {name: parts.head_key(name, task["classes"]) for name, task in self.tasks.items()}
        clips = [name for name, task in self.tasks.items() if task["recipe"] == "clip"]
        widths = blueprint["widths"]
        self.trunk = Trunk(widths, [*self.norm_keys.values(), *(self.norm_keys[name] + CLOSE_UP for name in clips)])
        pooled = {name: widths[-1] * (1 if task["recipe"] in {"object", "glyph"} else 2) for name, task in self.tasks.items()}
        self.heads = nn.ModuleDict({self.keys[name]: nn.Linear(pooled[name], len(task["classes"])) for name, task in self.tasks.items()})
        self.wide = nn.ModuleDict({self.keys[name]: parts.Wide(_feature_count(task), len(task["classes"])) for name, task in self.tasks.items()})
        seen = {name: (_feature_count(task), len(task["classes"]), task.get("vectors", 0)) for name, task in self.tasks.items()}
        self.reference = nn.ModuleDict({self.keys[name]: Reference(*sizes) for name, sizes in seen.items()})
        nn.Module.to(self, memory_format=torch.channels_last)  # type: ignore[call-overload]  # the stubs lack this form

    @property
    def _device(self) -> torch.device:
        return self.trunk.stem.weight.device

    def _gather(self, data: TaskData, role: str, array: str, rows: np.ndarray) -> Tensor:
        return torch.from_numpy(np.ascontiguousarray(data.gather(role, array, rows))).to(self._device)

    def _pictures(self, data: TaskData, rows: np.ndarray, task: Mapping[str, Any]) -> Tensor:
        role = role_in(data, task["role"], ("pixels", "size"))
        return augment.to_float(self._gather(data, role, "pixels", rows))

    def _clip(self, data: TaskData, rows: np.ndarray, task: Mapping[str, Any]) -> tuple[Tensor, Tensor]:
        role = role_in(data, task["role"], ("pixels", "crops"))
        frames, crops = (self._gather(data, role, name, rows) for name in ("pixels", "crops"))
        return frames, crops

    def _clip_fixed(self, data: TaskData, rows: np.ndarray, task: Mapping[str, Any]) -> Tensor:
        role = role_in(data, task["role"], ("pixels", "crops"))
        return cached_clip_features(self._cache, data, role, rows, self._device)

    # ------------------------------------------------------------------------------------ both branches

    def _still_logits(self, task: Mapping[str, Any], pictures: Tensor) -> tuple[Tensor, Tensor]:
        key = self.keys[task["task"]]
        with torch.no_grad():
            maps = features.orientation_maps(features.grey(pictures))
            fixed = features.FEATURES[task["recipe"]](pictures, maps)
        pooled = self._pooled(pictures, maps, self.norm_keys[task["task"]], both=task["recipe"] == "page")
        return self._head(key, pooled), self.wide[key](fixed)

    def _pooled(self, pictures: Tensor, maps: Tensor, key: str, *, both: bool) -> Tensor:
        x = self.trunk(pictures, maps, key)
        mean = x.mean(dim=(2, 3))
        return torch.cat([mean, x.amax(dim=(2, 3))], dim=1) if both else mean

    def _head(self, key: str, pooled: Tensor) -> Tensor:
        out: Tensor = self.heads[key](functional.dropout(pooled, 0.3, self.training))
        return out

    def _frame_logits(self, task: Mapping[str, Any], frame: Tensor, crop: Tensor) -> Tensor:
        """frame: (batch, 3, 64, 64), crop: (batch, 3, 48, 48)."""
        key, own = self.keys[task["task"]], self.norm_keys[task["task"]]
        pooled = []
        for pictures, norms in ((frame, own), (crop, own + CLOSE_UP)):
            with torch.no_grad():
                maps = features.orientation_maps(features.grey(pictures))
            pooled.append(self._pooled(pictures, maps, norms, both=False))
        return self._head(key, torch.cat(pooled, dim=1))

    # ------------------------------------------------------------------------------------ Learner

    def fit_statistics(self, tasks: Sequence[TaskData], pairs: TaskData | None) -> None:
        """By each task's training part: its linear reference, and how its wide features are standardised; the latter by the pairs where it has none."""
        for task in tasks:
            looked = self.tasks[task.info.task]
            data, rows = rows_to_fit(task, pairs, looked["role"], ("pixels", "crops" if looked["recipe"] == "clip" else "size"))
            if len(rows):
                key = self.keys[data.info.task]
                wide = parts.in_batches(rows, BATCH, lambda chosen, data=data: self._fixed(data, chosen), 0)  # type: ignore[misc]
                parts.wide_of(self.wide, key).fit(wide)
            fit_reference(self.reference_of(task.info.task), task, lambda chosen, task=task: self._classical(task, chosen))  # type: ignore[misc]

    @torch.no_grad()
    def _fixed(self, data: TaskData, rows: np.ndarray) -> Tensor:
        task = self.tasks[data.info.task]
        if task["recipe"] == "clip":
            return self._clip_fixed(data, rows, task)
        pictures = augment.plain(self._pictures(data, rows, task), task["side"])
        return features.FEATURES[task["recipe"]](pictures, features.orientation_maps(features.grey(pictures)))

    @torch.no_grad()
    def _classical(self, data: TaskData, rows: np.ndarray) -> Tensor:
        task = self.tasks[data.info.task]
        if task["recipe"] == "clip":
            return self._clip_fixed(data, rows, task)
        fixed = features.classical_features(task["recipe"], augment.plain(self._pictures(data, rows, task), task["side"]))
        vectors = self._vectors(data, rows, task)
        return fixed if vectors is None else torch.cat([fixed, vectors], dim=1)

    def _vectors(self, data: TaskData, rows: np.ndarray, task: Mapping[str, Any]) -> Tensor | None:
        """(k, width) of a pretrained encoder, of pictures as they are; None for a task without."""
        return picture_vectors(data, role_in(data, task["role"], ("pixels", "size")), rows, self._device) if task.get("vectors") else None

    def reference_of(self, task: str) -> Reference:
        """A task's linear reference."""
        found = self.reference[self.keys[task]]
        assert isinstance(found, Reference)
        return found

    def settle(self, tasks: Sequence[TaskData]) -> None:
        """Decide by each task's validation part what the network counts beside the linear reference."""
        self.eval()
        for data in tasks:
            settle_reference(self.reference_of(data.info.task), data, lambda rows, mix, data=data: self._log_probs(data, rows, mix, PLAIN))  # type: ignore[misc]

    def trunks(self) -> Mapping[str, nn.Module]:
        """What peers may go on from, by kind of input."""
        return {"image": self.trunk}

    def head_of(self, task: str) -> str:
        """What answers a task, in words."""
        return head_name(self.reference_of(task).weights())

    def encoder_gave(self, task: str) -> tuple[float, float] | None:
        """What a pretrained encoder gave a task's linear classifier: see `Reference.encoder_gave`."""
        return self.reference_of(task).encoder_gave()

    def optimizers(self, learning_rate: float) -> list[Any]:
        """One AdamW; the wide branches have rates of their own."""
        rates = {self.keys[name]: task["wide_rate"] for name, task in self.tasks.items()}
        return [torch.optim.AdamW(parts.parameter_groups(self, learning_rate, rates), lr=learning_rate)]

    def loss(self, data: TaskData, rows: np.ndarray, soft_targets: Any | None = None) -> Tensor:
        """Loss of one augmented view of each row."""
        if not self.training:  # to set it walks all modules
            self.train()
        task = self.tasks[data.info.task]
        target = self._target(data, rows, soft_targets)
        if task["recipe"] == "clip":
            return self._clip_loss(data, rows, task, target)
        with torch.no_grad():
            pictures = augment.jittered(self._pictures(data, rows, task), task["side"], task["strength"])
            if float(torch.rand(1)) < task["mix"]:
                soft = parts.one_hot(target, len(task["classes"])) if target.dim() == 1 else target
                pictures, target = augment.cut_mix(pictures, soft)
        return parts.branch_loss(*self._still_logits(task, pictures), target)

    def _target(self, data: TaskData, rows: np.ndarray, soft_targets: Any | None) -> Tensor:
        if soft_targets is not None:
            self.reference_of(data.info.task).taught.fill_(1.0)
            return parts.soft_target(soft_targets, self._device)
        return torch.as_tensor(np.asarray(data.target)[rows], device=self._device)

    def _clip_loss(self, data: TaskData, rows: np.ndarray, task: Mapping[str, Any], target: Tensor) -> Tensor:
        """One random frame of each clip for the network; all frames for the wide branch."""
        frames, crops = self._clip(data, rows, task)
        with torch.no_grad():
            chosen = torch.randint(0, frames.shape[1], (len(rows),), device=frames.device)
            index = torch.arange(len(rows), device=frames.device)
            frame = augment.jittered(augment.to_float(frames[index, chosen]), 64, task["strength"])
            crop = augment.jittered(augment.to_float(crops[index, chosen]), 48, task["strength"])
            fixed = self._clip_fixed(data, rows, task)
        return parts.branch_loss(self._frame_logits(task, frame, crop), self.wide[self.keys[task["task"]]](fixed), target)

    def pair_loss(self, _pairs: TaskData, _rows: np.ndarray) -> None:
        """None: it learns from pairs through its peers' answers only."""
        return

    def predict(self, data: TaskData, rows: np.ndarray) -> Prediction:
        """Mean over a few fixed views, or over all frames of a clip."""
        return self._answers(data, rows, None)

    def quick_predict(self, data: TaskData, rows: np.ndarray) -> Prediction:
        """One view of a picture; a clip as ever."""
        return self._answers(data, rows, PLAIN)

    def _answers(self, data: TaskData, rows: np.ndarray, views: Views | None) -> Prediction:
        self.eval()
        mix, width = self.reference_of(data.info.task).weights(), len(self.tasks[data.info.task]["classes"])
        return parts.to_prediction(data.info, parts.in_batches(rows, BATCH, lambda chosen: self._log_probs(data, chosen, mix, views), width))

    @torch.no_grad()
    def _log_probs(self, data: TaskData, rows: np.ndarray, mix: tuple[float, float], views: Views | None) -> Tensor:
        """(k, classes), the network and the linear reference weighed by `mix`."""
        task, validation = self.tasks[data.info.task], data.split[rows] == "valid"
        if task["recipe"] != "clip":
            pictures, vectors = self._pictures(data, rows, task), None if mix[1] == 0.0 else self._vectors(data, rows, task)
            return self.still_log_probs(task, pictures, mix, views, validation=validation, vectors=vectors)
        fixed = self._clip_fixed(data, rows, task)
        return answers(mix, lambda: self._clip_answer(data, rows, task, fixed), lambda: self.reference_of(data.info.task)(fixed, validation))

    def still_log_probs(
        self,
        task: Mapping[str, Any],
        pictures: Tensor,
        mix: tuple[float, float],
        views: Views | None = None,
        *,
        validation: np.ndarray | None = None,
        vectors: Tensor | None = None,
    ) -> Tensor:
        """pictures: (batch, 3, side, side) in [0, 1] → (batch, classes), a mean over a few fixed views.

        validation: (batch,) rows of that part. vectors: (batch, width) of a pretrained encoder, for a task whose linear classifier sees them.
        """
        mirrored = bool(task["strength"]["flip"])
        views = [(zoom, flip) for zoom, flip in VIEWS[task["recipe"]] if mirrored or not flip] if views is None else views
        seen = {(zoom, flip): augment.plain(pictures, task["side"], zoom, flip=flip) for zoom, flip in views}

        def network() -> Tensor:
            logits = torch.stack([torch.add(*self._still_logits(task, view)) for view in seen.values()])
            return logits.log_softmax(dim=2).mean(dim=0)

        def linear() -> Tensor:
            whole = [features.classical_features(task["recipe"], view) for (zoom, _), view in seen.items() if zoom == 1.0]
            whole = whole if vectors is None else [torch.cat([fixed, vectors], dim=1) for fixed in whole]
            return torch.stack([self.reference_of(task["task"])(fixed, validation) for fixed in whole]).mean(dim=0).log_softmax(dim=1)

        return answers(mix, network, linear)

    def _clip_answer(self, data: TaskData, rows: np.ndarray, task: Mapping[str, Any], fixed: Tensor) -> Tensor:
        frames, crops = self._clip(data, rows, task)
        wide: Tensor = self.wide[self.keys[task["task"]]](fixed)
        count = frames.shape[1]
        deep = self._frame_logits(task, augment.to_float(frames.flatten(0, 1)), augment.to_float(crops.flatten(0, 1)))
        return torch.add(deep.view(len(rows), count, -1).mean(dim=1), wide).log_softmax(dim=1)


def _feature_count(task: Mapping[str, Any]) -> int:
    side = task["side"]
    if task["recipe"] == "clip":
        blank = torch.zeros(1, 2, 64, 64, 3, dtype=torch.uint8), torch.zeros(1, 2, 48, 48, 3, dtype=torch.uint8), torch.zeros(1, 2, 4)
        return clip_features(*blank).shape[1]
    pictures = torch.zeros(1, 3, side, side)
    return features.FEATURES[task["recipe"]](pictures, torch.zeros(1, features.ORIENTATIONS, side, side)).shape[1]
