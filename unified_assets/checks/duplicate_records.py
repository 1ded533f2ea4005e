"""Tables that hold the same record again and again."""

from unified_assets.core.contracts import Check
from unified_assets.core.media import Decoded, DecodedText
from unified_assets.formats.rows import rows_of

FEWEST = 20  # rows
FEWEST_FIELDS = 2


def _measure(text: Decoded) -> tuple[float, str]:
    assert isinstance(text, DecodedText)
    table = rows_of(text.text, text.media_type)
    if table is None or len(table.rows) < FEWEST or len(table.fields) < FEWEST_FIELDS:
        return 0.0, "no table"
    repeated = len(table.rows) - len(set(table.rows))
    return repeated / len(table.rows), f"{repeated} of {len(table.rows)} records stand there already"


def _numbered(different: int) -> DecodedText:
    rows = "".join(f"{index % different},{index % different * 7}\n" for index in range(40))
    return DecodedText(text="number,sevenfold\n" + rows, encoding="utf-8", media_type="text/csv")


CHECK = Check(
    name="duplicate_records",
    modality="text",
    severity="warn",
    description="More than 5 % of the records of a table stand in it twice.",
    unit="share",
    threshold=0.05,
    fails=float.__gt__,
    measure=_measure,
    good=lambda: _numbered(40),
    bad=lambda: _numbered(30),
    penalty=10.0,
)
