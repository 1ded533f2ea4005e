"""The head of a text and its name in; the media type its structure shows out."""

import csv
import io
import json
import re

TEXT_EXTENSIONS = {
    "txt": "text/plain",
    "text": "text/plain",
    "log": "text/plain",
    "md": "text/markdown",
    "markdown": "text/markdown",
    "csv": "text/csv",
    "tsv": "text/tab-separated-values",
    "tab": "text/tab-separated-values",
    "json": "application/json",
    "geojson": "application/json",
    "jsonl": "application/jsonl",
    "ndjson": "application/jsonl",
    "xml": "text/xml",
    "html": "text/html",
    "htm": "text/html",
}
_MARKUP = re.compile(r"\s*(?:<\?xml\b|<!DOCTYPE\b|<!--|<[A-Za-z_][\w:.-]*(?:\s[^<>]*)?/?>)")
_HTML = re.compile(r"\s*(?:<\?xml[^>]*>\s*)?(?:<!--.*?-->\s*)*<(?:!DOCTYPE\s+html|html|head|body)\b", re.IGNORECASE | re.DOTALL)
_JSON_HEAD = re.compile(r'\s*(?:\{\s*(?:"|\}|$)|\[\s*(?:["\[{\]\-\d]|true|false|null|$))')
_MARKDOWN = re.compile(r"^(?:#{1,6} \S|```|\[[^\]]+\]\([^)]+\)|[*-] \S.*\n[*-] \S)", re.MULTILINE)
_SAMPLE_LINES = 12


def text_media_type(head: str, extension: str, *, whole: bool) -> str:
    """Structure that cannot be chance (JSON, markup, a regular table) beats the name; among prose the name decides."""
    named = TEXT_EXTENSIONS.get(extension)
    if _JSON_HEAD.match(head) and (found := _json_type(head, whole=whole)):
        return found
    if _HTML.match(head):
        return "text/html"
    if _MARKUP.match(head) and named not in {"text/markdown", "text/csv", "text/tab-separated-values"}:
        return "text/html" if named == "text/html" else "text/xml"
    if named in {"text/csv", "text/tab-separated-values"}:
        return named
    if named in {None, "application/json", "application/jsonl", "text/xml", "text/html"}:
        return _table_type(head, whole=whole) or ("text/markdown" if named is None and _MARKDOWN.search(head) else "text/plain")
    return named


def _json_type(head: str, *, whole: bool) -> str | None:
    lines = [line for line in head.splitlines()[: _SAMPLE_LINES + 1] if line.strip()]
    complete = lines if whole and len(lines) <= _SAMPLE_LINES else lines[:-1]
    if len(complete) >= 2 and all(_is_record(line) for line in complete):
        return "application/jsonl"
    if not whole or len(head) > 1 << 16:
        return "application/json" if len(lines) < 2 or not _is_record(lines[0]) else "application/jsonl"
    try:
        json.loads(head)
    except (ValueError, RecursionError):
        return "application/json" if re.match(r'\s*(?:\{\s*"|\[\s*[\[{"])', head) else None
    return "application/json"


def _is_record(line: str) -> bool:
    try:
        return isinstance(json.loads(line), dict | list)
    except (ValueError, RecursionError):
        return False


def _table_type(head: str, *, whole: bool) -> str | None:
    """A table has the same number of cells, at least two, in each of its first lines, three or more of them."""
    lines = head.splitlines()
    sample = lines[:_SAMPLE_LINES] if whole or len(lines) > _SAMPLE_LINES else lines[:-1]
    for delimiter, media_type in (("\t", "text/tab-separated-values"), (",", "text/csv"), (";", "text/csv")):
        try:
            widths = [len(row) for row in csv.reader(io.StringIO("\n".join(sample)), delimiter=delimiter) if row]
        except csv.Error:
            continue
        if len(widths) >= 3 and len(set(widths)) == 1 and widths[0] >= 2:
            return media_type
    return None
