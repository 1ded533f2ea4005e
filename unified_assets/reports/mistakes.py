"""What the models of a run get wrong, task by task: confusions, calibration, the worst mistakes with what the model saw."""

from collections.abc import Iterator, Mapping
from typing import Any

from unified_assets.pages.html import details, gallery, paragraph, picture, quote, table
from unified_assets.pages.markup import Markup
from unified_assets.reports.collect import RunFiles


def mistakes(files: RunFiles) -> list[Markup]:
    """A part to open for each task that has test examples."""
    out = [_task(f"{model}: {task}", seen, files.paths) for model, tasks in sorted(files.evaluations.items()) for task, seen in tasks.items() if _says(seen)]
    return out or [paragraph("No test answers were kept.")]


def _says(seen: Mapping[str, Any]) -> bool:
    return bool(seen["calibration"] or seen["worst"])


def _task(name: str, seen: Mapping[str, Any], paths: Mapping[str, str]) -> Markup:
    return details(name, *_confusions(seen), *_calibration(seen), *_worst(seen, paths))


def _confusions(seen: Mapping[str, Any]) -> Iterator[Markup]:
    if (matrix := seen["matrix"]) is not None:
        rows = [
            {"": target, **{f"={answer}": count for answer, count in zip(matrix["classes"], counts, strict=True)}}
            for target, counts in zip(matrix["classes"], matrix["counts"], strict=True)
        ]
        yield table(rows, {"": "true \\ answered", **{f"={answer}": answer for answer in matrix["classes"]}}, caption="Confusion: test examples")
    elif seen["confused"]:
        yield table(seen["confused"], {"target": "true", "answer": "answered", "count": "times"}, caption="The most frequent mistakes")


def _calibration(seen: Mapping[str, Any]) -> Iterator[Markup]:
    if (found := seen["calibration"]) is not None:
        rows = [{**part, "range": f"{part['from']:.1f} to {part['to']:.1f}"} for part in found["bins"]]
        said = f"Calibration: expected error {found['error']:.3f}"
        yield table(rows, {"range": "confidence", "answers": "answers", "confidence": "its mean", "right": "share right"}, caption=said)


def _worst(seen: Mapping[str, Any], paths: Mapping[str, str]) -> Iterator[Markup]:
    if seen["worst"]:
        yield paragraph("Wrong with the most confidence:")
        yield gallery(_mistake(one, paths.get(one["example_id"], "")) for one in seen["worst"])


def _mistake(one: Mapping[str, Any], path: str) -> Markup:
    said = f"{one['answer']} ({one['confidence']:.2f}); true: {one['target']}" + (f" · {path}" if path else "")
    said += f" · {one['text']}" if one["picture"] and one["text"] else ""
    return picture(one["picture"], said) if one["picture"] else quote(one["text"], said)
