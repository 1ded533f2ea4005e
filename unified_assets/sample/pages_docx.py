"""A page of blocks → a Word file: the paragraphs, tables and pictures in reading order (ECMA-376, zip and XML by hand)."""

from collections.abc import Iterator
from xml.sax.saxutils import escape

from unified_assets.sample.archive import CORE_TYPE, XML, archive, core_properties, relationships
from unified_assets.sample.papers import Block, Paper

W = 'xmlns:w="http://schemas.openxmlformats.org/wordprocessingml/2006/main"'
DRAWING = (
    'xmlns:r="http://schemas.openxmlformats.org/officeDocument/2006/relationships" '
    'xmlns:wp="http://schemas.openxmlformats.org/drawingml/2006/wordprocessingDrawing" '
    'xmlns:a="http://schemas.openxmlformats.org/drawingml/2006/main" xmlns:pic="http://schemas.openxmlformats.org/drawingml/2006/picture"'
)
OFFICE = "http://schemas.openxmlformats.org/officeDocument/2006/relationships"
WORD = "application/vnd.openxmlformats-officedocument.wordprocessingml"
TWIPS_WIDTH = 9600  # of the running text
EMU_WIDTH, EMU_HEIGHT = 7_560_000, 10_692_000  # A4

STYLES = (
    f'{XML}<w:styles {W}><w:style w:type="paragraph" w:default="1" w:styleId="Normal"><w:name w:val="Normal"/></w:style>'
    '<w:style w:type="paragraph" w:styleId="Heading1"><w:name w:val="heading 1"/><w:basedOn w:val="Normal"/><w:rPr><w:b/></w:rPr></w:style></w:styles>'
)


def docx(paper: Paper) -> bytes:
    """A Word file of one section with the paper's columns."""
    pictures = [block.jpeg for block in paper.blocks if block.kind == "picture"]
    numbers = iter(range(1, len(pictures) + 1))
    body = "".join(_block(block, numbers) for block in paper.blocks)
    section = f'<w:sectPr><w:pgSz w:w="11906" w:h="16838"/><w:cols w:num="{paper.columns}" w:space="500"/></w:sectPr>'
    document = f"{XML}<w:document {W} {DRAWING}><w:body>{body}{section}</w:body></w:document>"
    types = {"/word/document.xml": f"{WORD}.document.main+xml", "/word/styles.xml": f"{WORD}.styles+xml", "/docProps/core.xml": CORE_TYPE}
    parts = {
        "word/document.xml": document,
        "word/styles.xml": STYLES,
        "word/_rels/document.xml.rels": relationships(
            {"rId0": (f"{OFFICE}/styles", "styles.xml"), **{f"rId{n}": (f"{OFFICE}/image", f"media/image{n}.jpg") for n in range(1, len(pictures) + 1)}}
        ),
        "docProps/core.xml": core_properties(paper.title),
    }
    media = {f"word/media/image{number}.jpg": jpeg for number, jpeg in enumerate(pictures, 1)}
    return archive("word/document.xml", types, parts, media)


def _block(block: Block, numbers: Iterator[int]) -> str:
    if block.kind == "table":
        return _table(block.rows, block.size_pt)
    if block.kind == "field":
        return _table(((*(block.lines or (" ",)), " " * 30),), block.size_pt)
    if block.kind == "rule":
        return '<w:p><w:pPr><w:pBdr><w:bottom w:val="single" w:sz="8" w:space="1" w:color="000000"/></w:pBdr></w:pPr></w:p>'
    if block.kind == "picture":
        return _picture(next(numbers), round(block.width * EMU_WIDTH), round(block.height * EMU_HEIGHT))
    style = '<w:pStyle w:val="Heading1"/>' if block.kind == "heading" else ""
    return "".join(_paragraph(line, f'{style}<w:jc w:val="{block.align}"/>', block.size_pt, bold=block.kind == "heading") for line in block.lines)


def _paragraph(text: str, properties: str, size_pt: float, *, bold: bool = False) -> str:
    run = f'<w:rPr>{"<w:b/>" if bold else ""}<w:sz w:val="{round(size_pt * 2)}"/></w:rPr>'
    return f'<w:p><w:pPr>{properties}</w:pPr><w:r>{run}<w:t xml:space="preserve">{escape(text)}</w:t></w:r></w:p>'


def _table(rows: tuple[tuple[str, ...], ...], size_pt: float) -> str:
    width = TWIPS_WIDTH // len(rows[0])
    borders = "".join(f'<w:{edge} w:val="single" w:sz="6" w:space="0" w:color="000000"/>' for edge in ("top", "left", "bottom", "right", "insideH", "insideV"))
    grid = f'<w:gridCol w:w="{width}"/>' * len(rows[0])
    lines = "".join(
        "<w:tr>" + "".join(f'<w:tc><w:tcPr><w:tcW w:w="{width}" w:type="dxa"/></w:tcPr>{_paragraph(cell, "", size_pt)}</w:tc>' for cell in row) + "</w:tr>"
        for row in rows
    )
    # Word joins tables that touch, so a paragraph follows each.
    return f"<w:tbl><w:tblPr><w:tblBorders>{borders}</w:tblBorders></w:tblPr><w:tblGrid>{grid}</w:tblGrid>{lines}</w:tbl><w:p/>"


def _picture(number: int, width: int, height: int) -> str:
    graphic = (
        '<a:graphic><a:graphicData uri="http://schemas.openxmlformats.org/drawingml/2006/picture"><pic:pic><pic:nvPicPr>'
        f'<pic:cNvPr id="{number}" name="image{number}.jpg"/><pic:cNvPicPr/></pic:nvPicPr><pic:blipFill><a:blip r:embed="rId{number}"/>'
        f'<a:stretch><a:fillRect/></a:stretch></pic:blipFill><pic:spPr><a:xfrm><a:off x="0" y="0"/><a:ext cx="{width}" cy="{height}"/></a:xfrm>'
        '<a:prstGeom prst="rect"><a:avLst/></a:prstGeom></pic:spPr></pic:pic></a:graphicData></a:graphic>'
    )
    inline = f'<wp:inline><wp:extent cx="{width}" cy="{height}"/><wp:docPr id="{number}" name="Figure {number}"/>{graphic}</wp:inline>'
    return f'<w:p><w:pPr><w:jc w:val="center"/></w:pPr><w:r><w:drawing>{inline}</w:drawing></w:r></w:p>'
