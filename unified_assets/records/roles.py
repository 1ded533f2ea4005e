"""The fields of records in; which is the label, which are inputs in which role, which stay out and why, out."""

import re
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass, field

from unified_assets.core.contracts import Records
from unified_assets.records import leaks, subjects
from unified_assets.records.choices import Options, options_of
from unified_assets.records.columns import Column, columns
from unified_assets.records.kinds import kind_of
from unified_assets.records.names import split_of_value
from unified_assets.records.vocabulary import (
    DIRECTION,
    FILE_NAMES,
    GROUP_NAMES,
    INPUT_NAMES,
    SPLIT_NAMES,
    TARGET_NAMES,
    normal,
    withheld_reason,
)


@dataclass(frozen=True, kw_only=True)
class Reading:
    """How records are read. `inputs`: (role, field) in order; `options`: the fields or the one list field of a choice."""

    subject: str
    kind: str
    target: str
    inputs: tuple[tuple[str, str], ...]
    options: Options | None = None
    option_base: int = 0
    classes: Mapping[str, str] = field(default_factory=dict)  # value of the target field -> class, where the data maps them
    final: bool = False  # the answer is what follows `####`
    group: str | None = None
    split: str | None = None
    withheld: tuple[str, ...] = ()
    why: str = ""


def read_roles(records: Records, overrides: Mapping[str, str] | None = None, *, files: frozenset[str] = frozenset()) -> Reading | None:
    """Infer the roles of the fields; `overrides` maps field → role (`label`, `split`, `group`, `ignore`, or an input role).

    `files` are fields that name files of the lake: they are neither text nor label here. None where no label is found.
    """
    table = columns(records)
    given = dict(overrides or {})
    if len(records.rows) < 2:
        return None
    free = {name: column for name, column in table.items() if name not in files and given.get(name) not in {"ignore", "file"} and column.filled}
    direction = _direction(free)
    options = options_of({name: column for name, column in free.items() if given.get(name) in {None, "option"}})
    taken = {direction, *(options.fields if options else ())} - {None}
    split = _named(free, given, "split", SPLIT_NAMES, lambda column: all(split_of_value(value) for value in set(column.filled)))
    rest = {name: column for name, column in free.items() if name not in taken and name != split}
    target = _target(rest, given, has_files=bool(files))
    if target is None:
        return None
    group = _named(free, given, "group", GROUP_NAMES, lambda column: 1 < column.distinct < len(column.filled))
    group = None if group == target else group
    rest = {name: column for name, column in rest.items() if name not in {target, group}}
    inputs, withheld = _inputs(rest, given, bool(options), bool(files))
    inputs, suspects = leaks.without_leaks(inputs, table, table[target])
    if direction is not None:
        inputs = (*inputs, ("direction", direction))
    chosen = _Chosen(target, inputs, options, group, split, (*withheld, *suspects))
    return _reading(records, table, chosen, has_files=bool(files))


@dataclass(frozen=True)
class _Chosen:
    """The fields that were chosen, before the kind and subject are known."""

    target: str
    inputs: tuple[tuple[str, str], ...]
    options: Options | None
    group: str | None
    split: str | None
    withheld: tuple[str, ...]

    @property
    def fields(self) -> set[str | None]:
        """All of them."""
        return {self.target, self.group, self.split, *(name for _, name in self.inputs), *(self.options.fields if self.options else ())}


def _reading(records: Records, table: Mapping[str, Column], chosen: _Chosen, *, has_files: bool) -> Reading | None:
    column = table[chosen.target]
    kind = kind_of(column, frozenset(role for role, _ in chosen.inputs), chosen.options, table, has_files=has_files)
    if kind is None or (not chosen.inputs and chosen.options is None and not has_files):
        return None
    options = chosen.options if kind.name == "choice" else None
    subject = subjects.subject_of(records, table, kind=kind.name, target=chosen.target, inputs=chosen.inputs, options=options, truth=bool(kind.classes))
    named = ", ".join(f"{name} → {role}" for role, name in chosen.inputs)
    listed = f", options from {', '.join(chosen.options.fields)}" if chosen.options else ""
    return Reading(
        subject=subject,
        kind=kind.name,
        target=chosen.target,
        inputs=chosen.inputs,
        options=options,
        option_base=kind.option_base,
        classes=kind.classes,
        final=kind.final,
        group=chosen.group,
        split=chosen.split,
        withheld=tuple(_withheld(table, chosen, final=kind.final)),
        why=f"{len(records.rows)} {records.format} records: {named or 'files'}{listed}, label {chosen.target} ({column.distinct} values)",
    )


def _withheld(table: Mapping[str, Column], chosen: _Chosen, *, final: bool) -> Iterator[str]:
    """Say of every field that is not an input why it is not."""
    said = [item for item in chosen.withheld if item.split(": ")[0] not in {chosen.group, chosen.split}]
    said += [
        f"{name}: not an input in any known role" for name in table if name not in chosen.fields and not any(item.startswith(f"{name}: ") for item in said)
    ]
    for item in said:
        name = item.split(": ")[0]
        certain = item.endswith(("barred", "one label only"))
        told = "" if certain or name not in table else leaks.measure(table[name], table[chosen.target])
        yield f"{item}; {told}" if told else item
    if final:
        yield f"{chosen.target}: the worked solution before #### is left out of target and inputs"


def _direction(free: Mapping[str, Column]) -> str | None:
    for name, column in free.items():
        if column.share > 0.95 and {value.strip().lower() for value in set(column.filled)} <= DIRECTION and normal(name) not in TARGET_NAMES:
            return name
    return None


def _named(free: Mapping[str, Column], given: Mapping[str, str], role: str, names: frozenset[str], fits: Callable[[Column], bool]) -> str | None:
    for name, chosen in given.items():
        if chosen == role and name in free:
            return name
    for name, column in free.items():
        if normal(name) in names and column.share > 0.9 and name not in given and fits(column):
            return name
    return None


def _target(rest: Mapping[str, Column], given: Mapping[str, str], *, has_files: bool) -> str | None:
    for name, role in given.items():
        if role == "label" and name in rest:
            return name
    by_name = {normal(name): name for name in rest if name not in given}
    for wanted in TARGET_NAMES:
        name = by_name.get(wanted, "")
        if name and rest[name].share > 0.9 and rest[name].distinct >= 2:
            return name
    return _target_by_value([column for name, column in rest.items() if name not in given], has_files=has_files)


def _target_by_value(found: list[Column], *, has_files: bool) -> str | None:
    """The last field whose values look like class names, where a field of prose or of files stands beside it."""
    prose = any(column.prose and column.distinct > 0.5 * len(column.filled) for column in found)
    unnamed = all(re.fullmatch(r"column\d+", column.name) for column in found)
    if not (prose or has_files):
        return None
    for column in reversed(found):
        rows = len(column.filled)
        fits = column.classes and column.share > 0.95 and rows >= 20 and column.distinct * 5 <= rows and (unnamed or column.distinct <= 60)
        if fits and not withheld_reason(column.name) and not (column.numeric > 0.9 and column.distinct > 20) and normal(column.name) not in INPUT_NAMES:
            return column.name
    return None


def _inputs(rest: Mapping[str, Column], given: Mapping[str, str], has_options: bool, has_files: bool) -> tuple[tuple[tuple[str, str], ...], tuple[str, ...]]:
    withheld: list[str] = []
    roles: dict[str, str] = {}
    for name, column in rest.items():
        reason = withheld_reason(name)
        role = given.get(name) or INPUT_NAMES.get(normal(name))
        if name not in given and reason is not None:
            withheld.append(f"{name}: {reason}")
        elif role is not None and column.share > 0.5 and role not in roles:
            roles[role] = name
    roles = _consistent(roles)
    if not roles and not has_options:
        prose = [column for name, column in rest.items() if not withheld_reason(name) and normal(name) not in FILE_NAMES]
        best = max(prose, key=lambda column: (column.mean_words >= 2, column.mean_length), default=None)
        if best is not None and best.numeric < 0.5 and best.distinct > 0.3 * len(best.filled) and (best.mean_words >= 2 or not has_files):
            roles["text"] = best.name
    order = ("context", "premise", "hypothesis", "question", "term", "definition", "expression", "formula", "text")
    return tuple((role, roles[role]) for role in order if role in roles), tuple(withheld)


def _consistent(roles: dict[str, str]) -> dict[str, str]:
    """Weaker names give way to stronger ones: a `body` without a question is a text, a lone premise is one too."""
    if "question" not in roles and "context" in roles and "hypothesis" not in roles:
        roles.setdefault("text", roles.pop("context"))
    if "hypothesis" in roles and "premise" not in roles and "context" in roles:
        roles["premise"] = roles.pop("context")
    if "hypothesis" in roles and "premise" not in roles and "text" not in roles:
        roles["text"] = roles.pop("hypothesis")
    if "text" in roles and ({"question", "premise", "expression", "formula", "definition"} & set(roles)):
        roles.pop("text")
    return roles
