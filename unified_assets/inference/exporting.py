"""A predictor in; its networks as TorchScript or ONNX files, each checked against what the predictor itself answers, out."""

import json
import logging
import re
import warnings
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from importlib.util import find_spec
from pathlib import Path
from typing import Any

import numpy as np

from unified_assets.core.contracts import TaskInfo
from unified_assets.core.errors import DataError, InvalidSetting
from unified_assets.inference.predictor import Predictor

FORMS = ("torchscript", "onnx")
ONNX_PACKAGES = ("onnx", "onnxscript", "onnxruntime")
TOLERANCE = 1e-3  # of log probabilities, between the file and the model
ABOUT = "model.json"  # inside a TorchScript file; the same text stands in an ONNX file's metadata


class NotExportable(DataError):
    """A model, or a task of it, is more than a network; or the format lacks what it computes."""

    def __init__(self, *, model: str, why: str) -> None:
        self.model, self.why = model, why
        super().__init__(f"{model} cannot be exported: {why}.")


def export(predictor: Predictor, file: Path, *, form: str, task: str | None) -> list[tuple[Path, str]]:
    """Write each task that can be; returns (file, what goes in and comes out). Raises NotExportable where none can, or the one asked for."""
    if form not in FORMS:
        raise InvalidSetting(source="export", field="format", value=form, problem="no such format", fix=f"Choose one of {', '.join(FORMS)}.")
    if form == "onnx" and any(find_spec(name) is None for name in ONNX_PACKAGES):
        raise NotExportable(model=predictor.spec.name, why=f"ONNX needs more packages: `pip install {' '.join(ONNX_PACKAGES)}`")
    wanted = [info for info in predictor.tasks if task in {None, info.task}]
    if not wanted:
        names = ", ".join(info.task for info in predictor.tasks)
        raise InvalidSetting(source="export", field="task", value=task, problem=f"{predictor.spec.name} has no such task", fix=f"Choose one of {names}.")
    graphs, reasons = list(_graphs(predictor, wanted)), dict(_reasons(predictor, wanted))
    if not graphs:
        raise NotExportable(model=predictor.spec.name, why="; ".join(sorted(set(reasons.values()))))
    file.parent.mkdir(parents=True, exist_ok=True)
    written = []
    for one in graphs:
        target = file if len(graphs) == 1 else file.with_name(f"{file.stem}-{re.sub(r'[^0-9A-Za-z_.-]', '_', one.info.task)}{file.suffix}")
        try:
            written.append((target, _write(predictor, one, target, form)))
        except NotExportable as error:
            reasons[one.info.task] = error.why
        finally:
            draft(target).unlink(missing_ok=True)
    if not written:
        raise NotExportable(model=predictor.spec.name, why="; ".join(sorted(set(reasons.values()))))
    return written + [(Path(name), f"not exported: {why}") for name, why in sorted(reasons.items())]


@dataclass(frozen=True, kw_only=True)
class Graph:
    """A task, the module that computes it, and the role whose encoded arrays that module reads."""

    info: TaskInfo
    module: Any
    role: str


def _graphs(predictor: Predictor, tasks: Sequence[TaskInfo]) -> Iterator[Graph]:
    from unified_assets.learners.media_graphs_torch import graph_of

    for info in tasks:
        module, role = graph_of(predictor.learner, info.task)
        if module is not None:
            yield Graph(info=info, module=module.eval(), role=role)


def _reasons(predictor: Predictor, tasks: Sequence[TaskInfo]) -> Iterator[tuple[str, str]]:
    from unified_assets.learners.media_graphs_torch import graph_of

    for info in tasks:
        graph, why = graph_of(predictor.learner, info.task)
        if graph is None:
            yield info.task, why


def _write(predictor: Predictor, graph: Graph, file: Path, form: str) -> str:
    encoder = predictor.spec.encoders[graph.role]
    shapes = {name: encoder.arrays[name] for name in graph.module.inputs}
    inputs = {name: f"{np.dtype(dtype).name} (batch, {', '.join(map(str, shape))})" for name, (dtype, shape) in shapes.items()}
    output = f"log probabilities (batch, {len(graph.info.classes)})"
    made_by = f"{encoder.name} {encoder.version}"
    told = {"model": predictor.spec.name, "task": graph.info.task, "classes": list(graph.info.classes), "encoder": made_by, "inputs": inputs, "output": output}
    examples = {count: [_example(dtype, shape, count) for dtype, shape in shapes.values()] for count in (2, 3)}
    write = _torchscript if form == "torchscript" else _onnx
    write(predictor.spec.name, graph.module, examples, file, json.dumps(told))
    shown = ", ".join(f"{name} {shape}" for name, shape in inputs.items())
    return f"{graph.info.task}: {shown} as the encoder {made_by} makes them → {output}"


def draft(file: Path) -> Path:
    """Where a file is made before it is known to be right."""
    return file.with_name(f".{file.name}.tmp")


def _example(dtype: str, shape: Sequence[int], count: int) -> Any:
    """Arrays of any content: what is compared is the file with the model."""
    import torch

    values = np.random.default_rng(7).random((count, *shape))
    return torch.from_numpy((values * 255 if np.dtype(dtype) == np.uint8 else values).astype(dtype))


def _torchscript(model: str, graph: Any, examples: dict[int, list[Any]], file: Path, about: str) -> None:
    import torch

    with torch.no_grad(), warnings.catch_warnings():
        warnings.simplefilter("ignore")  # that it is traced, and that newer ways exist
        script: Any = torch.jit
        traced = script.trace(graph, tuple(examples[2]), check_trace=False)
        temporary = draft(file)
        script.save(traced, str(temporary), _extra_files={ABOUT: about})
        loaded = script.load(str(temporary))
        _compare(model, "TorchScript", {count: loaded(*given) for count, given in examples.items()}, graph, examples)
    temporary.replace(file)


def _onnx(model: str, graph: Any, examples: dict[int, list[Any]], file: Path, about: str) -> None:
    import onnx  # type: ignore[import-not-found, unused-ignore]
    import onnxruntime  # type: ignore[import-not-found, import-untyped, unused-ignore]
    import torch

    logging.getLogger("torch.onnx").setLevel(logging.ERROR)
    temporary = draft(file)
    shapes = tuple({0: torch.export.Dim("batch", min=1, max=4096)} for _ in graph.inputs)
    names: dict[str, Any] = {"input_names": list(graph.inputs), "output_names": ["log_probs"]}
    with torch.no_grad(), warnings.catch_warnings():
        warnings.simplefilter("ignore")
        try:
            program: Any = torch.onnx.export(graph, tuple(examples[2]), dynamo=True, dynamic_shapes=shapes, verbose=False, **names)
        except torch.onnx.errors.OnnxExporterError as error:
            why = " ".join(str(error.__cause__ or error).split())[:200]
            raise NotExportable(model=model, why=f"ONNX lacks something it computes ({why}); `--format torchscript` has it") from error
        program.save(str(temporary), external_data=False)
    made = onnx.load(str(temporary))
    made.metadata_props.add(key=ABOUT, value=about)
    onnx.checker.check_model(made)
    session = onnxruntime.InferenceSession(made.SerializeToString(), providers=["CPUExecutionProvider"])
    fed = {count: {name: value.numpy() for name, value in zip(graph.inputs, given, strict=True)} for count, given in examples.items()}
    _compare(model, "ONNX", {count: torch.from_numpy(session.run(None, values)[0]) for count, values in fed.items()}, graph, examples)
    onnx.save(made, str(temporary))
    temporary.replace(file)


def _compare(model: str, form: str, told: dict[int, Any], graph: Any, examples: dict[int, list[Any]]) -> None:
    """A file that answers otherwise than the model is not delivered."""
    import torch

    with torch.no_grad():
        worst = max(float((graph(*given) - told[count]).abs().max()) for count, given in examples.items())
    if not worst <= TOLERANCE:
        raise NotExportable(model=model, why=f"its {form} file answers otherwise than the model (log probabilities {worst:.2g} apart)")
