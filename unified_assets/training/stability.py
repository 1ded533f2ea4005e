"""A round that may go wrong in; one that ended well out. Divergence halves the learning rate, lack of memory the batch.

Every attempt starts from the round's checkpoint, so that nothing of a bad one stays.
"""

import math
from collections.abc import Callable
from dataclasses import dataclass
from typing import TypeVar

from unified_assets.core.errors import Diverged, ResourceError

RETRIES = 3
EXPLODED = 100.0  # times its running mean
MEMORY_WORDS = ("out of memory", "can't allocate memory", "cannot allocate memory", "defaultcpuallocator")
GPU_FAILED = "CUDA error"
T = TypeVar("T")


class OutOfMemory(ResourceError):
    """Memory ran out with one example at a time."""

    def __init__(self, *, model: str, round_index: int) -> None:
        self.model, self.round_index = model, round_index
        super().__init__(
            f"{model} ran out of memory in round {round_index} even with one example at a time. "
            "Train fewer models at a time (`target_models`), end other programs, or use a machine with more memory."
        )


class DeviceLost(ResourceError):
    """A GPU failed while it computed."""

    def __init__(self, *, model: str, round_index: int, problem: str) -> None:
        self.model, self.round_index, self.problem = model, round_index, problem
        super().__init__(
            f"the GPU failed in round {round_index} of {model}: {problem}. When it is back, `unified-assets train --resume` goes on from the last round; "
            "without it, `unified-assets train` with `device: cpu` in the preset."
        )


class NotFinite(ArithmeticError):
    """The loss or its gradient is not finite, or exploded."""

    def __init__(self, *, task: str, step: int, value: float) -> None:
        self.task, self.step, self.value = task, step, value
        super().__init__(f"loss of {task} is {value:g} at step {step}")


@dataclass(kw_only=True)
class LossWatch:
    """Follows the losses of a round."""

    steps: int = 0
    mean: float = 0.0

    def see(self, task: str, value: float) -> None:
        """Raise NotFinite for a loss that is not finite or far above its running mean."""
        if not math.isfinite(value) or (self.steps >= 20 and value > EXPLODED * (abs(self.mean) + 1.0)):
            raise NotFinite(task=task, step=self.steps, value=value)
        self.steps += 1
        self.mean += (value - self.mean) / min(self.steps, 100)


def stable(attempt: Callable[[float, int], T], *, model: str, round_index: int, batch_size: int, log: Callable[[str], None]) -> T:
    """Call `attempt(learning_rate_factor, cuts_of_a_batch)` until it ends well.

    Raises Diverged after three halvings of the rate, OutOfMemory where a batch of one does not fit, DeviceLost where a GPU failed.
    """
    factor, cuts, failures = 1.0, 1, 0
    while True:
        try:
            return attempt(factor, cuts)
        except NotFinite as error:
            if failures == RETRIES:
                raise Diverged(model=model, round_index=round_index, retries=RETRIES) from error
            failures, factor = failures + 1, factor / 2
            log(f"round {round_index}: {error}; back to its checkpoint with {factor:g} of the learning rate")
        except (MemoryError, RuntimeError) as error:
            if not is_out_of_memory(error):
                if GPU_FAILED in str(error):
                    raise DeviceLost(model=model, round_index=round_index, problem=" ".join(str(error).split())[:200]) from error
                raise
            cuts *= 2
            if cuts > batch_size:
                raise OutOfMemory(model=model, round_index=round_index) from error
            log(f"round {round_index}: out of memory; back to its checkpoint with batches in {cuts} parts")


def is_out_of_memory(error: BaseException) -> bool:
    """Whether an error of Python, of torch's CPU allocator or of CUDA says that memory ran out."""
    return isinstance(error, MemoryError) or any(word in str(error).lower() for word in MEMORY_WORDS)
