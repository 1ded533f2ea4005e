"""Proposed examples in; rows with an identity out: copies are one unit, contradictions and bridges are named and left out."""

import re
from collections import defaultdict
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

import xxhash

from unified_assets.allocation.proposing import Found
from unified_assets.core.contracts import ProposedExample

CONTRADICTORY = "contradictory label"
BRIDGE = "bridges train and test"
OPTION_WORDS = 3  # a shorter option is often a name or a number, which many questions share
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
    keys: tuple[str, ...]  # of what must stay on one side, remembered: its content first, then its group
    content: int  # how many of the keys are its content
    weak: tuple[tuple[str, ...], ...]  # further keys by level, used where they do not tie everything together
    apart: bool = False  # declared valid or test by a folder that stands beside a train folder
    split: str = ""
    group: str = ""
    copies: list[str] = field(default_factory=list)  # paths of its copies


@dataclass(slots=True)
class Left:
    """Why a path is not used for a task."""

    task: str
    path: str
    reason: str
    unit: str = ""
    text: str = ""  # of the record, where it is one


def digest(*parts: str) -> str:
    """128 bits of these texts, in hex."""
    return xxhash.xxh3_128_hexdigest("\x1f".join(parts).encode("utf-8", "surrogatepass"))


def normal(text: str) -> str:
    """A text without case and runs of white space."""
    return " ".join(text.split()).lower()


def rows_of(found: Found, files: Mapping[str, Mapping[str, Any]]) -> list[Row]:
    """All rows of a task; inputs that name files which may not be used are gone."""
    proposal = found.proposal
    return [
        _row(found, example, files, proposal.class_map.get(example.target, example.target))
        for example in proposal.examples
        if example.inputs and all(value.path in files for value in example.inputs)
    ]


def _row(found: Found, example: ProposedExample, files: Mapping[str, Mapping[str, Any]], target: str) -> Row:
    proposal = found.proposal
    inputs = [
        {"role": value.role, "file_id": files[value.path]["file_id"], "path": value.path, "locator": value.locator, "text": value.text}
        for value in example.inputs
    ]
    texts = [(value.role, normal(value.text)) for value in example.inputs if value.text is not None]
    media = [value for value in inputs if value["text"] is None]
    contents = [f"{role}\x1e{text}" for role, text in texts] + [f"{value['role']}\x1e{value['file_id']}\x1e{value['locator'] or ''}" for value in media]
    pair = proposal.kind == "pair"
    content = tuple(dict.fromkeys(_content(texts, media)))
    return Row(
        example_id=digest("pair" if pair else found.task, *contents, "" if pair else target),
        task=found.task,
        kind=proposal.kind,
        inputs=inputs,
        target=None if pair else target,
        declared=example.split,
        unit=digest(*contents),
        keys=(*content, *(() if example.group is None else (digest("group", proposal.root, example.group),))),
        content=len(content),
        weak=_weak(proposal.subject, texts, [files[value["path"]].get("near_duplicate_group") for value in media]),
    )


def _content(texts: Sequence[tuple[str, str]], media: Sequence[Mapping[str, Any]]) -> Iterator[str]:
    """Keys of the example's own content."""
    if texts and not media:
        yield digest("text", *sorted(text for _, text in texts))  # sorted: a pair and its reverse are one
    for value in media:
        yield digest("file", value["file_id"] or value["path"])


def _weak(subject: str, texts: Sequence[tuple[str, str]], near: Sequence[str | None]) -> tuple[tuple[str, ...], ...]:
    """Levels from strong to weak: near duplicates · shared context · set of options · one shared option, one that is short · shared hypothesis."""
    if subject == "math":
        texts = [(role, _DIGITS.sub("0", text)) for role, text in texts]
    roles = {role for role, _ in texts}
    wide = next((role for role in ("context", "premise") if role in roles), "text" if near else "")
    options = sorted(text for role, text in texts if role == "option")
    return (
        tuple(digest("near", group) for group in near if group),
        tuple(digest("context", text) for role, text in texts if role == wide),
        (digest("options", *options),) if options else (),
        tuple(digest("option", option) for option in options if len(option.split()) >= OPTION_WORDS),
        tuple(digest("option", option) for option in options if len(option.split()) < OPTION_WORDS),
        tuple(digest("hypothesis", text) for role, text in texts if role == "hypothesis"),
    )


def one_of_each(rows: list[Row], memory: Mapping[str, tuple[str, bool]] | None = None) -> tuple[list[Row], list[Left]]:
    """(one row for each unit, what was left out and why). Declared on two sides: the side that is remembered stands, else test."""
    units: dict[str, list[Row]] = defaultdict(list)
    for row in rows:
        units[row.unit].append(row)
    kept: list[Row] = []
    left: list[Left] = []
    for same in units.values():
        first = same[0]
        sides = {row.declared for row in same if row.declared is not None}
        if len({row.target for row in same}) > 1:
            left += _all(same, f"{CONTRADICTORY}: the same content stands as {' and as '.join(sorted({row.target or '' for row in same})[:4])}")
        else:
            side = next(iter(sides), None)
            if len(sides) > 1:
                side = _standing(first, sides, memory or {})
                reason = f"{BRIDGE}: the same content is declared {' and '.join(sorted(sides))}, and stands as {side}"
                left += _all([row for row in same if row.declared not in {None, side}], reason)
                same = [row for row in same if row.declared in {None, side}]  # noqa: PLW2901  the rows that stand
                first = same[0]
            first.declared = side
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


def _standing(row: Row, sides: set[str], memory: Mapping[str, tuple[str, bool]]) -> str:
    """Which of several declared sides stands: learned content cannot be measured on, and what is measured on cannot be learned."""
    side = memory.get(row.keys[0], ("", False))[0]
    side = "train" if side == "valid" and side not in sides else side
    return side if side in sides else next(name for name in ("test", "valid", "train") if name in sides)


def _all(rows: list[Row], reason: str) -> list[Left]:
    return [Left(row.task, value["path"], reason, row.unit, value["text"] or "") for row in rows for value in row.inputs]
