"""A training state in, a checkpoint folder out, and back. No pickle: tensors in safetensors, all else in JSON.

`<folder>/round_0003/` holds weights.safetensors (learner), average.safetensors, best.safetensors, optimizer.safetensors
(with torch's random state) and state.json, which is written last and names every file with its size and hash. A folder
appears by one rename; the newest two are kept. Beside them lies what the weights of some learners start from, for their refit.
"""

import json
import os
import platform
import shutil
import time
from collections.abc import Callable, Mapping
from dataclasses import asdict
from pathlib import Path
from typing import Any

import numpy as np

from unified_assets.core.errors import CorruptCheckpoint
from unified_assets.training.state import Progress, TrainingState, copied

KEPT = 2
STATE = "state.json"
START = "start.safetensors"
RANDOM = "torch_random"


def folder_of(home: Path, round_index: int) -> Path:
    """Where the checkpoint of a round lies."""
    return home / f"round_{round_index:04d}"


def newest(home: Path) -> int | None:
    """The newest round with a checkpoint that can be read back, or None. One that cannot is set aside."""
    for folder in sorted(home.glob("round_*"), reverse=True):
        try:
            verify(folder)
        except CorruptCheckpoint:
            shutil.rmtree(folder, ignore_errors=True)
            continue
        return int(folder.name.removeprefix("round_"))
    return None


def verify(folder: Path) -> dict[str, Any]:
    """The content of state.json. Raises CorruptCheckpoint where a file is missing, cut or changed."""
    try:
        state: dict[str, Any] = json.loads((folder / STATE).read_text(encoding="utf-8"))
        for name, (size, digest) in state["files"].items():
            if (folder / name).stat().st_size != size or _hash(folder / name) != digest:
                raise CorruptCheckpoint(path=folder, problem=f"{name} is not what was written")
    except (OSError, ValueError, KeyError, TypeError) as error:
        raise CorruptCheckpoint(path=folder, problem=f"{type(error).__name__}: {error}") from error
    return state


def progress(folder: Path) -> Progress:
    """How far a checkpoint is. Raises CorruptCheckpoint."""
    try:
        return Progress(**json.loads((folder / STATE).read_text(encoding="utf-8"))["progress"])
    except (OSError, ValueError, KeyError, TypeError) as error:
        raise CorruptCheckpoint(path=folder, problem=f"{type(error).__name__}: {error}") from error


def save(state: TrainingState, home: Path, *, reuse_best: bool) -> Path:
    """Write the checkpoint of the round the state is at; `reuse_best` links the best weights of the checkpoint before."""
    from safetensors.torch import save_file

    home.mkdir(parents=True, exist_ok=True)
    target = folder_of(home, state.progress.round_index)
    attempt = home / f".tmp-{platform.node()}-{os.getpid()}-{time.monotonic_ns()}"
    attempt.mkdir()
    save_file(state.weights(), str(attempt / "weights.safetensors"))
    if state.average:
        save_file(copied({str(place): value for place, value in enumerate(state.average)}), str(attempt / "average.safetensors"))
    before = folder_of(home, state.progress.round_index - 1) / "best.safetensors"
    if reuse_best and before.is_file():
        os.link(before, attempt / "best.safetensors")
    else:
        save_file(copied(state.best), str(attempt / "best.safetensors"))
    tensors, groups = _optimizers_out(state.optimizers)
    save_file({**tensors, RANDOM: state.torch_random.clone()}, str(attempt / "optimizer.safetensors"))
    files = {path.name: (path.stat().st_size, _hash(path)) for path in sorted(attempt.iterdir())}
    record = {"progress": asdict(state.progress), "generator": state.generator.bit_generator.state, "groups": groups, "files": files}
    (attempt / STATE).write_text(json.dumps(record), encoding="utf-8")
    if target.exists():  # left by a process that died before it could go on from it
        shutil.rmtree(target)
    attempt.rename(target)
    _prune(home)
    return target


def load(folder: Path, make: Callable[[], tuple[Any, list[Any]]]) -> TrainingState:
    """The state as it was saved. `make` builds a fresh learner and its optimizers. Raises CorruptCheckpoint."""
    from safetensors import SafetensorError
    from safetensors.torch import load_file

    record = verify(folder)
    learner, optimizers = make()
    try:
        learner.load_state_dict(load_file(str(folder / "weights.safetensors")))
        tensors = load_file(str(folder / "optimizer.safetensors"))
        torch_random = tensors.pop(RANDOM)
        _optimizers_in(optimizers, tensors, record["groups"])
        average = load_file(str(folder / "average.safetensors")) if (folder / "average.safetensors").is_file() else {}
        generator = np.random.default_rng()
        generator.bit_generator.state = record["generator"]
        state = TrainingState(
            learner=learner,
            optimizers=optimizers,
            average=[],
            best=load_file(str(folder / "best.safetensors")),
            progress=Progress(**record["progress"]),
            generator=generator,
            torch_random=torch_random,
        )
        if average:
            ordered = [average[str(place)] for place in range(len(average))]
            state.average = [_laid_out_as(like, value) for like, value in zip(state.moving(), ordered, strict=True)]
    except (OSError, SafetensorError, RuntimeError, ValueError, KeyError, TypeError) as error:
        raise CorruptCheckpoint(path=folder, problem=f"{type(error).__name__}: {error}") from error
    return state


def write_start(home: Path, started: Mapping[str, Any]) -> None:
    """Keep what a learner's weights start from, for its refit."""
    from safetensors.torch import save_file

    home.mkdir(parents=True, exist_ok=True)
    attempt = home / f".tmp-{START}-{os.getpid()}"
    save_file(copied(started), str(attempt))
    attempt.rename(home / START)


def read_start(home: Path) -> dict[str, Any]:
    """What `write_start` kept. Raises CorruptCheckpoint."""
    from safetensors import SafetensorError
    from safetensors.torch import load_file

    try:
        return load_file(str(home / START))
    except (OSError, SafetensorError) as error:
        raise CorruptCheckpoint(path=home / START, problem=f"{type(error).__name__}: {error}") from error


def stamp(folder: Path) -> str | None:
    """Identifies what is in a checkpoint folder; None where there is none. A cache of the process holds while it is unchanged."""
    try:
        status = (folder / STATE).stat()
    except FileNotFoundError:
        return None
    return f"{folder}:{status.st_ino}:{status.st_mtime_ns}:{status.st_size}"


def _optimizers_out(optimizers: list[Any]) -> tuple[dict[str, Any], list[Any]]:
    """Tensors named optimizer.parameter.key, and the rest (groups, plain values of states) as JSON."""
    import torch

    tensors: dict[str, Any] = {}
    records: list[Any] = []
    for place, optimizer in enumerate(optimizers):
        content = optimizer.state_dict()
        plain: dict[str, dict[str, Any]] = {}
        for parameter, values in content["state"].items():
            for key, value in values.items():
                if torch.is_tensor(value):
                    tensors[f"{place}.{parameter}.{key}"] = value.detach().cpu().contiguous().clone()
                else:
                    plain.setdefault(str(parameter), {})[key] = value
        records.append({"groups": content["param_groups"], "plain": plain})
    return tensors, records


def _optimizers_in(optimizers: list[Any], tensors: Mapping[str, Any], records: list[Any]) -> None:
    states: list[dict[int, dict[str, Any]]] = [{int(name): dict(values) for name, values in record["plain"].items()} for record in records]
    for name, value in tensors.items():
        place, parameter, key = name.split(".", 2)
        states[int(place)].setdefault(int(parameter), {})[key] = value
    for optimizer, state, record in zip(optimizers, states, records, strict=True):
        groups = [{key: tuple(value) if isinstance(value, list) and key != "params" else value for key, value in group.items()} for group in record["groups"]]
        optimizer.load_state_dict({"state": state, "param_groups": groups})
        for parameter, values in optimizer.state.items():
            values.update({key: _laid_out_as(parameter, value) for key, value in values.items() if getattr(value, "shape", None) == parameter.shape})


def _laid_out_as(like: Any, value: Any) -> Any:
    """The tensor with the strides of another: files know none, and by its strides a convolution chooses how it adds, so its last bits."""
    import torch

    with torch.no_grad():
        return torch.empty_like(like, dtype=value.dtype, device=value.device).copy_(value)


def _hash(path: Path) -> str:
    import xxhash

    with path.open("rb") as stream:
        return xxhash.xxh3_64(memoryview(stream.read())).hexdigest()


def _prune(home: Path) -> None:
    for old in sorted(home.glob("round_*"))[:-KEPT]:
        shutil.rmtree(old, ignore_errors=True)
    for leftover in home.glob(".tmp-*"):  # one process trains a model: whoever made them is dead
        shutil.rmtree(leftover, ignore_errors=True)
