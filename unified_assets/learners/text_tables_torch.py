"""A big table of rows of which a batch needs few: bags of rows are summed, and only the rows that were read are updated.

The table asks for no gradient of its own: none is ever as big as itself, averaging and clipping pass it by, and a step costs
what the batch holds. Its optimizer is Adagrad (Duchi et al. 2011) with one accumulator a row.
"""

from collections.abc import Iterable
from typing import Any

import torch
from torch import Tensor, nn
from torch.nn import functional

EPSILON = 1e-8


class RowTable(nn.Module):
    """`forward`: (ids, offsets, values) of k bags → (k, width) weighted sums of rows, plus a bias."""

    squares: Tensor
    bias_squares: Tensor

    def __init__(self, rows: int, width: int, *, spread: float = 0.0) -> None:
        super().__init__()
        first = torch.randn(rows, width) * spread if spread else torch.zeros(rows, width)
        self.weight = nn.Parameter(first, requires_grad=False)
        self.register_buffer("squares", torch.zeros(rows))
        self.bias = nn.Parameter(torch.zeros(width))
        self.register_buffer("bias_squares", torch.zeros(width))
        self._pending: list[tuple[Tensor, Tensor]] = []

    def forward(self, ids: Tensor, offsets: Tensor, values: Tensor) -> Tensor:
        """Sums of rows; in training the rows read are noted for `update`."""
        if len(ids) == 0:
            return self.bias.expand(len(offsets), -1)
        if not (self.training and torch.is_grad_enabled()):
            return functional.embedding_bag(ids, self.weight, offsets, mode="sum", per_sample_weights=values) + self.bias
        used, place = torch.unique(ids, return_inverse=True)
        active = self.weight[used].requires_grad_()
        self._pending.append((used, active))
        return functional.embedding_bag(place, active, offsets, mode="sum", per_sample_weights=values) + self.bias

    def look_up(self, ids: Tensor) -> Tensor:
        """Single rows: ids of any shape → (*shape, width)."""
        if not (self.training and torch.is_grad_enabled()):
            return self.weight[ids] + self.bias
        used, place = torch.unique(ids, return_inverse=True)
        active = self.weight[used].requires_grad_()
        self._pending.append((used, active))
        return active[place] + self.bias

    @torch.no_grad()
    def update(self, rate: float) -> None:
        """One Adagrad step of the rows read since the last one; a gradient that is not finite is dropped."""
        for used, active in self._pending:
            if active.grad is None or not bool(torch.isfinite(active.grad).all()):
                continue
            squares = self.squares[used] + active.grad.square().mean(dim=1)
            self.squares[used] = squares
            self.weight.data.index_add_(0, used, active.grad / (squares.sqrt() + EPSILON)[:, None], alpha=-rate)
        self._pending.clear()
        if self.bias.grad is not None:
            self.bias_squares += self.bias.grad.square()
            self.bias.data -= rate * self.bias.grad / (self.bias_squares.sqrt() + EPSILON)

    def forget(self) -> None:
        """Drop noted rows without an update."""
        self._pending.clear()

    def _load_from_state_dict(self, *arguments: Any, **named: Any) -> None:
        super()._load_from_state_dict(*arguments, **named)
        self._pending.clear()


class TableOptimizer(torch.optim.Optimizer):
    """Steps the tables given; all it keeps stands in their buffers."""

    def __init__(self, tables: Iterable[RowTable], lr: float) -> None:
        self.tables = tuple(tables)
        super().__init__([table.bias for table in self.tables], {"lr": lr})

    @torch.no_grad()
    def step(self, closure: Any = None) -> None:  # type: ignore[override]
        """Update every table at the present rate."""
        assert closure is None
        for table in self.tables:
            table.update(float(self.param_groups[0]["lr"]))

    def zero_grad(self, set_to_none: bool = True) -> None:
        """Forget gradients that were not stepped."""
        super().zero_grad(set_to_none=set_to_none)
        for table in self.tables:
            table.forget()
