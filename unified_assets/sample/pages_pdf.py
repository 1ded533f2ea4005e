"""A page of blocks → a PDF file, written by hand (ISO 32000-1: objects, a content stream, a cross-reference table)."""

import textwrap

from unified_assets.sample.papers import Block, Paper

WIDTH_PT, HEIGHT_PT = 595.0, 842.0  # A4
LETTER_WIDTH = 0.5  # mean width of a Helvetica letter, in sizes
LEADING = 1.25


def pdf(paper: Paper) -> bytes:
    """One page. The catalog is the last object, so that a file cut in half has lost it."""
    content = "\n".join(_draw(block, index) for index, block in enumerate(paper.blocks)).encode("latin-1", "replace")
    pictures = [(index, block.jpeg) for index, block in enumerate(paper.blocks) if block.kind == "picture"]
    xobjects = " ".join(f"/P{index} {7 + place} 0 R" for place, (index, _) in enumerate(pictures))
    catalog = 7 + len(pictures)
    objects = [
        _stream(b"", content),
        b"<< /Type /Font /Subtype /Type1 /BaseFont /Helvetica /Encoding /WinAnsiEncoding >>",
        b"<< /Type /Font /Subtype /Type1 /BaseFont /Helvetica-Bold /Encoding /WinAnsiEncoding >>",
        f"<< /Title ({_escape(paper.title)}) >>".encode("latin-1", "replace"),
        (
            f"<< /Type /Page /Parent 6 0 R /MediaBox [0 0 {WIDTH_PT:g} {HEIGHT_PT:g}] /Contents 1 0 R "
            f"/Resources << /Font << /F1 2 0 R /F2 3 0 R >> /XObject << {xobjects} >> >> >>"
        ).encode(),
        b"<< /Type /Pages /Kids [5 0 R] /Count 1 >>",
        *(
            _stream(b"/Type /XObject /Subtype /Image /Width 96 /Height 96 /ColorSpace /DeviceRGB /BitsPerComponent 8 /Filter /DCTDecode", jpeg)
            for _, jpeg in pictures
        ),
        b"<< /Type /Catalog /Pages 6 0 R >>",
    ]
    return _file(objects, catalog)


def _file(objects: list[bytes], catalog: int) -> bytes:
    out, offsets = bytearray(b"%PDF-1.4\n%\xe2\xe3\xcf\xd3\n"), []
    for number, body in enumerate(objects, 1):
        offsets.append(len(out))
        out += b"%d 0 obj\n%b\nendobj\n" % (number, body)
    start = len(out)
    out += b"xref\n0 %d\n0000000000 65535 f \n" % (len(objects) + 1)
    out += b"".join(b"%010d 00000 n \n" % offset for offset in offsets)
    out += b"trailer\n<< /Size %d /Root %d 0 R /Info 4 0 R >>\nstartxref\n%d\n%%%%EOF\n" % (len(objects) + 1, catalog, start)
    return bytes(out)


def _stream(entries: bytes, data: bytes) -> bytes:
    return b"<< %b /Length %d >>\nstream\n%b\nendstream" % (entries, len(data), data)


def _draw(block: Block, index: int) -> str:
    left, width, height = block.left * WIDTH_PT, block.width * WIDTH_PT, block.height * HEIGHT_PT
    top = HEIGHT_PT * (1 - block.top)
    if block.kind == "rule":
        return f"1 w {left:.2f} {top:.2f} m {left + width:.2f} {top:.2f} l S"
    if block.kind == "picture":
        return f"q {width:.2f} 0 0 {height:.2f} {left:.2f} {top - height:.2f} cm /P{index} Do Q"
    if block.kind == "table":
        return _draw_table(block, left, top, width)
    if block.kind == "field":
        box = f"0.8 w {left:.2f} {top - height:.2f} {width:.2f} {height:.2f} re S"
        return "\n".join([box, *(_line(text, left + 3, top - block.size_pt - 2, block.size_pt, "F1") for text in block.lines)])
    return _draw_text(block, left, top, width)


def _draw_text(block: Block, left: float, top: float, width: float) -> str:
    size, font = block.size_pt, "F2" if block.kind == "heading" else "F1"
    out = []
    for paragraph in block.lines:
        for text in textwrap.wrap(paragraph, max(8, int(width / (size * LETTER_WIDTH)))) or [""]:
            top -= size * LEADING
            slack = width - len(text) * size * LETTER_WIDTH
            shift = {"left": 0.0, "center": max(0.0, slack / 2), "right": max(0.0, slack)}[block.align]
            out.append(_line(text, left + shift, top, size, font))
    return "\n".join(out)


def _draw_table(block: Block, left: float, top: float, width: float) -> str:
    height, columns = block.size_pt * 2, len(block.rows[0])
    out = []
    for number, row in enumerate(block.rows):
        base = top - height * (number + 1)
        for column, text in enumerate(row):
            x = left + width * column / columns
            out.append(f"0.6 w {x:.2f} {base:.2f} {width / columns:.2f} {height:.2f} re S")
            out.append(_line(text, x + 4, base + height * 0.32, block.size_pt, "F1" if number else "F2"))
    return "\n".join(out)


def _line(text: str, x: float, y: float, size: float, font: str) -> str:
    return f"BT /{font} {size:.2f} Tf {x:.2f} {y:.2f} Td ({_escape(text)}) Tj ET"


def _escape(text: str) -> str:
    return text.replace("\\", r"\\").replace("(", r"\(").replace(")", r"\)")
