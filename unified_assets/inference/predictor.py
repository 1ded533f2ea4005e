"""A final folder (weights.safetensors, model.json) in; a predictor that answers for every task an item fits out."""

import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np

from unified_assets.core import plugins
from unified_assets.core.contracts import Encoder, Learner, ModelSpec, Prediction, PretrainedVectors, TaskData, TaskInfo
from unified_assets.core.errors import CorruptCheckpoint, InvalidSetting
from unified_assets.inference.pretrained import vectors_of, with_vectors
from unified_assets.inference.reading import OPTIONS, Reading, read_items

SHOWN = 5  # classes whose probability is told


@dataclass(frozen=True, kw_only=True)
class Predictor:
    """A trained model. `predict` is all it does; nothing is written anywhere."""

    spec: ModelSpec
    tasks: tuple[TaskInfo, ...]
    learner: Learner
    dataset: str
    vectors: PretrainedVectors | None = None

    def predict(self, items: Sequence[Any], task: str | None = None) -> list[dict[str, Any]]:
        """One dict an item: task, answer, confidence of the surest answer, and `answers`, one for each task the item fits.

        An item is a path, the bytes of a file, a text, or a dict role → value (`path` for a file in whatever role it fills,
        `options` for a choice). `task` asks for one task only. What cannot be read or fits no task gives {"error", "detail"}.
        """
        wanted = [info for info in self.tasks if task is None or info.task == task]
        if not wanted:
            names = ", ".join(info.task for info in self.tasks)
            raise InvalidSetting(source="predict", field="task", value=task, problem=f"{self.spec.name} has no such task", fix=f"Choose one of {names}.")
        readings = read_items(self.spec, items)
        answers: list[list[dict[str, Any]]] = [[] for _ in items]
        for info in wanted:
            fitting = [(index, inputs) for index, reading in enumerate(readings) if (inputs := self._inputs(info, reading)) is not None]
            if fitting:
                told = self._answer(info, [inputs for _, inputs in fitting])
                for (index, _), answer in zip(fitting, told, strict=True):
                    answers[index].append(answer)
        return [self._result(reading, found) for reading, found in zip(readings, answers, strict=True)]

    def _result(self, reading: Reading, answers: list[dict[str, Any]]) -> dict[str, Any]:
        if reading.error is not None:
            return {"error": reading.error, "detail": reading.detail}
        if not answers:
            have = sorted({*reading.media, *reading.texts, *(["options"] if reading.options else [])})
            return {"error": "fits_no_task", "detail": f"has {', '.join(have) or 'nothing'}; tasks take {self._roles()}"}
        best = max(answers, key=lambda answer: answer["confidence"])
        return {"task": best["task"], "answer": best["answer"], "confidence": best["confidence"], "answers": answers}

    def _roles(self) -> str:
        return "; ".join(sorted({" + ".join(info.roles) for info in self.tasks}))

    def _inputs(self, info: TaskInfo, reading: Reading) -> Reading | None:
        """The item as this task's inputs, or None where it lacks one."""
        if reading.error is not None or (info.kind == "choice" and not reading.options):
            return None
        media, texts = {}, {}
        spoken = [role for role in info.roles if role not in OPTIONS and self._media_role(role) is None]
        for role in info.roles:
            found = self._media_role(role)
            if found is not None:
                if found not in reading.media:
                    return None
                media[found] = reading.media[found]
        for role in spoken:
            text = reading.texts.get(role, reading.texts.get("text") if len(spoken) == 1 else None)
            if text is None:
                return None
            texts[role] = text
        return Reading(media=media, texts=texts, options=reading.options)

    def _media_role(self, role: str) -> str | None:
        """The role under which a media input reaches this model; None for a text. A model that hears gets a video's sound."""
        if role in self.spec.encoders:
            return role
        return self.spec.derived.get("video.sound") if role == "video" else None

    def _answer(self, info: TaskInfo, inputs: Sequence[Reading]) -> list[dict[str, Any]]:
        prediction = self.learner.predict(self._data(info, inputs), np.arange(len(inputs), dtype=np.int64))
        return [_told(info, prediction, row, reading.options) for row, reading in enumerate(inputs)]

    def _data(self, info: TaskInfo, inputs: Sequence[Reading]) -> TaskData:
        count = len(inputs)
        roles = sorted({role for reading in inputs for role in reading.media})
        arrays = {f"{role}:{self.spec.encoders[role].name}": _stacked(inputs, role, self.spec.encoders[role]) for role in roles}
        spoken = sorted({role for reading in inputs for role in reading.texts})
        data = TaskData(
            info=info,
            example_ids=tuple(str(index) for index in range(count)),
            texts={role: [reading.texts[role] for reading in inputs] for role in spoken},
            media={role: (f"{role}:{self.spec.encoders[role].name}", np.arange(count, dtype=np.int64)) for role in roles},
            arrays=arrays,
            target=None,
            split=np.full(count, "test"),
            options=[reading.options for reading in inputs] if info.kind == "choice" else None,
            groups=("",) * count,
        )
        return with_vectors((data,), self.vectors)[0]


def load(folder: Path) -> Predictor:
    """Read a final folder. Raises CorruptCheckpoint for one that is not whole, InvalidSetting for a model this program lacks."""
    try:
        described: dict[str, Any] = json.loads((folder / "model.json").read_text(encoding="utf-8"))
        name, infos = described["model"], tuple(TaskInfo.from_dict(value) for value in described["tasks"])
        blueprint, dataset, vectors = described["blueprint"], str(described.get("dataset", "")), vectors_of(described)
    except (OSError, ValueError, KeyError, TypeError) as error:
        raise CorruptCheckpoint(path=folder, problem=f"model.json: {type(error).__name__}: {error}") from error
    spec = plugins.models().get(name)
    if spec is None:
        fix = f"Known are {', '.join(plugins.models())}; install the package that offers it."
        raise InvalidSetting(source=str(folder), field="model", value=name, problem="no such model here", fix=fix)
    return Predictor(spec=spec, tasks=infos, learner=_learner(spec, blueprint, folder), dataset=dataset, vectors=vectors)


def _learner(spec: ModelSpec, blueprint: Mapping[str, Any], folder: Path) -> Learner:
    from safetensors import SafetensorError
    from safetensors.torch import load_file

    try:
        learner: Any = spec.build(blueprint)
        learner.load_state_dict(load_file(str(folder / "weights.safetensors")))
    except (OSError, ValueError, KeyError, TypeError, RuntimeError, SafetensorError) as error:
        raise CorruptCheckpoint(path=folder, problem=f"{type(error).__name__}: {error}") from error
    learner.eval()
    built: Learner = learner
    return built


def _stacked(inputs: Sequence[Reading], role: str, encoder: Encoder) -> dict[str, np.ndarray]:
    return {name: np.stack([reading.media[role][name] for reading in inputs]).astype(dtype) for name, (dtype, _) in encoder.arrays.items()}


def _told(info: TaskInfo, prediction: Prediction, row: int, options: Sequence[str]) -> dict[str, Any]:
    answer = str(prediction.answers[row])
    told: dict[str, Any] = {"task": info.task, "answer": answer, "confidence": round(float(prediction.confidence[row]), 6)}
    if info.kind == "choice" and answer.isdecimal() and int(answer) < len(options):
        told["option"] = options[int(answer)]
    if prediction.log_probs is not None and info.classes:
        values = np.exp(prediction.log_probs[row])
        best = np.argsort(-values, kind="stable")[:SHOWN]
        told["probabilities"] = {info.classes[index]: round(float(values[index]), 6) for index in best if index < len(info.classes)}
    return told
