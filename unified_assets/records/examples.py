"""Records and how they are read in; proposed examples out."""

from collections.abc import Iterator, Mapping, Sequence

import xxhash

from unified_assets.core.contracts import Input, ProposedExample, Records
from unified_assets.records.choices import option_index
from unified_assets.records.columns import as_list
from unified_assets.records.kinds import final_answer
from unified_assets.records.names import nested, split_of_value
from unified_assets.records.roles import Reading

EXAMPLE_LIMIT = 20_000
TEXT_LIMIT = 8_000  # characters of one input


def examples_of(records: Records, reading: Reading) -> tuple[ProposedExample, ...]:
    """One example for each record that has all it needs."""
    found: list[ProposedExample] = []
    for place, row in enumerate(records.rows):
        inputs, target = inputs_of(records.path, place, row, reading), target_of(row, reading)
        if inputs and target is not None:
            found.append(ProposedExample(inputs=inputs, target=target, split=split_of(records, place, reading), group=group_of(row, reading)))
    return tuple(found)


def bounded(examples: Sequence[ProposedExample], *, limit: int = EXAMPLE_LIMIT) -> tuple[tuple[ProposedExample, ...], str]:
    """(at most so many examples, chosen by a hash of their content so that no class is cut off; how many were cut, for `why`)."""
    if len(examples) <= limit:
        return tuple(examples), ""
    order = sorted(range(len(examples)), key=lambda place: xxhash.xxh3_64_intdigest(_identity(examples[place])))
    kept = tuple(examples[place] for place in sorted(order[:limit]))
    return kept, f"; cut from {len(examples)} to {limit} examples by a hash of their content"


def _identity(example: ProposedExample) -> bytes:
    return "\x1f".join(value.text if value.text is not None else value.path for value in example.inputs).encode("utf-8", "surrogatepass")


def inputs_of(path: str, place: int, row: Mapping[str, str], reading: Reading) -> tuple[Input, ...]:
    """The text inputs of a record; empty where one is missing."""
    return tuple(_texts(path, f"record={place}", row, reading))


def _texts(path: str, locator: str, row: Mapping[str, str], reading: Reading) -> Iterator[Input]:
    for role, name in reading.inputs:
        value = plain(row.get(name, ""))
        if value:
            yield Input(role=role, path=path, locator=locator, text=value[:TEXT_LIMIT])
    if reading.options is not None:
        for text in reading.options.of(row):
            yield Input(role="option", path=path, locator=locator, text=text[:TEXT_LIMIT])


def target_of(row: Mapping[str, str], reading: Reading) -> str | None:
    """The target of a record as the tables hold it, or None where it has none."""
    value = row.get(reading.target, "").strip()
    if not value:
        return None
    if reading.kind == "choice" and reading.options is not None:
        texts = reading.options.of(row)
        index = option_index(value, texts, reading.option_base)
        return None if index is None or len(texts) < 2 or not all(texts) else str(index)
    if reading.final:
        return number(final_answer(value)) or None
    if reading.kind in {"generation", "regression"}:
        return number(value)
    return reading.classes.get(value.upper(), value)


def split_of(records: Records, place: int, reading: Reading) -> str | None:
    """The sides a record declares by folders, file name and key, then by its column."""
    declared = split_of_value(records.rows[place].get(reading.split, "")) if reading.split else None
    return nested(records.splits[place], declared)


def group_of(row: Mapping[str, str], reading: Reading) -> str | None:
    """What a record must stay together with, where a field says so."""
    return (row.get(reading.group) or None) if reading.group else None


def plain(value: str) -> str:
    """A cell as prose: the items of a list one a line."""
    if value.startswith("["):
        items = as_list(value)
        if items:
            return "\n".join(item.strip() for item in items)
    return value.strip()


def number(text: str) -> str:
    """A number without thousands separators and without an empty fraction; other text as it is."""
    bare = text.replace(",", "") if text.replace(",", "").replace(".", "").lstrip("-").isdigit() else text
    return bare[:-2] if bare.endswith(".0") and bare[:-2].lstrip("-").isdigit() else bare
