"""What the text tasks of a model share: word vectors of all their training texts, a sentence encoder, a matcher of two texts."""

from collections.abc import Mapping, Sequence
from typing import Any
from weakref import WeakKeyDictionary

import numpy as np
import torch
from torch import Tensor, nn
from torch.nn import functional

from unified_assets.core.contracts import TaskData
from unified_assets.learners.text_features import role
from unified_assets.learners.text_grams import words
from unified_assets.learners.text_tables_torch import RowTable, TableOptimizer
from unified_assets.learners.text_tokens import AFFIXES, FAR, LONGEST, Tokens, code, number, tokenize
from unified_assets.learners.text_tuned_torch import TunedLayers
from unified_assets.learners.text_vectors import WIDTH, fit_vectors, own_counts, shared_vectors, vocabulary

FILTERS = 96
AFFIX_WIDTH, NEAR_WIDTH = 16, 8
TOKEN_WIDTH = WIDTH + 2 * AFFIX_WIDTH + 2 * NEAR_WIDTH
SENTENCE_WIDTH = 4 * FILTERS + 2 * TOKEN_WIDTH
MATCHES = 13
MEANS = 2 * WIDTH
STEM_LIMIT, OPTION_LIMIT = 40, 24
WORD_DROPOUT = 0.25
SIDE_RATE = 0.3  # of the usual rate: thousands of pairs of words do not determine two matrices
EQUATION_ROWS = 1 << 18
EQUATION_RATE = 50.0  # of the usual rate


class TextTrunk(nn.Module):
    """`sentences`: (k, SENTENCE_WIDTH) of single texts; `matches`: (candidates, MATCHES) of stems and options."""

    codes: Tensor
    weights: Tensor
    vectors: Tensor

    def __init__(self, vocabulary_size: int, *, equations: bool = False, tuned: Mapping[str, Any] | None = None) -> None:
        """`tuned`: the blueprint's entry for the last layers of a pretrained encoder, where they are learned on."""
        super().__init__()
        self.encoder = None if tuned is None else TunedLayers(tuned)
        self.register_buffer("codes", torch.zeros(vocabulary_size, dtype=torch.int64))
        self.register_buffer("weights", torch.zeros(vocabulary_size + 1))  # of a word in a mean: frequent words weigh little
        self.register_buffer("vectors", torch.zeros(vocabulary_size + 1, WIDTH))
        self.tuned = RowTable(vocabulary_size + 1, WIDTH)
        self.prefix, self.suffix = RowTable(AFFIXES, AFFIX_WIDTH, spread=0.3), RowTable(AFFIXES, AFFIX_WIDTH, spread=0.3)
        self.equations = RowTable(EQUATION_ROWS if equations else 1, 1)  # what word problems of all tasks have in common
        self.near = nn.Embedding(2 * FAR + 2, NEAR_WIDTH)
        self.single, self.triple = nn.Conv1d(TOKEN_WIDTH, FILTERS, 1), nn.Conv1d(TOKEN_WIDTH, FILTERS, 3, padding=1)
        self.cause, self.effect = nn.Linear(WIDTH, WIDTH, bias=False), nn.Linear(WIDTH, WIDTH, bias=False)
        for side in (self.cause, self.effect):
            nn.init.eye_(side.weight)
        self._tokens: WeakKeyDictionary[TaskData, Tokens] = WeakKeyDictionary()
        self._pairs: WeakKeyDictionary[TaskData, tuple[np.ndarray, np.ndarray]] = WeakKeyDictionary()

    def fit_statistics(self, tasks: Sequence[TaskData]) -> None:
        """Word vectors of all training texts of these tasks, or those that models share, in order of code; an encoder's layers as they are."""
        encoders = [data.sentence_vectors for data in tasks if data.sentence_vectors is not None]
        if self.encoder is not None and encoders:
            self.encoder.fit_statistics(encoders[0])
        if not len(self.codes):
            return
        shared, names = shared_vectors(tasks), vocabulary(tasks)
        order = sorted(range(len(names)), key=lambda place: code(names[place]))
        counts = np.asarray(own_counts(tasks, names) if shared is None else shared.counts, np.float64)
        share = counts[order] / max(counts.sum(), 1)
        vectors = (fit_vectors(tasks, names) if shared is None else shared.vectors)[order]
        choices = [data for data in tasks if data.info.kind == "choice"]  # news and intents spend dimensions on what tells no cause from another
        matched = fit_vectors(choices, names)[order] if choices and (shared is not None or len(choices) < len(tasks)) else vectors
        self.codes.copy_(torch.tensor([code(names[place]) for place in order], dtype=torch.int64))
        self.weights[1:] = torch.from_numpy((1e-3 / (1e-3 + share)).astype(np.float32))
        self.vectors[1:] = torch.from_numpy(matched)
        self.tuned.weight[1:] = torch.from_numpy(vectors)
        self._forget()

    def _forget(self) -> None:
        self._tokens.clear()
        self._pairs.clear()

    def _load_from_state_dict(self, *arguments, **named) -> None:  # type: ignore[no-untyped-def] # noqa: ANN002, ANN003 - torch's own signature
        super()._load_from_state_dict(*arguments, **named)
        self._forget()

    def optimizers(self, rate: float) -> list[torch.optim.Optimizer]:
        """Tables by Adagrad, the rest by AdamW."""
        tables = [self.tuned, self.prefix, self.suffix]
        biases = {id(table.bias) for table in (*tables, self.equations)}
        layers = {id(value) for value in self.encoder.parameters()} if self.encoder is not None else set()
        rest = [parameter for parameter in self.parameters() if id(parameter) not in biases | layers]
        shared = TableOptimizer([self.equations], lr=EQUATION_RATE * rate)
        sides = {id(self.cause.weight), id(self.effect.weight)}
        groups: list[dict[str, Any]] = [
            {"params": [parameter for parameter in rest if id(parameter) not in sides]},
            {"params": [self.cause.weight, self.effect.weight], "lr": SIDE_RATE * rate},
            *([] if self.encoder is None else [self.encoder.group(rate)]),
        ]
        return [torch.optim.AdamW(groups, lr=rate, weight_decay=0.05), TableOptimizer(tables, lr=10 * rate), shared]

    # ------------------------------------------------------------------------------------------- sentences

    def sentences(self, data: TaskData, rows: np.ndarray, *, token_dropout: float = 0.1) -> Tensor:
        """Largest response over the sentence and between the marked spans, and the tokens of the spans."""
        tokens = self._tokens.get(data)
        if tokens is None:
            tokens = self._tokens[data] = tokenize(role(data, *data.texts), self.codes.cpu().numpy())
        device = self.vectors.device
        longest = max(int(tokens.length[rows].max(initial=1)), 3)
        ids, prefix, suffix, near = (torch.from_numpy(part[rows][:, :longest]).to(device) for part in (tokens.words, tokens.prefix, tokens.suffix, tokens.near))
        if self.training:
            ids = ids * (torch.rand(ids.shape, device=device) >= token_dropout)
        inputs = torch.cat([self.tuned.look_up(ids), self.prefix.look_up(prefix), self.suffix.look_up(suffix), self.near(near).flatten(2)], dim=2)
        there = torch.arange(longest, device=device) < torch.from_numpy(tokens.length[rows]).to(device)[:, None]
        inputs = inputs * there[:, :, None]
        channels = inputs.transpose(1, 2)
        response = torch.cat([self.single(channels), self.triple(channels)], dim=1).relu()  # (k, 2 filters, longest)
        spans = torch.from_numpy(tokens.spans[rows]).to(device).clamp(max=longest - 1)
        marked = spans.flatten(1).any(dim=1)
        place = torch.arange(longest, device=device)
        low, high = spans.flatten(1).min(dim=1).values, spans.flatten(1).max(dim=1).values
        between = (place >= low[:, None]) & (place <= high[:, None]) & marked[:, None]
        whole = (response * there[:, None]).amax(dim=2)
        middle = (response * between[:, None]).amax(dim=2)
        index = torch.arange(len(rows), device=device)
        ends = torch.cat([inputs[index, spans[:, 0, 1]], inputs[index, spans[:, 1, 1]]], dim=1) * marked[:, None]
        return torch.cat([whole, middle, ends], dim=1)

    # --------------------------------------------------------------------------------------------- matches

    def means(self, data: TaskData) -> np.ndarray:
        """(rows, MEANS) float32: weighted mean and maximum of the vectors of a text's words; zeros where it has no known word."""
        numbers, _ = number([words(text) for text in role(data, *data.texts)], self.codes.cpu().numpy(), LONGEST)
        vectors, weights = self.vectors.cpu().numpy(), self.weights.cpu().numpy()
        out = np.zeros((len(data), MEANS), np.float32)
        for row, places in enumerate(numbers):
            known = places[places > 0]
            if len(known):
                found, weight = vectors[known], weights[known]
                out[row] = np.concatenate([weight @ found / weight.sum(), found.max(axis=0)])
        return out

    def matches(self, data: TaskData, rows: np.ndarray, counts: np.ndarray) -> Tensor:
        """How the words of stem and option go together, as given and as cause and effect; rows with `counts` candidates each."""
        if data not in self._pairs:
            codes = self.codes.cpu().numpy()
            stems, _ = number([words(text) for text in role(data, "premise", "context", "question", "text")], codes, STEM_LIMIT)
            options, _ = number([words(option) for options in data.options or () for option in options], codes, OPTION_LIMIT)
            self._pairs[data] = stems, options
        stems, options = self._pairs[data]
        choices = data.options or ()
        device = self.vectors.device
        starts = np.concatenate([[0], np.cumsum([len(part) for part in choices])])
        flat = np.concatenate([np.arange(starts[row], starts[row + 1]) for row in rows])
        asked = data.texts.get("direction")
        backwards = torch.tensor([asked is not None and asked[row] == "cause" for row in rows for _ in choices[row]])
        left = torch.from_numpy(np.repeat(stems[rows], counts, axis=0)).to(device)
        right = torch.from_numpy(options[flat]).to(device)
        one, two = self.vectors[left], self.vectors[right]
        weight_one, weight_two = self.weights[left], self.weights[right]
        if self.training:  # no pair of words may be learned by heart
            weight_one = weight_one * (torch.rand_like(weight_one) >= WORD_DROPOUT)
            weight_two = weight_two * (torch.rand_like(weight_two) >= WORD_DROPOUT)
        plain = functional.normalize(one, dim=2) @ functional.normalize(two, dim=2).transpose(1, 2)
        given = _summary(plain, weight_one, weight_two)
        forward = self.cause(one) @ self.effect(two).transpose(1, 2)
        backward = self.effect(one) @ self.cause(two).transpose(1, 2)
        directed = torch.where(backwards.to(device)[:, None, None], backward, forward) / WIDTH**0.5
        learned = _summary(directed, weight_one, weight_two)
        means = [_mean(vectors, weights) for vectors, weights in ((one, weight_one), (two, weight_two))]
        cosine = functional.cosine_similarity(means[0], means[1], dim=1)[:, None]
        return torch.cat([given, learned, cosine, 2 * cosine**2, (weight_two.sum(dim=1) / OPTION_LIMIT)[:, None]], dim=1)


def _mean(vectors: Tensor, weights: Tensor) -> Tensor:
    return (vectors * weights[:, :, None]).sum(dim=1) / weights.sum(dim=1, keepdim=True).clamp(min=1e-6)


def _summary(scores: Tensor, one: Tensor, two: Tensor) -> Tensor:
    """(k, 5) of (k, words, words) scores: weighted mean, largest, each side's best match by weight, spread of the best."""
    there = (one > 0)[:, :, None] & (two > 0)[:, None, :]
    both = one[:, :, None] * two[:, None, :]
    mean = (scores * both).sum(dim=(1, 2)) / both.sum(dim=(1, 2)).clamp(min=1e-6)
    masked = scores.masked_fill(~there, -1e4)
    best_one = masked.amax(dim=2).clamp(min=-10) * (one > 0)
    best_two = masked.amax(dim=1).clamp(min=-10) * (two > 0)
    first = (best_one * one).sum(dim=1) / one.sum(dim=1).clamp(min=1e-6)
    second = (best_two * two).sum(dim=1) / two.sum(dim=1).clamp(min=1e-6)
    peak = (masked * both.sqrt()).masked_fill(~there, -1e4).amax(dim=(1, 2)).clamp(min=-10)
    return torch.stack([mean, peak, first, second, first * second], dim=1)
