"""Proposed examples in; rows with an identity out: copies are one unit, contradictions and bridges are named and left out."""

import re
from collections import defaultdict
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from typing import Any

import xxhash

from unified_assets.allocation.proposing import Found
from unified_assets.core.contracts import Input, ProposedExample

CONTRADICTORY = "contradictory label"
BRIDGE = "bridges train and test"
_SPACE = re.compile(r"\s+")
_DIGITS = re.compile(r"\d+(?:[.,]\d+)*")


@dataclass(slots=True)
class Row:
    """One example of one task."""

    example_id: str
    task: str
    kind: str
    inputs: list[dict[str, Any]]
    target: str | None
    declared: str | None
    unit: str  # ordered content: equal for copies
    keys: tuple[str, ...]  # of what must stay on one side, remembered
    weak: tuple[tuple[str, ...], ...]  # further keys by level, used where they do not tie everything together
    split: str = ""
    group: str = ""
    copies: list[str] = field(default_factory=list)  # paths of its copies


@dataclass(slots=True)
class Left:
    """Why a path is not used for a task."""

    task: str
    path: str
    reason: str


def digest(*parts: str) -> str:
    """128 bits of these texts, in hex."""
    return xxhash.xxh3_128_hexdigest("\x1f".join(parts).encode("utf-8", "surrogatepass"))


def normal(text: str) -> str:
    """A text without case and runs of white space."""
    return _SPACE.sub(" ", text).strip().lower()


def rows_of(found: Found, files: Mapping[str, Mapping[str, Any]]) -> list[Row]:
    """All rows of a task; inputs that name files which may not be used are gone."""
    proposal = found.proposal
    rows = []
    for example in proposal.examples:
        if all(value.path in files for value in example.inputs) and example.inputs:
            rows.append(_row(found, example, files, proposal.class_map.get(example.target, example.target)))
    return rows


def _row(found: Found, example: ProposedExample, files: Mapping[str, Mapping[str, Any]], target: str) -> Row:
    proposal = found.proposal
    inputs = [
        {"role": value.role, "file_id": files[value.path]["file_id"], "path": value.path, "locator": value.locator, "text": value.text}
        for value in example.inputs
    ]
    contents = [f"{value['role']}\x1e{_content(value)}" for value in inputs]
    unit = digest(*contents)
    pair = proposal.kind == "pair"
    return Row(
        example_id=digest("pair" if pair else found.task, *contents, "" if pair else target),
        task=found.task,
        kind=proposal.kind,
        inputs=inputs,
        target=None if pair else target,
        declared=example.split,
        unit=unit,
        keys=tuple(_keys(proposal.root, example, inputs)),
        weak=_weak(proposal.subject, example.inputs, inputs, files),
    )


def _content(value: Mapping[str, Any]) -> str:
    """What an input shows: a record's text, or the bytes of a file and the part of them."""
    return normal(value["text"]) if value["text"] is not None else f"{value['file_id']}\x1e{value['locator'] or ''}"


def _keys(root: str, example: ProposedExample, inputs: list[dict[str, Any]]) -> Iterable[str]:
    texts = sorted(normal(value["text"]) for value in inputs if value["text"] is not None)
    media = [value["file_id"] for value in inputs if value["text"] is None]
    if texts and not media:
        yield digest("text", *texts)  # sorted: a pair and its reverse are one
    for file_id in media:
        yield digest("file", file_id or "")
    if example.group is not None:
        yield digest("group", root, example.group)


def _weak(subject: str, inputs: tuple[Input, ...], dressed: list[dict[str, Any]], files: Mapping[str, Mapping[str, Any]]) -> tuple[tuple[str, ...], ...]:
    """Levels from strong to weak: near duplicates · the shared context · the set of options · the shared hypothesis."""
    near = tuple(digest("near", group) for value in dressed if value["text"] is None and (group := files[value["path"]].get("near_duplicate_group")))
    texts: dict[str, list[str]] = defaultdict(list)
    for value in inputs:
        if value.text is not None:
            texts[value.role].append(normal(value.text))
    if subject == "math":
        texts = defaultdict(list, {role: [_DIGITS.sub("0", text) for text in found] for role, found in texts.items()})
    wide = (
        "context"
        if "context" in texts
        else "premise"
        if "premise" in texts
        else "text"
        if len(inputs) > len(texts) or len(dressed) > len(texts["text"])
        else ""
    )
    context = tuple(digest("context", text) for text in texts.get(wide, ()))
    options = (digest("options", *sorted(texts["option"])),) if texts.get("option") else ()
    hypothesis = tuple(digest("hypothesis", text) for text in texts.get("hypothesis", ()))
    return (near, context, options, hypothesis)


def one_of_each(rows: list[Row]) -> tuple[list[Row], list[Left]]:
    """(one row for each unit, what was left out and why)."""
    units: dict[str, list[Row]] = defaultdict(list)
    for row in rows:
        units[row.unit].append(row)
    kept: list[Row] = []
    left: list[Left] = []
    for same in units.values():
        first = same[0]
        sides = {row.declared for row in same} - {None}
        if len({row.target for row in same}) > 1:
            left += _all(same, f"{CONTRADICTORY}: the same content stands as {' and as '.join(sorted({row.target or '' for row in same})[:4])}")
        elif len(sides) > 1:
            left += _all(same, f"{BRIDGE}: the same content is declared {' and '.join(sorted(sides))}")  # type: ignore[type-var]
        else:
            first.declared = next(iter(sides), None)
            first.copies = [value["path"] for row in same[1:] for value in row.inputs]
            kept.append(first)
            mine = {value["path"] for value in first.inputs}
            left += [
                Left(first.task, value["path"], f"exact copy of {first.inputs[0]['path']}: copies count once")
                for row in same[1:]
                for value in row.inputs
                if value["path"] not in mine
            ]
    return kept, left


def _all(rows: list[Row], reason: str) -> list[Left]:
    return [Left(row.task, value["path"], reason) for row in rows for value in row.inputs]
