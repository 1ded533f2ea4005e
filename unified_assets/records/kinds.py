"""The label field, the input roles and the options in; what kind of task it is out."""

from collections.abc import Mapping
from dataclasses import dataclass, field

from unified_assets.records.choices import Options, constant_options, index_base
from unified_assets.records.columns import Column

FINAL_MARK = "####"  # what stands before the answer at the end of a worked solution
MAX_NUMBERS = 50  # more different numbers than this are no classes
MANY_NUMBERS = 10


@dataclass(frozen=True, kw_only=True)
class Kind:
    """`option_base`: how the label counts options; `classes`: value of the label field → class; `final`: the answer follows ####."""

    name: str
    option_base: int = 0
    classes: Mapping[str, str] = field(default_factory=dict)
    final: bool = False


def kind_of(column: Column, roles: frozenset[str], options: Options | None, table: Mapping[str, Column], *, has_files: bool) -> Kind | None:
    """The kind of a label space, or None where the label is neither a class, an option nor an answer."""
    chosen = None if options is None else _of_options(column, options, table)
    if chosen is not None:
        return chosen
    head = column.filled[:200]
    if sum(bool(final_answer(value)) for value in head) > 0.9 * len(head):
        return Kind(name="generation", final=True)
    numbers = column.numeric > 0.9
    many = numbers and column.distinct > MANY_NUMBERS
    if ("expression" in roles and numbers) or (many and {"question", "context"} & roles):
        return Kind(name="generation")
    if column.classes and not (numbers and column.distinct > MAX_NUMBERS):
        return Kind(name="classification")
    return Kind(name="regression") if has_files and many else None


def final_answer(value: str) -> str:
    """What follows the last #### of a worked solution, on one line; "" where nothing does."""
    _, mark, answer = value.rpartition(FINAL_MARK)
    answer = answer.strip()
    return answer if mark and "\n" not in answer else ""


def _of_options(column: Column, options: Options, table: Mapping[str, Column]) -> Kind | None:
    """A choice; or classes, where the options are the same truth words in every record."""
    base = index_base(column, options, table)
    if base is None:
        return None
    truth = constant_options(options, table)
    if not truth:
        return Kind(name="choice", option_base=base)
    return Kind(name="classification", classes={chr(ord("A") + place): text for place, text in enumerate(truth)})
