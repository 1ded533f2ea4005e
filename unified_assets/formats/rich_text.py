"""An RTF file in; its blocks, text and title out (Rich Text Format 1.9)."""

import re
from dataclasses import dataclass, field

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
_SYMBOLS = {b"~": " ", b"_": "-", b"\\": "\\", b"{": "{", b"}": "}", b"\n": "\n", b"\r": "\n"}
_CODE_PAGES = {"437": "cp437", "850": "cp850", "874": "cp874", "932": "cp932", "936": "gbk", "949": "cp949", "950": "big5", "10000": "mac-roman"}


def rich_text(data: bytes) -> tuple[str, str]:
    """(text, title). Raises UnreadableFile("truncated") where groups stay open and no text was found."""
    data = data[:MAX_BYTES]
    page = re.search(rb"\\ansicpg(\d+)", data[:4096])
    reading = _Reading(_codec(page.group(1).decode() if page else "1252"))
    for match in _TOKEN.finditer(data):
        word, number, hexa, symbol, brace, plain = match.groups()
        if hexa is None:
            reading.flush()
        if brace is not None:
            reading.group(opens=brace == b"{")
        elif word is not None:
            reading.control(word.decode("ascii").lower(), number)
        elif symbol == b"*":
            reading.skipping = True
        elif not reading.skipping:
            reading.characters(hexa, symbol, plain)
    reading.flush()
    text = "".join(reading.out).encode("utf-16", "surrogatepass").decode("utf-16", "replace").strip()
    if reading.groups and not text:
        raise UnreadableFile("truncated", f"{len(reading.groups)} open groups")
    return text, _title(data, reading.codec)


@dataclass
class _Reading:
    """Where a reader of RTF stands. `to_skip` counts the characters that repeat the last Unicode escape for old readers."""

    codec: str
    out: list[str] = field(default_factory=list)
    groups: list[tuple[bool, int]] = field(default_factory=list)
    pending: bytearray = field(default_factory=bytearray)  # bytes written \'hh, decoded together: they may be halves of a character
    skipping: bool = False
    unicode_skip: int = 1
    to_skip: int = 0

    def flush(self) -> None:
        """Decode the pending bytes."""
        if self.pending:
            self.out.append(self.pending.decode(self.codec, "replace"))
            self.pending.clear()

    def group(self, *, opens: bool) -> None:
        """A brace: what a group sets ends with it."""
        if not opens:
            self.skipping, self.unicode_skip = self.groups.pop() if self.groups else (False, 1)
            return
        self.groups.append((self.skipping, self.unicode_skip))
        if len(self.groups) > MAX_DEPTH:
            raise UnreadableFile("bomb", f"groups nested deeper than {MAX_DEPTH}")

    def control(self, name: str, number: bytes | None) -> None:
        """A control word."""
        if name in _SKIPPED:
            self.skipping = True
        elif name == "uc":
            self.unicode_skip = min(int(number or 1), 16)
        elif self.skipping:
            return
        elif name == "u" and number:
            self.out.append(chr(int(number) % 0x10000))  # values above 32767 are written as negative numbers
            self.to_skip = self.unicode_skip
        else:
            self.out.append(_BREAKS.get(name) or _MARKS.get(name, ""))

    def characters(self, hexa: bytes | None, symbol: bytes | None, plain: bytes | None) -> None:
        """Text: a byte in hexadecimal, an escaped symbol, or plain."""
        if hexa is not None:
            if self.to_skip:
                self.to_skip -= 1
            else:
                self.pending.append(int(hexa, 16))
        elif symbol is not None:
            self.out.append(_SYMBOLS.get(symbol, ""))
        elif plain is not None:
            self.out.append(plain[self.to_skip :].decode(self.codec, "replace"))
            self.to_skip = max(0, self.to_skip - len(plain))


def text_blocks(text: str) -> list[Block]:
    """Lines of plain text as blocks; a form feed starts a page, tabs between cells make a table row."""
    blocks: list[Block] = []
    for number, page in enumerate(text.split("\f")[:64]):
        for index, line in enumerate(page.split("\n")[:2000]):
            cells = tuple(cell.strip() for cell in line.rstrip("\t").split("\t"))
            starts = number > 0 and index == 0
            blocks.append(Block(rows=(cells,), page_break=starts) if len(cells) >= 3 else Block(text=line.strip(), page_break=starts))
    return blocks


def _codec(code_page: str) -> str:
    return _CODE_PAGES.get(code_page) or (f"cp{code_page}" if code_page in {f"125{digit}" for digit in range(9)} else "cp1252")


def _title(data: bytes, codec: str) -> str:
    found = re.search(rb"\{\\title ([^{}\\]{1,300})\}", data[: 1 << 16])
    return found.group(1).decode(codec, "replace").strip() if found else ""
