"""A task's fixed features in; a linear classifier fitted at once, and how much a network counts beside it, out.

Ridge regression on the classes, in its dual form. How strongly it is held back, and how sure its answers are, is decided by rows
that are left out (the residuals of leaving out come in closed form: Allen 1974), all rows of a group together: a speaker, a film.
A network counts only as far as the validation part says: where it shows no clear gain there, the linear classifier is the head.
Validation rows are answered by a fit that left them out, all others by one of both parts. A network that peers have taught on
unlabelled pairs has seen more than the labels: it counts unless the linear classifier is clearly better.

Vectors of a pretrained encoder stand beside the fixed features, as a block with a weight of its own: rows of the training part that are
left out choose it, nothing among the choices. Validation rows then tell what the vectors gave: the same fit once without them.
"""

import math
from collections.abc import Callable, Sequence
from typing import Any

import numpy as np
import torch
from torch import Tensor, nn
from torch.nn import functional

from unified_assets.core.contracts import TaskData
from unified_assets.learners.media_modules_torch import in_batches

BATCH = 128
MOST_ROWS = 1500  # of the training part, evenly spread: the fit costs their third power
MOST_CHECKED = 300  # ... and of the validation part
STRENGTHS = tuple(10.0 ** (power / 2) for power in range(-6, 7))  # times the mean square of a row
SCALES = tuple(2.0 ** (power / 2) for power in range(-4, 13))  # of one-hot regressions as logits
BLIND = (10.0,)  # ... where a class is of one group: its rows are much alike, and leaving one of them out tells nothing
OFFSET = 3.0  # the constant feature beside rows of length 1: an intercept that is hardly held back
UNSEEN = -8.0  # logit of a class without rows, beside cosines
VECTOR_SHARES = (0.0, 0.5, 1.0, 2.0, 4.0, 8.0)  # of a pretrained encoder's vectors together, beside all fixed features
SHARES = (1 / 2, 2 / 3, 1 / 3, 5 / 6, 1.0)  # of the network in a mix, the preferred ones first
SURENESS = (0.5, 0.75, 1.0, 1.5, 2.0, 3.0)  # both weights of a mix together
NETWORK_ALONE, LINEAR_ALONE = (1.0, 0.0), (0.0, 1.0)
APART = 2.0  # standard errors by which a share must be worse than the best to be passed over: the linear part will have more rows than it had here
CLEAR, FEW = 1.0, 4  # standard errors by which validation rows must be likelier with the network than without; of so few rows, twice as many


class Reference(nn.Module):
    """Standardised features → log-probabilities. All of it are buffers: nothing here is learned by steps.

    `mix` holds the weights of the network's and of its own log-probabilities in the answers; (1, 0) until it is fitted.
    """

    mean: Tensor
    deviation: Tensor
    weight: Tensor
    bias: Tensor
    whole_weight: Tensor
    whole_bias: Tensor
    mix: Tensor
    taught: Tensor
    share: Tensor
    gave: Tensor

    def __init__(self, features: int, classes: int, vectors: int = 0) -> None:
        """`vectors`: columns of a pretrained encoder, the last ones, besides `features` fixed ones."""
        super().__init__()
        self.fixed, features = features, features + vectors
        if vectors:
            self.register_buffer("share", torch.ones(()))  # weight of the vectors
            self.register_buffer("gave", torch.full((2,), float("nan")))  # right answers to validation rows, without the vectors and with them
        self.register_buffer("mean", torch.zeros(features))
        self.register_buffer("deviation", torch.ones(features))
        self.register_buffer("weight", torch.zeros(features, classes))
        self.register_buffer("bias", torch.zeros(classes))
        self.register_buffer("whole_weight", torch.zeros(features, classes))
        self.register_buffer("whole_bias", torch.zeros(classes))
        self.register_buffer("mix", torch.tensor(NETWORK_ALONE))
        self.register_buffer("taught", torch.zeros(()))  # 1: the network has learned from peers' answers

    @property
    def is_fitted(self) -> bool:
        """Whether it has seen rows of two classes."""
        return bool(self.bias.any())

    @torch.no_grad()
    def fit(self, features: Tensor, target: Tensor, groups: Tensor, train: int) -> None:
        """The first `train` rows are the training part, the rest is for validation.

        features: (rows, features), target: (rows,) classes, groups: (rows,) numbers of what belongs together.
        """
        if len(torch.unique(target[:train])) < 2:
            return
        self.mean.copy_(features[:train].mean(dim=0))
        self.deviation.copy_(features[:train].std(dim=0, unbiased=False) + 1e-3 * features[:train].std() + 1e-6)
        classes = self.weight.shape[1]
        learned = self._learned(features, target, groups, train)
        x = self._rows(features).double()
        whole = learned if train == len(x) else _ridge(x, target, groups, classes)[1]
        for (weight, bias), coefficients in (((self.weight, self.bias), learned), ((self.whole_weight, self.whole_bias), whole)):
            weight.copy_(coefficients[:-1])
            bias.copy_(coefficients[-1] * OFFSET)
        self.mix.copy_(torch.tensor(LINEAR_ALONE))

    def forward(self, features: Tensor, validation: np.ndarray | None = None) -> Tensor:
        """features: (batch, features), validation: (batch,) of bool, rows of that part → (batch, classes) log-probabilities."""
        x = self._rows(features)[:, :-1]
        whole = (x @ self.whole_weight + self.whole_bias).log_softmax(dim=1)
        if validation is None or not validation.any():
            return whole
        return torch.where(torch.from_numpy(validation).to(x.device)[:, None], (x @ self.weight + self.bias).log_softmax(dim=1), whole)

    def _learned(self, features: Tensor, target: Tensor, groups: Tensor, train: int) -> Tensor:
        """Coefficients of a fit to the training part, and the weight of the vectors with it."""
        classes = self.weight.shape[1]
        if self.fixed == features.shape[1]:
            return _ridge(self._rows(features).double()[:train], target[:train], groups[:train], classes)[1]
        blind = _is_blind(target[:train], groups[:train])
        found = dict[float, tuple[float, Tensor]]()
        for share in (0.0, 1.0) if blind else VECTOR_SHARES:
            self.share.fill_(share)
            found[share] = _ridge(self._rows(features).double()[:train], target[:train], groups[:train], classes)
        best = 1.0 if blind else min(found, key=lambda share: found[share][0])
        if train < len(features):
            for place, share in enumerate((0.0, best)):
                self.share.fill_(share)
                said = self._rows(features).double()[train:] @ found[share][1]
                self.gave[place] = (said.argmax(dim=1) == target[train:]).float().mean()
        self.share.fill_(best)
        return found[best][1]

    def encoder_gave(self) -> tuple[float, float] | None:
        """Shares of right answers to validation rows by a fit without an encoder's vectors and by one with them; None where neither was measured."""
        without, beside = self.gave.tolist() if hasattr(self, "gave") else (float("nan"),) * 2
        return None if math.isnan(without) else (without, beside)

    def _rows(self, features: Tensor) -> Tensor:
        x = ((features - self.mean) / self.deviation).clamp(-5, 5)
        fixed, vectors = x[:, : self.fixed] / self.fixed**0.5, x[:, self.fixed :]
        if vectors.shape[1]:
            fixed = torch.cat([fixed, vectors * (self.share / vectors.shape[1] ** 0.5)], dim=1)
        return functional.pad(fixed, (0, 1), value=OFFSET)

    @torch.no_grad()
    def settle(self, network: Tensor, linear: Tensor, target: Tensor) -> None:
        """Choose the mix by what both say of validation rows: (rows, classes) log-probabilities, (rows,) classes.

        Of the network's shares that are not clearly worse than the best, the one that SHARES prefers: few rows tell shares apart
        badly, and equal ones do no harm (as in the one-standard-error rule of Breiman et al. 1984). Surer answers alone are no gain.
        Where peers have taught the network, the preference is the other way round.
        """
        taught = bool(self.taught)
        place = torch.arange(len(target), device=target.device)

        def likeliest(share: float) -> tuple[Tensor, tuple[float, float]]:
            mixes = [(share * sure, (1 - share) * sure) for sure in SURENESS]
            return max(((mixed(network, linear, mix)[place, target], mix) for mix in mixes), key=lambda found: float(found[0].mean()))

        found = [likeliest(share) for share in (sorted(SHARES, reverse=True) if taught else SHARES)]
        best = max((likely for likely, _ in found), key=lambda likely: float(likely.mean()))
        chosen, mix = next((likely, mix) for likely, mix in found if not _is_clear(best - likely, APART))
        gain, errors = chosen - likeliest(0.0)[0], CLEAR * (1 + FEW / len(target))
        counts = not _is_clear(-gain, errors) if taught else _is_clear(gain, errors)
        self.mix.copy_(torch.tensor(mix if counts else LINEAR_ALONE))

    def weights(self) -> tuple[float, float]:
        """What the network's and the linear classifier's log-probabilities count."""
        network, linear = self.mix.tolist()
        return network, linear

    def _load_from_state_dict(self, state: dict[str, Any], prefix: str, *rest: Any) -> None:
        for name, value in self.named_buffers():
            state.setdefault(prefix + name, value)  # models made before there was one answer by their network
        super()._load_from_state_dict(state, prefix, *rest)


class Prototypes(Reference):
    """Vectors of unit length → log-probabilities by their cosine to the mean of each class (prototypical networks: Snell, Swersky and Zemel 2017).

    Where a network has laid out classes well, a few rows a class say where they lie; a regression would fit what sets these rows apart.
    """

    @property
    def is_fitted(self) -> bool:
        """Whether it has seen rows of two classes."""
        return bool(self.weight.any())

    @torch.no_grad()
    def fit(self, features: Tensor, target: Tensor, groups: Tensor, train: int) -> None:  # noqa: ARG002 - as of any reference
        """See `Reference.fit`; what belongs together does not count apart."""
        if len(torch.unique(target[:train])) < 2:
            return
        classes = self.weight.shape[1]
        for (weight, bias), count in (((self.weight, self.bias), train), ((self.whole_weight, self.whole_bias), len(target))):
            found, seen = _prototypes(features[:count], target[:count], classes)
            weight.copy_(found)
            bias.copy_(torch.where(seen, 0.0, UNSEEN))
        self.mix.copy_(torch.tensor(LINEAR_ALONE))

    def _rows(self, features: Tensor) -> Tensor:
        return functional.pad(features, (0, 1), value=OFFSET)


def _prototypes(x: Tensor, target: Tensor, classes: int) -> tuple[Tensor, Tensor]:
    """(features, classes) directions of the classes' means at the scale that fits rows best that are left out; (classes,) which have rows."""
    member = functional.one_hot(target, classes).to(x.dtype)
    sums = member.T @ x
    means = functional.normalize(sums, dim=1)
    rest = functional.normalize(sums[target] - x, dim=1)  # of a row's own class, the row left out
    cosine = torch.where(member.bool(), (rest * x).sum(dim=1, keepdim=True), x @ means.T)
    seen = member.any(dim=0)
    doubt = classes / (len(x) + classes)
    likely = [float(functional.cross_entropy((scale * cosine)[:, seen], seen.cumsum(0)[target] - 1, label_smoothing=doubt)) for scale in SCALES]
    return means.T * SCALES[int(np.argmin(likely))], seen


def _is_clear(gain: Tensor, errors: float) -> bool:
    """Whether a mean gain over rows is larger than so many of its standard errors."""
    error = float(gain.std()) / len(gain) ** 0.5 if len(gain) > 1 else float("inf")
    return float(gain.mean()) > errors * error


def mixed(network: Tensor, linear: Tensor, mix: tuple[float, float]) -> Tensor:
    """(batch, classes) log-probabilities of both, weighed and normalised."""
    return (mix[0] * network + mix[1] * linear).log_softmax(dim=1)


def answers(mix: tuple[float, float], network: Callable[[], Tensor], linear: Callable[[], Tensor]) -> Tensor:
    """(batch, classes) log-probabilities; what does not count is not computed."""
    if mix[1] == 0.0:
        return network().log_softmax(dim=1)
    return linear() if mix[0] == 0.0 else mixed(network(), linear(), mix)


def head_name(mix: tuple[float, float]) -> str:
    """What answers, in words."""
    return "network" if mix[1] == 0.0 else "linear" if mix[0] == 0.0 else "network + linear"


def fit_reference(reference: Reference, data: TaskData, features: Callable[[np.ndarray], Tensor]) -> None:
    """Fit to a task's training and validation parts. features(rows): (k, features) of at most BATCH rows."""
    train = _spread(data.rows("train"), MOST_ROWS)
    if data.target is None or not len(train):
        return
    rows = np.concatenate([train, _spread(data.rows("valid"), MOST_CHECKED)])
    names = data.groups or data.example_ids
    _, groups = np.unique([names[row] for row in rows], return_inverse=True)
    values = in_batches(rows, BATCH, features, 0)
    target = torch.as_tensor(np.asarray(data.target, np.int64)[rows], device=values.device)
    reference.fit(values, target, torch.as_tensor(groups, device=values.device), len(train))


def settle_reference(reference: Reference, data: TaskData, log_probs: Callable[[np.ndarray, tuple[float, float]], Tensor]) -> None:
    """Settle by a task's validation part. log_probs(rows, mix): (k, classes). Without such rows: linear alone, or the network if it was taught."""
    rows = _spread(data.rows("valid"), MOST_CHECKED)
    if data.target is None or not reference.is_fitted:
        return
    if not len(rows):
        reference.mix.copy_(torch.tensor(NETWORK_ALONE if bool(reference.taught) else LINEAR_ALONE))
        return
    linear = log_probs(rows, LINEAR_ALONE)
    reference.settle(log_probs(rows, NETWORK_ALONE), linear, torch.as_tensor(np.asarray(data.target, np.int64)[rows], device=linear.device))


def _spread(rows: np.ndarray, most: int) -> np.ndarray:
    return rows if len(rows) <= most else rows[np.linspace(0, len(rows) - 1, most).astype(np.int64)]


def _is_blind(target: Tensor, groups: Tensor) -> bool:
    """Whether a class is of one group."""
    return any(len(torch.unique(groups[target == name])) < 2 for name in torch.unique(target))


def _ridge(x: Tensor, target: Tensor, groups: Tensor, classes: int) -> tuple[float, Tensor]:
    """Mean square error on rows left out; (features, classes) coefficients of logits: of the strength with the least, at the scale that fits these best."""
    wanted = functional.one_hot(target, classes).to(x.dtype)
    values, vectors = torch.linalg.eigh(x @ x.T)
    inside = vectors.T @ wanted
    unit = float(x[:, :-1].square().sum(dim=1).mean())
    blind = _is_blind(target, groups)
    together = [place for number in torch.unique(groups) if len(place := torch.nonzero(groups == number)[:, 0]) > 1]
    best: tuple[float, Tensor, Tensor] | None = None
    for strength in BLIND if blind else STRENGTHS:
        shrunk = 1 / (values.clamp(min=0) + strength * unit + 1e-9)
        dual = vectors @ (shrunk[:, None] * inside)
        left = _left_out(vectors, shrunk, dual, () if blind else together)
        error = float(left.square().mean())
        if best is None or error < best[0]:
            best = error, dual, wanted - left
    assert best is not None
    doubt = classes / (len(x) + classes)  # rule of succession: few rows, all of them right, prove no certainty
    likely = [float(functional.cross_entropy(scale * best[2], target, label_smoothing=doubt)) for scale in SCALES]
    coefficients: Tensor = x.T @ best[1] * SCALES[int(np.argmin(likely))]
    return best[0], coefficients


def _left_out(vectors: Tensor, shrunk: Tensor, dual: Tensor, together: Sequence[Tensor]) -> Tensor:
    """(rows, classes) what is wanted less what is answered where the row's group is not learned from."""
    residual: Tensor = dual / (vectors.square() @ shrunk)[:, None]
    for block in together:
        part = vectors[block]
        residual[block] = torch.linalg.solve((part * shrunk) @ part.T, dual[block])
    return residual
