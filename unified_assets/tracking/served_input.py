"""What a caller hands a served model → the items inference takes."""

from pathlib import Path
from typing import Any


def items_of(model_input: Any) -> list[Any]:
    """A list (paths, bytes, texts, dicts role → value) as it is; of a table, the column `path` as files, every other one as a role."""
    if not hasattr(model_input, "columns"):
        values = model_input.tolist() if hasattr(model_input, "tolist") else model_input
        return [values] if isinstance(values, str | bytes | dict | Path) else list(values)
    columns = list(model_input.columns)
    if columns == ["path"]:
        return [Path(value) for value in model_input["path"]]
    rows = zip(*(model_input[column] for column in columns), strict=True)
    return [{str(name): Path(value) if name == "path" else value for name, value in zip(columns, row, strict=True)} for row in rows]
