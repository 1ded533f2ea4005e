"""A page of blocks → a presentation of one slide: shapes, tables and pictures at their places (ECMA-376, by hand)."""

from collections.abc import Iterator
from xml.sax.saxutils import escape

from unified_assets.sample.archive import CORE_TYPE, XML, archive, core_properties, relationships
from unified_assets.sample.papers import Block, Paper

NAMES = (
    'xmlns:a="http://schemas.openxmlformats.org/drawingml/2006/main" xmlns:p="http://schemas.openxmlformats.org/presentationml/2006/main" '
    'xmlns:r="http://schemas.openxmlformats.org/officeDocument/2006/relationships"'
)
OFFICE = "http://schemas.openxmlformats.org/officeDocument/2006/relationships"
POWERPOINT = "application/vnd.openxmlformats-officedocument.presentationml"
EMU_WIDTH, EMU_HEIGHT = 6_858_000, 9_906_000  # A4 upright
GROUP = '<p:nvGrpSpPr><p:cNvPr id="1" name=""/><p:cNvGrpSpPr/><p:nvPr/></p:nvGrpSpPr><p:grpSpPr/>'
COLOURS = " ".join([*(f'{name}="{name}"' for name in (*(f"accent{n}" for n in range(1, 7)), "hlink", "folHlink")), 'bg1="lt1" tx1="dk1" bg2="lt2" tx2="dk2"'])
ALIGN = {"left": "l", "center": "ctr", "right": "r"}


def pptx(paper: Paper) -> bytes:
    """A presentation with one slide, its master, layout and theme."""
    pictures = [block.jpeg for block in paper.blocks if block.kind == "picture"]
    numbers = iter(range(1, len(pictures) + 1))
    shapes = "".join(_block(block, index + 2, numbers) for index, block in enumerate(paper.blocks))
    presentation = (
        f'{XML}<p:presentation {NAMES}><p:sldMasterIdLst><p:sldMasterId id="2147483648" r:id="rId1"/></p:sldMasterIdLst><p:sldIdLst>'
        f'<p:sldId id="256" r:id="rId2"/></p:sldIdLst><p:sldSz cx="{EMU_WIDTH}" cy="{EMU_HEIGHT}"/>'
        f'<p:notesSz cx="{EMU_WIDTH}" cy="{EMU_HEIGHT}"/></p:presentation>'
    )
    master = (
        f"{XML}<p:sldMaster {NAMES}><p:cSld><p:spTree>{GROUP}</p:spTree></p:cSld><p:clrMap {COLOURS}/>"
        '<p:sldLayoutIdLst><p:sldLayoutId id="2147483649" r:id="rId1"/></p:sldLayoutIdLst></p:sldMaster>'
    )
    parts = {
        "ppt/presentation.xml": presentation,
        "ppt/_rels/presentation.xml.rels": _rels(rId1=("slideMaster", "slideMasters/slideMaster1.xml"), rId2=("slide", "slides/slide1.xml")),
        "ppt/slides/slide1.xml": f"{XML}<p:sld {NAMES}><p:cSld><p:spTree>{GROUP}{shapes}</p:spTree></p:cSld></p:sld>",
        "ppt/slides/_rels/slide1.xml.rels": _rels(
            rId0=("slideLayout", "../slideLayouts/slideLayout1.xml"), **{f"rId{n}": ("image", f"../media/image{n}.jpg") for n in range(1, len(pictures) + 1)}
        ),
        "ppt/slideMasters/slideMaster1.xml": master,
        "ppt/slideMasters/_rels/slideMaster1.xml.rels": _rels(rId1=("slideLayout", "../slideLayouts/slideLayout1.xml"), rId2=("theme", "../theme/theme1.xml")),
        "ppt/slideLayouts/slideLayout1.xml": f"{XML}<p:sldLayout {NAMES}><p:cSld><p:spTree>{GROUP}</p:spTree></p:cSld></p:sldLayout>",
        "ppt/slideLayouts/_rels/slideLayout1.xml.rels": _rels(rId1=("slideMaster", "../slideMasters/slideMaster1.xml")),
        "ppt/theme/theme1.xml": _theme(),
        "docProps/core.xml": core_properties(paper.title),
    }
    types = {
        "/ppt/presentation.xml": f"{POWERPOINT}.presentation.main+xml",
        "/ppt/slides/slide1.xml": f"{POWERPOINT}.slide+xml",
        "/ppt/slideMasters/slideMaster1.xml": f"{POWERPOINT}.slideMaster+xml",
        "/ppt/slideLayouts/slideLayout1.xml": f"{POWERPOINT}.slideLayout+xml",
        "/ppt/theme/theme1.xml": "application/vnd.openxmlformats-officedocument.theme+xml",
        "/docProps/core.xml": CORE_TYPE,
    }
    return archive("ppt/presentation.xml", types, parts, {f"ppt/media/image{number}.jpg": jpeg for number, jpeg in enumerate(pictures, 1)})


def _rels(**targets: tuple[str, str]) -> str:
    return relationships({name: (f"{OFFICE}/{kind}", target) for name, (kind, target) in targets.items()})


def _block(block: Block, number: int, pictures: Iterator[int]) -> str:
    place = (
        f'<a:off x="{round(block.left * EMU_WIDTH)}" y="{round(block.top * EMU_HEIGHT)}"/>'
        f'<a:ext cx="{round(block.width * EMU_WIDTH)}" cy="{round(max(block.height, 0.001) * EMU_HEIGHT)}"/>'
    )
    if block.kind == "table":
        return _table(block, number, place)
    if block.kind == "picture":
        return (
            f'<p:pic><p:nvPicPr><p:cNvPr id="{number}" name="Picture {number}"/><p:cNvPicPr/><p:nvPr/></p:nvPicPr><p:blipFill>'
            f'<a:blip r:embed="rId{next(pictures)}"/><a:stretch><a:fillRect/></a:stretch></p:blipFill>'
            f'<p:spPr><a:xfrm>{place}</a:xfrm><a:prstGeom prst="rect"><a:avLst/></a:prstGeom></p:spPr></p:pic>'
        )
    line = '<a:ln w="9525"><a:solidFill><a:srgbClr val="000000"/></a:solidFill></a:ln>' if block.kind in {"field", "rule"} else ""
    return (
        f'<p:sp><p:nvSpPr><p:cNvPr id="{number}" name="{block.kind.title()} {number}"/><p:cNvSpPr/><p:nvPr/></p:nvSpPr>'
        f'<p:spPr><a:xfrm>{place}</a:xfrm><a:prstGeom prst="rect"><a:avLst/></a:prstGeom>{line}</p:spPr>'
        f'<p:txBody><a:bodyPr wrap="square"/>{_paragraphs(block)}</p:txBody></p:sp>'
    )


def _paragraphs(block: Block) -> str:
    bold = ' b="1"' if block.kind == "heading" else ""
    size = round(block.size_pt * 100)
    return "".join(
        f'<a:p><a:pPr algn="{ALIGN[block.align]}"/><a:r><a:rPr sz="{size}"{bold}/><a:t>{escape(line)}</a:t></a:r></a:p>' for line in block.lines or ("",)
    )


def _table(block: Block, number: int, place: str) -> str:
    width = round(block.width * EMU_WIDTH / len(block.rows[0]))
    height = round(block.height * EMU_HEIGHT / len(block.rows))
    size = round(block.size_pt * 100)
    cells = "".join(
        f'<a:tr h="{height}">'
        + "".join(f'<a:tc><a:txBody><a:bodyPr/><a:p><a:r><a:rPr sz="{size}"/><a:t>{escape(cell)}</a:t></a:r></a:p></a:txBody><a:tcPr/></a:tc>' for cell in row)
        + "</a:tr>"
        for row in block.rows
    )
    grid = f'<a:gridCol w="{width}"/>' * len(block.rows[0])
    return (
        f'<p:graphicFrame><p:nvGraphicFramePr><p:cNvPr id="{number}" name="Table {number}"/><p:cNvGraphicFramePr/><p:nvPr/></p:nvGraphicFramePr>'
        f'<p:xfrm>{place}</p:xfrm><a:graphic><a:graphicData uri="http://schemas.openxmlformats.org/drawingml/2006/table">'
        f"<a:tbl><a:tblPr/><a:tblGrid>{grid}</a:tblGrid>{cells}</a:tbl></a:graphicData></a:graphic></p:graphicFrame>"
    )


def _theme() -> str:
    colours = {
        "dk1": "000000",
        "lt1": "FFFFFF",
        "dk2": "222222",
        "lt2": "EEEEEE",
        **{f"accent{n}": "336699" for n in range(1, 7)},
        "hlink": "0000EE",
        "folHlink": "551A8B",
    }
    scheme = "".join(f'<a:{name}><a:srgbClr val="{value}"/></a:{name}>' for name, value in colours.items())
    font = '<a:latin typeface="Arial"/><a:ea typeface=""/><a:cs typeface=""/>'
    fill = '<a:solidFill><a:schemeClr val="phClr"/></a:solidFill>' * 3
    lines = '<a:ln w="9525"><a:solidFill><a:schemeClr val="phClr"/></a:solidFill></a:ln>' * 3
    effects = "<a:effectStyle><a:effectLst/></a:effectStyle>" * 3
    return (
        f'{XML}<a:theme xmlns:a="http://schemas.openxmlformats.org/drawingml/2006/main" name="Plain"><a:themeElements>'
        f'<a:clrScheme name="Plain">{scheme}</a:clrScheme>'
        f'<a:fontScheme name="Plain"><a:majorFont>{font}</a:majorFont><a:minorFont>{font}</a:minorFont></a:fontScheme><a:fmtScheme name="Plain">'
        f"<a:fillStyleLst>{fill}</a:fillStyleLst><a:lnStyleLst>{lines}</a:lnStyleLst><a:effectStyleLst>{effects}</a:effectStyleLst>"
        f"<a:bgFillStyleLst>{fill}</a:bgFillStyleLst></a:fmtScheme></a:themeElements></a:theme>"
    )
