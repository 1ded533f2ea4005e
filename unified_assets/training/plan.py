"""Members, preset and machine in; `plan.json` out: rounds, threads, devices and seeds of every model, fixed for the run.

The first step of a run writes it under a lock, the others read it: threads change the last bits of a result, so they are not
decided anew by whoever resumes.
"""

import fcntl
import json
import os
from collections.abc import Callable, Mapping, Sequence
from dataclasses import asdict, dataclass, replace
from pathlib import Path
from typing import Any

from unified_assets.compute.inventory import Inventory
from unified_assets.core.contracts import ModelSpec, Needs
from unified_assets.core.errors import DeviceNotAvailable, InsufficientResources
from unified_assets.core.presets import Preset
from unified_assets.store.local import write_text
from unified_assets.training import word_vectors
from unified_assets.training.inputs import seed_of
from unified_assets.training.pretrained import named

ENCODER_GIB = 0.7  # an encoder of some twenty million weights at work, with its library
LAYERS_GIB = 0.5  # layers of it that are learned on: gradients, moments, averages and the best weights
GUESSED_STEP_S = {True: 0.15, False: 0.02}  # of a model with media and of one with texts only, before a round was measured
GUESSED_EXAMPLE_S = {True: 0.0, False: 0.002}  # ... and of its preparation: features of texts, and the linear classifiers that heads start from


@dataclass(frozen=True, kw_only=True)
class ModelPlan:
    """How one model trains. `device` is `cpu` or `cuda`; `work_s` is a first guess of its whole training, for the queue."""

    model: str
    rounds: int
    cores: int
    threads: int
    device: str
    memory_gib: float
    gpu_memory_gib: float
    seed: int
    learning_rate: float
    priority: int
    work_s: float
    spec_version: str


@dataclass(frozen=True, kw_only=True)
class Plan:
    """How a run trains."""

    run: str
    preset: Preset
    models: Mapping[str, ModelPlan]
    champions: Mapping[str, str | None]
    cores: int
    memory_gib: float
    word_vectors: str | None = None  # key of those that models share; None where that channel is off or no model reads any

    @property
    def memory_of(self) -> dict[str, float]:
        """GiB of every member: the run is admitted as a whole."""
        return {name: model.memory_gib for name, model in self.models.items()}


def make_plan(
    run_dir: Path,
    *,
    models: Mapping[str, Any],
    preset: Preset,
    inventory: Inventory,
    specs: Mapping[str, ModelSpec],
    champions: Mapping[str, Path | None] | None = None,
    texts: Mapping[str, Path] | None = None,
    torch_has_cuda: Callable[[], bool] | None = None,
) -> Plan:
    """The run's plan; made and written if this is the first step to ask. A model that joins the run late is added to it.

    `models`: member -> its TaskCounts. `texts`: model -> the dataset whose training texts make the shared word vectors.
    Raises InsufficientResources or DeviceNotAvailable for what cannot be had here.
    """
    run_dir.mkdir(parents=True, exist_ok=True)
    path = run_dir / "plan.json"
    descriptor = os.open(run_dir / ".plan.lock", os.O_RDWR | os.O_CREAT | os.O_CLOEXEC, 0o644)
    try:
        fcntl.flock(descriptor, fcntl.LOCK_EX)
        known = read_plan(run_dir).models if path.is_file() else {}
        if not models.keys() <= known.keys() or not path.is_file():
            usable = _torch_has_cuda if torch_has_cuda is None else torch_has_cuda
            late = {name: counts for name, counts in models.items() if name not in known}
            made = {name: _plan_model(specs[name], counts, preset, inventory, members=len(models), cuda=usable) for name, counts in late.items()}
            plans = dict(sorted({**known, **made}.items()))
            pinned = {name: None if folder is None else str(folder) for name, folder in sorted((champions or {}).items())}
            key = word_vectors.key_of(texts) if texts and "vectors" in preset.exchange else None
            plan = Plan(
                run=run_dir.name,
                preset=preset,
                models=plans,
                champions=pinned,
                cores=inventory.cores,
                memory_gib=inventory.memory_gib,
                word_vectors=key,
            )
            write_text(path, json.dumps(_as_dict(plan), indent=1) + "\n")
    finally:
        os.close(descriptor)
    return read_plan(run_dir)


def read_plan(run_dir: Path) -> Plan:
    """The plan of a run."""
    value = json.loads((run_dir / "plan.json").read_text(encoding="utf-8"))
    models = {name: ModelPlan(**model) for name, model in value.pop("models").items()}
    value.pop("members")
    return Plan(models=models, preset=Preset.model_validate(_tuples(value.pop("preset"))), **value)


def steps_in_epoch(model: str, sizes: Mapping[str, int], preset: Preset) -> int:
    """Steps of one model in an epoch: its batches, but enough of them to learn from few files and no more than the cap."""
    batches = sum(-(-size // preset.batch_size) for size in sizes.values())
    fewest, most = preset.step_bounds(model)
    return min(most, max(fewest, batches))


def train_sizes(counts: Any) -> dict[str, int]:
    """Task -> training examples, from a TaskCounts."""
    tasks = counts.tasks if hasattr(counts, "tasks") else counts
    return {name: int(sides["train"]) for name, sides in tasks.items()}


def refuse_what_never_fits(
    models: Sequence[str],
    *,
    preset: Preset,
    inventory: Inventory,
    specs: Mapping[str, ModelSpec],
    torch_has_cuda: Callable[[], bool] | None = None,
) -> None:
    """Raise InsufficientResources or DeviceNotAvailable for a model that this machine can never train so, before a file is read."""
    for name in models:
        needs = _needs(specs[name], preset)
        _threads(name, needs, inventory, len(models))
        _device(name, needs, preset.device, inventory, torch_has_cuda or _torch_has_cuda)
        if needs.memory_gib > inventory.memory_gib:
            fix = f"Lower `needs: {{{name}: {{memory_gib: …}}}}` in the preset, or leave the model out of `target_models`."
            raise InsufficientResources(model=name, resource="memory", needed=needs.memory_gib, available=round(inventory.memory_gib, 2), unit="GiB", fix=fix)


def _needs(spec: ModelSpec, preset: Preset) -> Needs:
    needs = spec.needs
    if named(spec, preset) is not None:
        learned = LAYERS_GIB if spec.pretrained == "text" and preset.pretrained_layers else 0.0
        needs = replace(needs, memory_gib=needs.memory_gib + ENCODER_GIB + learned)
    return preset.needs[spec.name].applied(needs) if spec.name in preset.needs else needs


def _plan_model(spec: ModelSpec, counts: Any, preset: Preset, inventory: Inventory, *, members: int, cuda: Callable[[], bool]) -> ModelPlan:
    needs = _needs(spec, preset)
    threads = _threads(spec.name, needs, inventory, members)
    sizes, media = train_sizes(counts), bool(spec.encoders)
    steps = steps_in_epoch(spec.name, sizes, preset) * preset.epochs
    return ModelPlan(
        model=spec.name,
        rounds=preset.rounds,
        cores=threads,
        threads=threads,
        device=_device(spec.name, needs, preset.device, inventory, cuda),
        memory_gib=needs.memory_gib,
        gpu_memory_gib=needs.gpu_memory_gib,
        seed=seed_of(preset.seed, spec.name),
        learning_rate=preset.learning_rate.get(spec.name, spec.learning_rate),
        priority=preset.priority.get(spec.name, 0),
        work_s=steps * GUESSED_STEP_S[media] + sum(sizes.values()) * GUESSED_EXAMPLE_S[media],
        spec_version=spec.version,
    )


def _threads(model: str, needs: Needs, inventory: Inventory, members: int) -> int:
    """One core each while there are more models than cores (1.7 times faster than all cores for one model after another)."""
    most = inventory.cores_at_once
    if needs.min_cores > most:
        fix = f"Set `needs: {{{model}: {{min_cores: {most}}}}}` in the preset, or give this process more cores (affinity, cgroup quota)."
        raise InsufficientResources(model=model, resource="CPU", needed=needs.min_cores, available=most, unit="cores", fix=fix)
    return min(most, max(needs.min_cores, min(needs.max_cores, inventory.cores // max(1, members))))


def _device(model: str, needs: Needs, wanted: str, inventory: Inventory, cuda: Callable[[], bool]) -> str:
    if wanted == "cpu":
        return "cpu"
    largest = max((gpu.memory_gib for gpu in inventory.gpus), default=0.0)
    usable = bool(inventory.gpus) and cuda()
    if wanted == "auto":
        return "cuda" if usable and needs.gpu_memory_gib <= largest else "cpu"
    if not inventory.gpus:
        raise DeviceNotAvailable(model=model, device=wanted, found="no GPU is visible to this process")
    if not usable:
        raise DeviceNotAvailable(model=model, device=wanted, found="this build of torch has no CUDA")
    if needs.gpu_memory_gib > largest:
        fix = f"Lower `needs: {{{model}: {{gpu_memory_gib: …}}}}` in the preset, or train it on the CPU with `device: cpu`."
        raise InsufficientResources(model=model, resource="GPU memory", needed=needs.gpu_memory_gib, available=round(largest, 2), unit="GiB", fix=fix)
    return "cuda"


def _torch_has_cuda() -> bool:
    """Whether this torch was built for CUDA; touches no device, so that processes forked later can still use it."""
    import torch

    return torch.version.cuda is not None


def _as_dict(plan: Plan) -> dict[str, Any]:
    models = {name: asdict(model) for name, model in plan.models.items()}
    rest = {"champions": dict(plan.champions), "cores": plan.cores, "memory_gib": plan.memory_gib, "word_vectors": plan.word_vectors}
    return {"run": plan.run, "members": sorted(models), "preset": plan.preset.model_dump(mode="json"), "models": models, **rest}


def _tuples(values: Mapping[str, Any]) -> dict[str, Any]:
    return {key: tuple(value) if isinstance(value, list) else value for key, value in values.items()}
