"""Features of a task → logits: a zero-initialised wide linear branch over tf-idf buckets, a deep branch beside it, a dense one."""

import math
import zlib
from collections.abc import Mapping, Sequence
from typing import Any
from weakref import WeakKeyDictionary

import numpy as np
import torch
from torch import Tensor, nn
from torch.nn import functional

from unified_assets.core.contracts import Prediction, TaskData, TaskInfo
from unified_assets.learners.symbolic_equations import parse_number, same, written
from unified_assets.learners.text_grams import WeighedRows, weigh
from unified_assets.learners.text_memory import REMEMBERED, remembered
from unified_assets.learners.text_plan import feature_rows, index_of
from unified_assets.learners.text_pretrained import features
from unified_assets.learners.text_start import FEW_CLASSES, choice_start, linear_start, vector_length
from unified_assets.learners.text_tables_torch import RowTable, TableOptimizer
from unified_assets.learners.text_tokens import code
from unified_assets.learners.text_trunk_torch import EQUATION_ROWS, MATCHES, MEANS, SENTENCE_WIDTH, TextTrunk

WIDE_RATE, STARTED_RATE, SMALL_RATE, BAG_RATE = 0.3, 0.03, 0.003, 0.1  # at the usual learning rate of 2e-3
SETTLED = 0.02
FEATURE_DROPOUT = 0.3
BRANCH_WEIGHT = 0.3
MEANS_SCALE = 0.2  # of standardised features of word vectors, of which there are many, beside other dense ones
COMMON_WEIGHT = 0.1  # of one feature in the table that word problems share
MATCH_LENGTH = 5.0  # of the columns together that compare two texts by an encoder, among standardised features
IMPOSSIBLE = -1e9
BOTH = ("train", "valid")  # the sides that are known from the refit on


class NgramHead(nn.Module):
    """One task by hashed n-grams and dense features. Classes are outputs; candidates of a choice share one output."""

    hashes: Tensor
    idf: Tensor
    mean: Tensor
    scale: Tensor
    point: Tensor
    space: Tensor
    met: Tensor
    met_right: Tensor
    met_wrong: Tensor

    def __init__(self, entry: Mapping[str, Any]) -> None:
        super().__init__()
        self.info = TaskInfo.from_dict(entry["info"])
        self.method = str(entry["method"])
        self.by_candidate = self.info.kind in {"choice", "generation"}
        self.outputs = 1 if self.by_candidate else len(self.info.classes)
        buckets, self.dense = int(entry["buckets"]), int(entry["dense"])
        self.meant = MEANS if entry.get("means") else 0  # features of word vectors beside the dense ones
        dense = self.dense + self.meant
        self.register_buffer("hashes", torch.zeros(buckets, dtype=torch.int64))
        self.register_buffer("idf", torch.zeros(buckets))
        self.register_buffer("mean", torch.zeros(dense))
        self.register_buffer("scale", torch.ones(dense))
        if self.meant:
            self.register_buffer("space", torch.zeros(1, dtype=torch.int64))  # which vectors its weights belong to
        self.register_buffer("point", torch.zeros(1))  # 1: whole answers are written "5.0" in this data
        self.wide = RowTable(buckets + 1, self.outputs)
        self.small = bool(entry.get("small"))
        self.encoded = entry.get("encoder") == "sentence"
        self.by_words = bool(entry.get("by_words", True))
        self.width = 0 if self.by_candidate or self.small or self.encoded else (96 if self.outputs > 20 else 32)
        if self.width:
            self.bag = RowTable(buckets + 1, self.width, spread=1 / math.sqrt(self.width))
            self.deep = nn.Sequential(nn.LayerNorm(self.width), nn.ReLU(), nn.Dropout(0.4), nn.Linear(self.width, self.outputs))
        if self.encoded:
            self.sentence = nn.Sequential(nn.Dropout(0.5), nn.Linear(SENTENCE_WIDTH, self.outputs))
        self.matched = self.info.kind == "choice" and not self.small
        memory = int(entry.get("memory", 0))
        self.register_buffer("met", torch.zeros(memory, dtype=torch.int64))  # codes of the train side's options
        self.register_buffer("met_right", torch.zeros(memory))
        self.register_buffer("met_wrong", torch.zeros(memory))
        if self.matched:
            self.match = nn.Sequential(nn.Linear(MATCHES + REMEMBERED, 32), nn.ReLU(), nn.Dropout(0.1), nn.Linear(32, 1, bias=False))
        self.dense_wide = nn.Linear(dense, self.outputs, bias=False)
        nn.init.zeros_(self.dense_wide.weight)
        # Few rows are learned by heart where a network sees hundreds of columns of theirs; how two texts go together is not linear in them.
        self.seen = self.dense - (0 if self.by_candidate else int(entry.get("vectors", 0)))
        self.dense_deep = nn.Sequential(nn.Linear(self.seen, 32), nn.ReLU(), nn.Dropout(0.2), nn.Linear(32, self.outputs, bias=False))
        if entry.get("tuned"):
            self.tuned = nn.Linear(int(entry["tuned"]), self.outputs, bias=False)  # of an encoder whose last layers are learned on
        for last in self._last_layers():
            nn.init.zeros_(last.weight)  # at first the wide branch speaks alone
        self._weighed: WeakKeyDictionary[TaskData, WeighedRows] = WeakKeyDictionary()
        self._dense: WeakKeyDictionary[TaskData, np.ndarray] = WeakKeyDictionary()

    def _last_layers(self) -> list[nn.Linear]:
        branches = [self.dense_deep, *(getattr(self, name) for name in ("deep", "sentence") if hasattr(self, name))]
        return [*(branch[-1] for branch in branches), *([self.tuned] if hasattr(self, "tuned") else [])]

    # ------------------------------------------------------------------------------------------ statistics

    def fit_statistics(self, data: TaskData, trunk: TextTrunk) -> None:
        """Fill the index, idf and standardisation from the train side; the trunk's vectors are there already."""
        self._forget()
        found, rows = features(data, self.method), feature_rows(data, self.method)
        hashes, idf = index_of(data, self.method)
        self.hashes.copy_(torch.from_numpy(hashes))
        self.idf.copy_(torch.from_numpy(idf))
        if self.width:
            with torch.no_grad():
                self.bag.weight[:-1][self.idf == 0] = 0.0  # what only the validation side holds says nothing before the refit
        if self.meant:
            self.space.fill_(zlib.crc32(trunk.vectors.cpu().numpy().tobytes()))
        if len(rows):
            dense = self._dense_of(data, trunk)[rows]
            self.mean.copy_(torch.from_numpy(dense.mean(axis=0)))
            spread = dense.std(axis=0)
            deviation = np.where(spread > 1e-6, spread, 1.0)
            if found.vectors:  # hundreds of columns together weigh as much as a few others do
                deviation[self.dense - found.vectors : self.dense] *= math.sqrt(found.vectors)
            self.scale.copy_(torch.from_numpy(deviation))
            if found.vectors:
                self.scale[self.dense - found.vectors : self.dense] /= self._length(data, rows, found.vectors, trunk)
        start = self._start(data, rows, trunk)
        if start is not None:
            for weight, value in zip(self.started(), start, strict=True):
                weight.copy_(torch.from_numpy(value))
        if self.info.kind == "generation" and data.target is not None:
            answers = [str(data.target[row]) for row in data.rows("train")]
            self.point.fill_(float(sum(answer.endswith(".0") for answer in answers) > 0.5 * len(answers)))
        self._remember(data)

    def refit_statistics(self, data: TaskData, trunk: TextTrunk, before: Sequence[Tensor]) -> None:
        """Let the validation side count too: in the weights of words, the options met, and the start of the wide branch, beside what was learned since.

        `before`: what `started` gave after `fit_statistics`. A start whose setting cross-validation has chosen stays: that is not decided anew.
        """
        if self.small and not self.by_candidate and self.outputs <= FEW_CLASSES:
            return
        self._forget()
        self.idf.copy_(torch.from_numpy(index_of(data, self.method, *BOTH)[1]))
        after = self._start(data, feature_rows(data, self.method, *BOTH), trunk)
        for weight, old, new in zip(self.started(), before, after or (), strict=after is not None):
            weight.add_(torch.from_numpy(new).to(weight.device) - old.to(weight.device))
        self._remember(data, *BOTH)

    def _remember(self, data: TaskData, *sides: str) -> None:
        if self.matched:
            codes, right, wrong = remembered(data, *sides)
            self.met.copy_(torch.from_numpy(codes))
            self.met_right.copy_(torch.from_numpy(right))
            self.met_wrong.copy_(torch.from_numpy(wrong))

    def _length(self, data: TaskData, rows: np.ndarray, vectors: int, trunk: TextTrunk) -> float:
        """Of an encoder's columns together: for classes the one that rows left out like best, else the usual one."""
        if self.by_candidate or data.target is None:
            return MATCH_LENGTH
        dense, columns = self._standardised(self._dense_of(data, trunk)), slice(self.dense - vectors, self.dense)
        sizes, groups = (len(self.hashes), self.outputs), data.groups or data.example_ids
        return vector_length(self._weigh(data), dense, np.asarray(data.target), rows, sizes, vectors=columns, groups=groups)

    def _start(self, data: TaskData, rows: np.ndarray, trunk: TextTrunk) -> tuple[np.ndarray, ...] | None:
        """A regularised linear classifier of these feature rows, one array for each tensor of `started`."""
        if data.target is None or not len(rows) or self.info.kind == "generation":
            return None
        dense = self._standardised(self._dense_of(data, trunk))
        if self.info.kind == "choice":
            right = np.concatenate([np.arange(len(options)) == int(answer) for options, answer in zip(data.options or (), data.target, strict=True)])
            return (choice_start(dense, right, rows)[None],)
        sizes = (len(self.hashes), self.outputs)
        groups = (data.groups or data.example_ids) if self.small else None
        table, side, bias = linear_start(self._weigh(data), dense, np.asarray(data.target), rows, sizes, groups=groups)
        return side, table, bias

    def started(self) -> list[Tensor]:
        """What starts from a linear classifier, in place: the dense features' weights and, where there are no candidates, those of the buckets and the bias."""
        dense = self.dense_wide.weight.data
        return [dense] if self.by_candidate else [dense, self.wide.weight.data[:-1], self.wide.bias.data]

    def _dense_of(self, data: TaskData, trunk: TextTrunk) -> np.ndarray:
        """(feature rows, dense + meant): the dense features, and what the vectors of the words come to."""
        if data not in self._dense:
            dense = features(data, self.method).dense
            self._dense[data] = np.concatenate([dense, trunk.means(data)], axis=1) if self.meant else dense
        return self._dense[data]

    def _standardised(self, dense: np.ndarray) -> np.ndarray:
        clipped: np.ndarray = np.clip((dense - self.mean.cpu().numpy()) / self.scale.cpu().numpy(), -5, 5)
        clipped[:, self.dense :] *= MEANS_SCALE
        return clipped

    def _weigh(self, data: TaskData) -> WeighedRows:
        if data not in self._weighed:
            self._weighed[data] = weigh(features(data, self.method).sparse, self.hashes.cpu().numpy(), self.idf.cpu().numpy())
        return self._weighed[data]

    def _load_from_state_dict(self, *arguments: Any, **named: Any) -> None:
        super()._load_from_state_dict(*arguments, **named)
        self._forget()

    def _forget(self) -> None:
        self._weighed.clear()
        self._dense.clear()

    def optimizers(self, rate: float) -> list[torch.optim.Optimizer]:
        """Sparse tables and the rest by optimizers of their own; `rate` 2e-3 is the usual one."""
        factor = rate / 2e-3
        tables = [module for module in self.modules() if isinstance(module, RowTable)]
        biases = {id(table.bias) for table in tables}
        rest = [parameter for parameter in self.parameters() if id(parameter) not in biases]
        settled = self.small and not self.by_candidate  # a linear head chosen by cross-validation: few rows teach no more than it knows
        found: list[torch.optim.Optimizer] = [torch.optim.AdamW(rest, lr=(SETTLED if settled else 1.0) * 2e-3 * factor, weight_decay=0.05)]
        found.append(TableOptimizer([self.wide], lr=self._wide_rate() * factor))
        if self.width:
            found.append(TableOptimizer([self.bag], lr=BAG_RATE * factor))
        return found

    def _wide_rate(self) -> float:
        """A branch that starts from a solution moves little, and hardly at all where there are few rows."""
        if self.info.kind == "generation":
            return WIDE_RATE
        return SMALL_RATE if self.small else WIDE_RATE if self.by_candidate else STARTED_RATE

    # ---------------------------------------------------------------------------------------------- logits

    def _branches(self, data: TaskData, rows: np.ndarray, trunk: TextTrunk) -> tuple[Tensor, Tensor]:
        """(wide, deep): (feature rows, outputs) logits of each branch, to be added."""
        ids, values, offsets = (torch.from_numpy(part).to(self.mean.device) for part in self._weigh(data).take(rows))
        if self.training:
            values = values * (torch.rand_like(values) >= FEATURE_DROPOUT) / (1 - FEATURE_DROPOUT)
        dense = torch.from_numpy(self._dense_of(data, trunk)[rows]).to(self.mean.device)
        dense = ((dense - self.mean) / self.scale).clamp(-5, 5)
        if self.meant:
            dense = torch.cat([dense[:, : self.dense], MEANS_SCALE * dense[:, self.dense :]], dim=1)
        wide = self.dense_wide(dense)
        if self.by_words:
            wide = wide + self.wide(ids, offsets, values)
        deep = self.dense_deep(dense[:, : self.seen])
        if self.width:
            deep = deep + self.deep(self.bag(ids, offsets, values))
        return wide, deep

    def _scores(self, data: TaskData, rows: np.ndarray, trunk: TextTrunk) -> tuple[Tensor, Tensor]:
        """(wide, deep): (rows, classes or most candidates) logits; places without a candidate are impossible."""
        if not self.by_candidate:
            wide, deep = self._branches(data, rows, trunk)
            deep = deep + self._tuned(data, rows, trunk) if hasattr(self, "tuned") else deep
            return wide, deep + self.sentence(trunk.sentences(data, rows)) if self.encoded else deep
        starts = features(data, self.method).starts
        counts = starts[rows + 1] - starts[rows]
        width = max(int(counts.max(initial=0)), 1)
        flat = np.concatenate([np.arange(starts[row], starts[row + 1]) for row in rows])
        place = torch.from_numpy(np.concatenate([index * width + np.arange(count) for index, count in enumerate(counts)])).to(self.mean.device)
        wide, deep = self._branches(data, flat, trunk) if len(flat) else (self.wide.bias[:0, None], self.wide.bias[:0, None])
        if self.info.kind == "generation" and len(flat):
            wide = wide + self._common(data, flat, trunk)
        if self.matched and len(flat):
            deep = deep + self.match(torch.cat([trunk.matches(data, rows, counts), self._memory(data, rows)], dim=1))
        if hasattr(self, "tuned") and len(flat):
            deep = deep + self._tuned(data, rows, trunk)
        padded = []
        for branch in (wide, deep):
            empty = torch.full((len(rows) * width,), IMPOSSIBLE, device=self.mean.device)
            padded.append(empty.index_copy(0, place, branch[:, 0].float()).view(len(rows), width))
        return padded[0], padded[1]

    def _tuned(self, data: TaskData, rows: np.ndarray, trunk: TextTrunk) -> Tensor:
        """(feature rows, outputs): what the encoder says whose last layers are learned on."""
        assert trunk.encoder is not None
        out: Tensor = self.tuned(functional.dropout(trunk.encoder(data, rows, self.method), 0.1, self.training))
        return out

    def _common(self, data: TaskData, rows: np.ndarray, trunk: TextTrunk) -> Tensor:
        """(feature rows, 1): what the features say in every task of this form."""
        sparse = features(data, self.method).sparse
        hashes, _, offsets = WeighedRows(sparse.offsets, sparse.hashes, sparse.hashes).take(rows)
        values = torch.full((len(hashes),), COMMON_WEIGHT, device=self.mean.device)
        if self.training:
            values = values * (torch.rand_like(values) >= FEATURE_DROPOUT) / (1 - FEATURE_DROPOUT)
        out: Tensor = trunk.equations(torch.from_numpy(hashes % EQUATION_ROWS).to(self.mean.device), torch.from_numpy(offsets).to(self.mean.device), values)
        return out

    def _memory(self, data: TaskData, rows: np.ndarray) -> Tensor:
        """(candidates, REMEMBERED): how often the option was right and wrong on the train side, this row left out in training."""
        assert data.options is not None
        codes = self.met.cpu().numpy()
        wanted = np.asarray([code(option.strip().lower()) for row in rows for option in data.options[row]], np.int64)
        place = np.minimum(np.searchsorted(codes, wanted), max(len(codes) - 1, 0))
        known = codes[place] == wanted if len(codes) else np.zeros(len(wanted), bool)
        right, wrong = (np.where(known, part.cpu().numpy()[place], 0.0) if len(codes) else np.zeros(len(wanted)) for part in (self.met_right, self.met_wrong))
        if self.training and data.target is not None:
            own = np.concatenate([np.arange(len(data.options[row])) == int(data.target[row]) for row in rows])
            right, wrong = np.maximum(right - own, 0), np.maximum(wrong - ~own, 0)
        met = np.stack([np.log1p(right), np.log1p(wrong), (right + wrong) > 0], axis=1).astype(np.float32)
        return torch.from_numpy(met).to(self.mean.device)

    # ------------------------------------------------------------------------------------------------ loss

    def loss(self, data: TaskData, rows: np.ndarray, soft_targets: Tensor | None, trunk: TextTrunk) -> Tensor:
        """Loss of the sum of the branches, and of each branch alone with a smaller weight."""
        if self.info.kind == "generation":
            rows = rows[self._right(data, rows).any(axis=1)]
            if len(rows) == 0:
                return self.dense_wide.weight.sum() * 0.0
        wide, deep = self._scores(data, rows, trunk)
        target = self._target(data, rows, wide, soft_targets)
        total = _cross_entropy(_add(wide, deep), target)
        return total + BRANCH_WEIGHT * (_cross_entropy(wide, target) + _cross_entropy(deep, target))

    def _target(self, data: TaskData, rows: np.ndarray, scores: Tensor, soft: Tensor | None) -> Tensor:
        """(rows, classes or candidates) float32 mask or distribution."""
        if soft is not None:
            return soft.to(scores)
        if self.info.kind == "generation":
            return torch.from_numpy(self._right(data, rows).astype(np.float32)).to(scores)
        index = torch.as_tensor(np.asarray(data.target)[rows], dtype=torch.int64, device=scores.device)
        hard = functional.one_hot(index, scores.shape[1]).to(scores)
        if self.by_candidate or self.outputs > 20:
            return hard
        return hard * 0.9 + 0.1 / self.outputs

    def _right(self, data: TaskData, rows: np.ndarray) -> np.ndarray:
        """(rows, most candidates) bool: the candidate's value is the answer."""
        found = features(data, self.method)
        counts = found.starts[rows + 1] - found.starts[rows]
        right = np.zeros((len(rows), max(int(counts.max(initial=0)), 1)), bool)
        for index, row in enumerate(rows):
            answer = parse_number(str(data.target[row])) if data.target is not None else None
            if answer is not None and found.values is not None:
                values = found.values[found.starts[row] : found.starts[row + 1]]
                right[index, : len(values)] = [same(value, answer) for value in values]
        return right

    # ------------------------------------------------------------------------------------------ prediction

    def predict(self, data: TaskData, rows: np.ndarray, trunk: TextTrunk) -> Prediction:
        """Answers of these rows; call in evaluation mode."""
        with torch.no_grad():
            wide, deep = self._scores(data, rows, trunk)
            log_probs = functional.log_softmax(_add(wide, deep).double(), dim=1).float().cpu().numpy()
        if self.info.kind == "generation":
            return self._numbers(data, rows, np.exp(log_probs))
        best = log_probs.argmax(axis=1)
        answers = [str(place) for place in best] if self.by_candidate else [self.info.classes[place] for place in best]
        return Prediction(answers=answers, confidence=np.exp(log_probs.max(axis=1)), log_probs=log_probs)

    def _numbers(self, data: TaskData, rows: np.ndarray, probs: np.ndarray) -> Prediction:
        """The value with most probability over all equations that give it; an empty answer where a text holds no number."""
        found = features(data, self.method)
        answers, confidence = [], np.zeros(len(rows), np.float32)
        for index, row in enumerate(rows):
            weights: dict[float, float] = {}
            assert found.values is not None
            for value, prob in zip(found.values[found.starts[row] : found.starts[row + 1]], probs[index], strict=False):
                weights[round(float(value), 6)] = weights.get(round(float(value), 6), 0.0) + float(prob)
            best = max(weights, key=lambda value: weights[value], default=None)
            answers.append("" if best is None else written(best, point=bool(self.point.item())))
            confidence[index] = 0.0 if best is None else min(weights[best], 1.0)
        return Prediction(answers=answers, confidence=confidence)


def _add(wide: Tensor, deep: Tensor) -> Tensor:
    return torch.clamp(wide + deep, min=IMPOSSIBLE)


def _cross_entropy(scores: Tensor, target: Tensor) -> Tensor:
    """Cross-entropy with a distribution; a 0/1 mask with several ones asks for their joint probability."""
    logs = functional.log_softmax(scores, dim=1)
    if bool((target.sum(dim=1) > 1.001).any()):
        return -torch.logsumexp(logs + torch.log(target.clamp(min=1e-12)), dim=1).mean()
    return -(target * logs.clamp(min=-50)).sum(dim=1).mean()
