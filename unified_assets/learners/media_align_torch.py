"""Pictures, sounds, clips and sentences in one space: contrastive on what occurs together, heads for the tasks that have labels.

The contrastive loss is the symmetric InfoNCE of CLIP (Radford et al. 2021) between every two roles that a pair has. What the
network counts beside a linear classifier of the same media's fixed features, each task's validation part decides.

Where pairs show more files of a task's kind than it has labels, and files that were held out find their partners, the nearest
class in that space answers: pairs have laid out what the few labels only name.
"""

from collections.abc import Collection, Mapping, Sequence
from itertools import combinations
from typing import Any

import numpy as np
import torch
from torch import Tensor, nn
from torch.nn import functional

from unified_assets.core.contracts import Prediction, TaskData
from unified_assets.learners import media_modules_torch as parts
from unified_assets.learners.audio_learner_torch import SoundTrunk, fit_pitch
from unified_assets.learners.audio_pitch_torch import PitchStrength
from unified_assets.learners.image_learner_torch import CLOSE_UP, Trunk
from unified_assets.learners.media_blueprints import PAIR_LOOK, RECIPES, role_in, rows_to_fit
from unified_assets.learners.media_cache import RowCache
from unified_assets.learners.media_grounding import SIZE as GROUNDING
from unified_assets.learners.media_grounding import grounding
from unified_assets.learners.media_pretrained_torch import picture_vectors
from unified_assets.learners.media_reference_torch import NETWORK_ALONE, Prototypes, Reference, answers, fit_reference, head_name, settle_reference
from unified_assets.learners.media_towers_torch import ClipTower, PictureTower, SoundTower, TextTower, fixed_width, text_of
from unified_assets.learners.scene_claims import CLAIMS, claims

BATCH = 128
PAIRS = "pairs"
ARRAYS = {"image": ("pixels", "size"), "audio": ("mel", "mfcc"), "video": ("pixels", "crops")}
LEAST_PAIRS = 4
HIDDEN = 48
CLAIM_SCALE = 10.0


class AlignLearner(nn.Module):
    """Towers and projections are shared; norms, heads and wide branches are each task's own."""

    def __init__(self, blueprint: Mapping[str, Any]) -> None:
        super().__init__()
        self.blueprint = blueprint
        self.tasks: dict[str, Mapping[str, Any]] = {task["task"]: task for task in blueprint["tasks"]}
        self._cache, self._texts = RowCache(), dict[int, tuple[Any, np.ndarray]]()
        self.norm_keys = {name: parts.task_key(name) for name in self.tasks}
        self.keys = {name: parts.head_key(name, task["classes"]) for name, task in self.tasks.items()}
        widths, space = blueprint["widths"], blueprint["space"]
        norms = [*self.norm_keys.values(), PAIRS]
        trunk, sounds = Trunk(widths, [*norms, *(key + CLOSE_UP for key in norms)]), SoundTrunk(widths, norms)
        last = widths[-1]
        self.pitch = nn.ModuleDict({key: PitchStrength() for key in norms})
        towers: dict[str, Any] = {
            "image": PictureTower(trunk, last),
            "audio": SoundTower(sounds, last, self.pitch),
            "video": ClipTower(trunk, sounds, last, self.pitch),
            "text": TextTower(),
        }
        self.towers = nn.ModuleDict(towers)
        self.project = nn.ModuleDict({kind: nn.Linear(tower.width, space) for kind, tower in towers.items()})
        self.temperature = nn.Parameter(torch.tensor(2.3))
        sizes = {name: self._head_inputs(task, towers, space) for name, task in self.tasks.items()}
        self.heads = nn.ModuleDict({self.keys[name]: nn.Linear(sizes[name], len(task["classes"])) for name, task in self.tasks.items()})
        self.wide = nn.ModuleDict({self.keys[name]: parts.Wide(_fixed_inputs(task), len(task["classes"])) for name, task in self.tasks.items()})
        grounded = [name for name, task in self.tasks.items() if _grounded(task)]
        self.reason = nn.ModuleDict({self.keys[name]: _reasoner(len(self.tasks[name]["classes"])) for name in grounded})
        self.claims = nn.ModuleDict({self.keys[name]: Claims(len(self.tasks[name]["classes"])) for name in grounded})
        plain = {name: task for name, task in self.tasks.items() if task["inputs"] and not task["texts"]}
        seen = {name: (_fixed_inputs(task, own_side=True), len(task["classes"]), task.get("vectors", 0)) for name, task in plain.items()}
        self.reference = nn.ModuleDict({self.keys[name]: Reference(*sizes) for name, sizes in seen.items()})
        self.placed = nn.ModuleDict({self.keys[name]: Prototypes(space * len(task["inputs"]), len(task["classes"])) for name, task in plain.items()})
        nn.Module.to(self, memory_format=torch.channels_last)  # type: ignore[call-overload]  # the stubs lack this form

    @staticmethod
    def _head_inputs(task: Mapping[str, Any], towers: Mapping[str, Any], space: int) -> int:
        kinds = [kind for _, kind in _seen(task)] + (["text"] if task["texts"] else [])
        return sum(int(towers[kind].width) + space for kind in kinds) + (space if len(kinds) > 1 else 0)

    # ------------------------------------------------------------------------------------ embedding

    def _embed(self, kind: str, pooled: Tensor) -> Tensor:
        out: Tensor = functional.normalize(self.project[kind](pooled), dim=1)
        return out

    def _media(self, data: TaskData, task: Mapping[str, Any], rows: np.ndarray) -> list[tuple[str, Tensor, Tensor]]:
        """For each media input: kind, pooled vector, fixed features."""
        out = []
        for role, kind in _seen(task):
            found = role_in(data, role, ARRAYS[kind])
            out.append((kind, *self.towers[kind](data, found, rows, task["look"], self.norm_keys[task["task"]])))
        return out

    def _logits(self, data: TaskData, rows: np.ndarray) -> tuple[Tensor, Tensor]:
        task = self.tasks[data.info.task]
        key = self.keys[data.info.task]
        media = self._media(data, task, rows)
        fixed = [values for _, _, values in media]
        pooled = [(kind, vector) for kind, vector, _ in media]
        if task["texts"]:
            pooled.append(("text", self.towers["text"](text_of(data, task["texts"], rows))))
        embedded = [self._embed(kind, vector) for kind, vector in pooled]
        joined = [*(vector for _, vector in pooled), *embedded]
        if len(embedded) > 1:
            joined.append(torch.stack(embedded).prod(dim=0) * embedded[0].shape[1] ** 0.5)
        deep = self.heads[key](functional.dropout(torch.cat(joined, dim=1), 0.3, self.training))
        if _grounded(task):
            said = self._grounding(data, task, rows)
            fixed = [said[:, :GROUNDING]]
            branch = parts.wide_of(self.wide, key)
            deep = deep + self.reason[key]((fixed[0] - branch.mean) / branch.deviation.clamp(min=0.1))
        wide = self.wide[key](torch.cat(fixed, dim=1)) if fixed else torch.zeros_like(deep)
        return deep, wide + self.claims[key](said[:, GROUNDING:]) if _grounded(task) else wide

    def _grounding(self, data: TaskData, task: Mapping[str, Any], rows: np.ndarray) -> Tensor:
        """(k, GROUNDING + CLAIMS): what is said compared with what is there, and whether it holds."""
        role = role_in(data, task["inputs"][0][0], ("things",))
        texts = data.texts[task["texts"][0]]
        key = self._texts.setdefault(id(texts), (texts, np.empty(0)))[1]  # one cache for the sentences of one task

        def compute(missing: np.ndarray) -> np.ndarray:
            sentences, things = text_of(data, task["texts"], rows[missing]), data.gather(role, "things", rows[missing])
            return np.concatenate([grounding(sentences, things), claims(sentences, things)], axis=1)

        return torch.from_numpy(np.stack(self._cache.get(key, rows, compute))).to(self.temperature.device)

    # ------------------------------------------------------------------------------------ Learner

    def fit_statistics(self, tasks: Sequence[TaskData], pairs: TaskData | None) -> None:
        """By each task's training part: its linear reference, and how its wide features are standardised; the latter by the pairs where it has none."""
        self.eval()
        for own in tasks:
            task = self.tasks[own.info.task]
            self._fit_pitch(own, own.rows("train"), task)
            role, kind = task["inputs"][0] if task["inputs"] else ("", "")
            data, rows = rows_to_fit(own, None if task["texts"] or not kind else pairs, role, ARRAYS.get(kind, ()))
            if len(rows) and task["inputs"]:
                parts.wide_of(self.wide, self.keys[data.info.task]).fit(parts.in_batches(rows, BATCH, lambda chosen, data=data: self._fixed(data, chosen), 0))  # type: ignore[misc]

            if (reference := self.reference_of(own.info.task)) is not None:
                fit_reference(reference, own, lambda chosen, own=own: self._classical(own, chosen))  # type: ignore[misc]

    def reference_of(self, task: str) -> Reference | None:
        """A task's linear reference; none where texts are read."""
        found = dict(self.reference.named_children()).get(self.keys[task])
        assert found is None or isinstance(found, Reference)
        return found

    def settle(self, tasks: Sequence[TaskData]) -> None:
        """Decide by each task's validation part what the network counts beside the linear reference."""
        self.eval()
        for data in tasks:
            if (reference := self.reference_of(data.info.task)) is not None:
                settle_reference(reference, data, lambda rows, mix, data=data: self._log_probs(data, rows, mix))  # type: ignore[misc]

    def settle_space(self, tasks: Sequence[TaskData], pairs: TaskData | None, kinds: Collection[str], *, weigh: bool) -> None:
        """Find each task's classes in the space where pairs of the `kinds` outnumber labels; else it counts nothing there.

        The validation part decides what the other answers count beside it; without `weigh`, that stays as it is.
        """
        self.eval()
        for data in tasks:
            found, task = self._placed_of(data.info.task), self.tasks[data.info.task]
            if found is None:
                continue
            wanted, before = {kind for _, kind in task["inputs"]}, found.mix.clone()
            found.mix.copy_(torch.tensor(NETWORK_ALONE))
            if not wanted <= set(kinds) or len(data.rows("train")) >= self._shown(pairs, wanted) or (not weigh and before[1] == 0):
                continue
            fit_reference(found, data, lambda rows, data=data: self._place(data, rows))  # type: ignore[misc]
            if found.weights() == NETWORK_ALONE:  # rows of one class: what it knew before belongs to another space
                continue
            if weigh:
                settle_reference(found, data, lambda rows, mix, data=data, found=found: self._both(data, rows, found, mix))  # type: ignore[misc]
            else:
                found.mix.copy_(before)

    def _shown(self, pairs: TaskData | None, kinds: Collection[str]) -> int:
        """How many pairs of the training part have each of these kinds."""
        if pairs is None:
            return 0
        rows = pairs.rows("train")
        return min(int(np.any([_has(pairs, side, rows) for side in _sides(pairs) if side[1] == kind], axis=0).sum()) for kind in kinds)

    @torch.no_grad()
    def _place(self, data: TaskData, rows: np.ndarray) -> Tensor:
        """(k, space) or wider: where a task's inputs lie in the space of the pairs."""
        inputs = self.tasks[data.info.task]["inputs"]
        return torch.cat([self._side(data, (role_in(data, role, ARRAYS[kind]), kind), rows) for role, kind in inputs], dim=1)

    def _placed_of(self, task: str) -> Reference | None:
        """A task's classes in the space; none where texts are read."""
        found = dict(self.placed.named_children()).get(self.keys[task])
        assert found is None or isinstance(found, Reference)
        return found

    def trunks(self) -> Mapping[str, nn.Module]:
        """What peers may go on from, by kind of input."""
        towers: Any = self.towers  # a ModuleDict types its members as bare modules
        return {"image": towers["image"].trunk, "audio": towers["audio"].trunk}

    def head_of(self, task: str) -> str:
        """What answers a task, in words."""
        reference, found = self.reference_of(task), self._placed_of(task)
        rest = head_name(NETWORK_ALONE if reference is None else reference.weights())
        mix = NETWORK_ALONE if found is None else found.weights()
        return rest if mix[1] == 0.0 else "nearest class in the space of pairs" + (f" + {rest}" if mix[0] else "")

    def encoder_gave(self, task: str) -> tuple[float, float] | None:
        """What a pretrained encoder gave a task's linear classifier: see `Reference.encoder_gave`."""
        reference = self.reference_of(task)
        return None if reference is None else reference.encoder_gave()

    def _classical(self, data: TaskData, rows: np.ndarray) -> Tensor:
        task = self.tasks[data.info.task]
        towers: Any = self.towers  # a ModuleDict types its members as bare modules
        found = [towers[kind].classical(data, role_in(data, role, ARRAYS[kind]), rows, task["look"]) for role, kind in task["inputs"]]
        if task.get("vectors"):
            role = next(role for role, kind in task["inputs"] if kind == "image")
            found.append(picture_vectors(data, role_in(data, role, ARRAYS["image"]), rows, self.temperature.device))
        return torch.cat(found, dim=1)

    def _fit_pitch(self, data: TaskData, rows: np.ndarray, task: Mapping[str, Any]) -> None:
        """See how far the sounds of a task may be moved in pitch; what occurs in pairs may be of any task, so no farther than the least."""
        role = next((role for role, kind in task["inputs"] if kind == "audio"), None)
        if role is None or not len(rows):
            return
        found = role_in(data, role, ARRAYS["audio"])
        own, pairs = self.pitch[self.norm_keys[task["task"]]], self.pitch[PAIRS]
        assert isinstance(own, PitchStrength)
        assert isinstance(pairs, PitchStrength)
        fit_pitch(own, torch.from_numpy(np.array(data.gather(found, "mel", rows))), np.asarray(data.target)[rows])
        pairs.share.copy_(torch.minimum(pairs.share, own.share))

    @torch.no_grad()
    def _fixed(self, data: TaskData, rows: np.ndarray) -> Tensor:
        task = self.tasks[data.info.task]
        if _grounded(task):
            return self._grounding(data, task, rows)[:, :GROUNDING]
        return torch.cat([values for _, _, values in self._media(data, task, rows)], dim=1)

    def optimizers(self, learning_rate: float) -> list[Any]:
        """One AdamW; the wide branches have rates of their own."""
        rates = {self.keys[name]: task["wide_rate"] for name, task in self.tasks.items()}
        return [torch.optim.AdamW(parts.parameter_groups(self, learning_rate, rates), lr=learning_rate)]

    def loss(self, data: TaskData, rows: np.ndarray, soft_targets: Any | None = None) -> Tensor:
        """Loss of one varied view of each row."""
        if not self.training:  # to set it walks all modules
            self.train()
        deep, wide = self._logits(data, rows)
        if soft_targets is not None and (reference := self.reference_of(data.info.task)) is not None:
            reference.taught.fill_(1.0)
        target = torch.as_tensor(np.asarray(data.target)[rows], device=deep.device) if soft_targets is None else parts.soft_target(soft_targets, deep.device)
        return parts.branch_loss(deep, wide, target)

    def pair_loss(self, pairs: TaskData, rows: np.ndarray) -> Tensor | None:
        """Mean InfoNCE over every two roles that enough of these pairs have; None where there are no such roles."""
        losses = [loss for first, second in combinations(_sides(pairs), 2) if (loss := self._contrast(pairs, rows, first, second)) is not None]
        return torch.stack(losses).mean() if losses else None

    def _contrast(self, pairs: TaskData, rows: np.ndarray, first: tuple[str, str], second: tuple[str, str]) -> Tensor | None:
        both = rows[_has(pairs, first, rows) & _has(pairs, second, rows)]
        if len(both) < LEAST_PAIRS:
            return None
        one, other = (self._side(pairs, side, both) for side in (first, second))
        logits = one @ other.T * self.temperature.exp().clamp(max=50)
        target = torch.arange(len(both), device=logits.device)
        return (functional.cross_entropy(logits, target) + functional.cross_entropy(logits.T, target)) / 2

    def _side(self, pairs: TaskData, side: tuple[str, str], rows: np.ndarray) -> Tensor:
        role, kind = side
        if kind == "text":
            return self._embed("text", self.towers["text"](text_of(pairs, [role], rows)))
        pooled, _ = self.towers[kind](pairs, role, rows, PAIR_LOOK, PAIRS)
        return self._embed(kind, pooled)

    def sides_of(self, pairs: TaskData) -> list[tuple[str, str]]:
        """(role, kind) of everything the pairs hold, in a fixed order."""
        return _sides(pairs)

    def has_side(self, pairs: TaskData, side: tuple[str, str]) -> np.ndarray:
        """(n,) whether each pair has a side."""
        return _has(pairs, side, np.arange(len(pairs)))

    @torch.no_grad()
    def embed_side(self, pairs: TaskData, side: tuple[str, str], rows: np.ndarray) -> np.ndarray:
        """(k, space) vectors of unit length of one plain view of a side."""
        self.eval()
        return parts.in_batches(rows, BATCH, lambda chosen: self._side(pairs, side, chosen), self.blueprint["space"]).float().cpu().numpy()

    def predict(self, data: TaskData, rows: np.ndarray) -> Prediction:
        """One plain view of each row."""
        self.eval()
        found = self._placed_of(data.info.task)
        mix = NETWORK_ALONE if found is None else found.weights()
        return parts.to_prediction(data.info, parts.in_batches(rows, BATCH, lambda chosen: self._both(data, chosen, found, mix), len(data.info.classes)))

    @torch.no_grad()
    def _both(self, data: TaskData, rows: np.ndarray, found: Reference | None, mix: tuple[float, float]) -> Tensor:
        """(k, classes), the answers of network and linear reference as they are weighed, and those of the space, weighed by `mix`."""
        reference = self.reference_of(data.info.task)
        weights = NETWORK_ALONE if reference is None else reference.weights()

        def placed() -> Tensor:
            assert found is not None
            out: Tensor = found(self._place(data, rows), data.split[rows] == "valid")
            return out

        return answers(mix, lambda: self._log_probs(data, rows, weights), placed)

    @torch.no_grad()
    def _log_probs(self, data: TaskData, rows: np.ndarray, mix: tuple[float, float]) -> Tensor:
        """(k, classes), the network and the linear reference weighed by `mix`."""

        def linear() -> Tensor:
            reference = self.reference_of(data.info.task)
            assert reference is not None
            out: Tensor = reference(self._classical(data, rows), data.split[rows] == "valid")
            return out

        return answers(mix, lambda: torch.add(*self._logits(data, rows)).log_softmax(dim=1), linear)


class Claims(nn.Module):
    """What each state of a claim is worth: a linear layer that starts at zero, with a rate above that of the rest."""

    def __init__(self, classes: int) -> None:
        super().__init__()
        self.linear = nn.Linear(CLAIMS, classes)
        nn.init.zeros_(self.linear.weight)
        nn.init.zeros_(self.linear.bias)

    def forward(self, states: Tensor) -> Tensor:
        """states: (batch, CLAIMS) one-hot → logits (batch, classes)."""
        out: Tensor = self.linear(states * CLAIM_SCALE)
        return out


def _reasoner(classes: int) -> nn.Module:
    return nn.Sequential(nn.Dropout(0.3), nn.Linear(GROUNDING, HIDDEN), nn.ReLU(), nn.Dropout(0.3), nn.Linear(HIDDEN, classes))


def _seen(task: Mapping[str, Any]) -> list[list[str]]:
    """The media inputs that go through a tower: of drawn scenes with a sentence, none."""
    return [] if task.get("drawn") else list(task["inputs"])


def _grounded(task: Mapping[str, Any]) -> bool:
    return bool(task["texts"]) and any(kind == "image" for _, kind in task["inputs"])


def _fixed_inputs(task: Mapping[str, Any], *, own_side: bool = False) -> int:
    """Width of the fixed features; with `own_side`, those of pictures at the side that their recipe is made for."""
    if _grounded(task):
        return GROUNDING
    look = task["look"]
    side = RECIPES[look["recipe"]]["side"] if own_side else look["side"]
    return max(1, sum(fixed_width(kind, look, side) for _, kind in task["inputs"]))


def _sides(pairs: TaskData) -> list[tuple[str, str]]:
    """(role, kind) of everything the pairs hold, in a fixed order."""
    media = []
    for role in sorted(pairs.media):
        arrays = set(pairs.arrays[pairs.media[role][0]])
        kind = next((kind for kind, wanted in ARRAYS.items() if set(wanted) <= arrays), None)
        if kind is not None:
            media.append((role, kind))
    return [*media, *((role, "text") for role in sorted(pairs.texts))]


def _has(pairs: TaskData, side: tuple[str, str], rows: np.ndarray) -> np.ndarray:
    role, kind = side
    if kind == "text":
        return np.asarray([bool(pairs.texts[role][int(row)]) for row in rows], bool)
    return np.asarray(pairs.media[role][1][rows] >= 0)
