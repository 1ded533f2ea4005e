"""Tables with columns that say the same in every row."""

from unified_assets.core.contracts import Check
from unified_assets.core.media import Decoded, DecodedText
from unified_assets.formats.rows import rows_of

FEWEST = 20  # rows


def _measure(text: Decoded) -> tuple[float, str]:
    assert isinstance(text, DecodedText)
    table = rows_of(text.text, text.media_type)
    if table is None or len(table.rows) < FEWEST or len(table.fields) < 2:
        return 0.0, "no table"
    constant = [name for column, name in enumerate(table.fields) if len({row[column] if column < len(row) else "" for row in table.rows}) == 1]
    named = ", ".join(name[:40] for name in constant[:5])
    return len(constant) / len(table.fields), f"{len(constant)} of {len(table.fields)} columns never change" + (f": {named}" if named else "")


def _numbered(constant: int) -> DecodedText:
    fields = ",".join(f"f{column}" for column in range(6))
    rows = "".join(",".join("same" if column < constant else str(index * 7 + column) for column in range(6)) + "\n" for index in range(40))
    return DecodedText(text=f"{fields}\n{rows}", encoding="utf-8", media_type="text/csv")


CHECK = Check(
    name="constant_columns",
    modality="text",
    severity="warn",
    description="More than 40 % of the columns of a table have one value throughout.",
    unit="share",
    threshold=0.4,
    fails=float.__gt__,
    measure=_measure,
    good=lambda: _numbered(1),
    bad=lambda: _numbered(4),
    penalty=5.0,
)
