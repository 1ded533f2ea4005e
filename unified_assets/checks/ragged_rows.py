"""Tables whose rows have different numbers of cells: a broken export, or a delimiter inside the text."""

from collections import Counter

from unified_assets.core.contracts import Check
from unified_assets.core.media import Decoded, DecodedText
from unified_assets.formats.rows import rows_of

FEWEST = 5  # rows


def _measure(text: Decoded) -> tuple[float, str]:
    assert isinstance(text, DecodedText)
    table = rows_of(text.text, text.media_type)
    if table is None or len(table.rows) < FEWEST:
        return 0.0, "no table"
    width, _ = Counter(len(row) for row in table.rows).most_common(1)[0]
    ragged = sum(len(row) != width for row in table.rows)
    return ragged / len(table.rows), f"{ragged} of {len(table.rows)} rows have not {width} cells"


def _table(text: str) -> DecodedText:
    return DecodedText(text=text, encoding="utf-8", media_type="text/csv")


CHECK = Check(
    name="ragged_rows",
    modality="text",
    severity="warn",
    description="More than 2 % of the rows of a table have another number of cells than most.",
    unit="share",
    threshold=0.02,
    fails=float.__gt__,
    measure=_measure,
    good=lambda: _table("name,colour\n" + "apple,red\nplum,violet\n" * 20),
    bad=lambda: _table("name,colour\n" + "apple,red\nplum,violet,blue\n" * 20),
)
