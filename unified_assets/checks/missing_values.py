"""Tables with holes."""

from unified_assets.core.contracts import Check
from unified_assets.core.media import Decoded, DecodedText
from unified_assets.formats.rows import rows_of

FEWEST = 5  # rows
NOTHING = frozenset({"", "na", "n/a", "nan", "null", "none", "-", "?"})


def _measure(text: Decoded) -> tuple[float, str]:
    assert isinstance(text, DecodedText)
    table = rows_of(text.text, text.media_type)
    if table is None or len(table.rows) < FEWEST:
        return 0.0, "no table"
    columns = [column for column in range(len(table.fields)) if any(_is_there(row, column) for row in table.rows)]
    if not columns:
        return 1.0, "no cell has a value"
    missing = sum(not _is_there(row, column) for row in table.rows for column in columns)
    share = missing / (len(table.rows) * len(columns))
    return share, f"{missing} of {len(table.rows) * len(columns)} cells are empty, columns without any value left out"


def _is_there(row: tuple[str, ...], column: int) -> bool:
    return column < len(row) and row[column].strip().lower() not in NOTHING


def _table(text: str) -> DecodedText:
    return DecodedText(text=text, encoding="utf-8", media_type="text/csv")


CHECK = Check(
    name="missing_values",
    modality="text",
    severity="warn",
    description="More than 30 % of the cells of a table have no value.",
    unit="share",
    threshold=0.3,
    fails=float.__gt__,
    measure=_measure,
    good=lambda: _table("name,colour\n" + "apple,red\nplum,\n" * 20),
    bad=lambda: _table("name,colour,taste\n" + "apple,,\nplum,,sour\nfig,red,\n" * 20),
    penalty=10.0,
)
