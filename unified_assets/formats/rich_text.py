"""An RTF file in; its blocks, text and title out (Rich Text Format 1.9)."""

import re

from unified_assets.core.errors import UnreadableFile
from unified_assets.formats.drawing import Block

MAX_BYTES = 16 << 20
MAX_DEPTH = 500
_TOKEN = re.compile(rb"\\([a-z]{1,32})(-?\d{1,10})? ?|\\'([0-9a-fA-F]{2})|\\([^a-z])|([{}])|[\r\n]+|([^\\{}\r\n]+)", re.IGNORECASE)
_SKIPPED = {
    *("fonttbl", "colortbl", "stylesheet", "listtable", "listoverridetable", "rsidtbl", "generator", "pict", "object", "header", "footer"),
    *("themedata", "colorschememapping", "latentstyles", "datastore", "xmlnstbl", "fldinst", "bkmkstart", "bkmkend", "info", "filetbl", "revtbl"),
}
_BREAKS = {"par": "\n", "line": "\n", "row": "\n", "sect": "\n", "page": "\f", "tab": "\t", "cell": "\t"}
_MARKS = {"emdash": "—", "endash": "–", "bullet": "•", "lquote": "‘", "rquote": "’", "ldblquote": "“", "rdblquote": "”"}
_CODE_PAGES = {"437": "cp437", "850": "cp850", "874": "cp874", "932": "cp932", "936": "gbk", "949": "cp949", "950": "big5", "10000": "mac-roman"}


def rich_text(data: bytes) -> tuple[str, str]:
    """(text, title). Raises UnreadableFile("truncated") where groups stay open and no text was found."""
    data = data[:MAX_BYTES]
    out: list[str] = []
    stack: list[tuple[bool, int]] = []
    skipping, unicode_skip, to_skip, pending = False, 1, 0, bytearray()
    page = re.search(rb"\\ansicpg(\d+)", data[:4096])
    codec = _codec(page.group(1).decode() if page else "1252")

    def flush() -> None:
        if pending:
            out.append(pending.decode(codec, "replace"))
            pending.clear()

    for match in _TOKEN.finditer(data):
        word, number, hexa, symbol, brace, plain = match.groups()
        if hexa is None:
            flush()
        if brace == b"{":
            stack.append((skipping, unicode_skip))
            if len(stack) > MAX_DEPTH:
                raise UnreadableFile("bomb", f"groups nested deeper than {MAX_DEPTH}")
        elif brace == b"}":
            skipping, unicode_skip = stack.pop() if stack else (False, 1)
        elif word is not None:
            name = word.decode("ascii").lower()
            if name in _SKIPPED:
                skipping = True
            elif name == "uc":
                unicode_skip = min(int(number or 1), 16)
            elif not skipping and name == "u" and number:
                out.append(_char(int(number)))
                to_skip = unicode_skip
            elif not skipping:
                out.append(_BREAKS.get(name) or _MARKS.get(name, ""))
        elif symbol == b"*":
            skipping = True
        elif not skipping:
            to_skip = _append(out, pending, to_skip, hexa, symbol, plain, codec)
    flush()
    text = "".join(out).encode("utf-16", "surrogatepass").decode("utf-16", "replace").strip()
    if stack and not text:
        raise UnreadableFile("truncated", f"{len(stack)} open groups")
    return text, _title(data, codec)


def text_blocks(text: str) -> list[Block]:
    """Lines of plain text as blocks; a form feed starts a page, tabs between cells make a table row."""
    blocks: list[Block] = []
    for number, page in enumerate(text.split("\f")[:64]):
        for index, line in enumerate(page.split("\n")[:2000]):
            cells = tuple(cell.strip() for cell in line.rstrip("\t").split("\t"))
            starts = number > 0 and index == 0
            blocks.append(Block(rows=(cells,), page_break=starts) if len(cells) >= 3 else Block(text=line.strip(), page_break=starts))
    return blocks


def _append(out: list[str], pending: bytearray, to_skip: int, hexa: bytes | None, symbol: bytes | None, plain: bytes | None, codec: str) -> int:
    """Add characters, leaving out the fallbacks that follow a \\u; returns how many are still to be left out."""
    if hexa is not None:
        if to_skip:
            return to_skip - 1
        pending.append(int(hexa, 16))
    elif symbol is not None:
        out.append({b"~": " ", b"_": "-", b"-": ""}.get(symbol, symbol.decode("latin-1") if symbol in b"\\{}" else "\n" if symbol in b"\r\n" else ""))
    elif plain is not None:
        out.append(plain[to_skip:].decode(codec, "replace"))
        return max(0, to_skip - len(plain))
    return to_skip


def _codec(code_page: str) -> str:
    return _CODE_PAGES.get(code_page) or (f"cp{code_page}" if code_page in {f"125{digit}" for digit in range(9)} else "cp1252")


def _char(value: int) -> str:
    return chr(value % 0x10000)  # values above 32767 are written as negative numbers


def _title(data: bytes, codec: str) -> str:
    found = re.search(rb"\{\\title ([^{}\\]{1,300})\}", data[: 1 << 16])
    return found.group(1).decode(codec, "replace").strip() if found else ""
