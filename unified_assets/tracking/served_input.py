"""What a caller hands a served model → the items inference takes."""

from pathlib import Path
from typing import Any

LONGEST_PATH = 1024


def items_of(model_input: Any) -> list[Any]:
    """A list of paths, bytes, texts or dicts role → value; of a table, the column `path` as files, every other one as a role."""
    if not hasattr(model_input, "columns"):
        values = model_input.tolist() if hasattr(model_input, "tolist") else model_input
        return [_item(value) for value in ([values] if isinstance(values, str | bytes | dict | Path) else values)]
    columns = list(model_input.columns)
    if columns == ["path"]:
        return [Path(value) for value in model_input["path"]]
    rows = zip(*(model_input[column] for column in columns), strict=True)
    return [{str(name): Path(value) if name == "path" else value for name, value in zip(columns, row, strict=True)} for row in rows]


def _item(value: Any) -> Any:
    """A string that names a file is that file; any other one is a text."""
    if not isinstance(value, str) or len(value) > LONGEST_PATH or "\n" in value or "\0" in value:
        return value
    path = Path(value)
    return path if path.is_file() else value
