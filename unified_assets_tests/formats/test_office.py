"""Words, places and pictures of Office files; bombs and locks are named."""

import io
import struct
import zipfile

import numpy as np
import pytest
from PIL import Image

from unified_assets.core.errors import UnreadableFile
from unified_assets.files import decode_bytes
from unified_assets.formats import slide_binary, word_binary
from unified_assets.formats.packages import open_package
from unified_assets.formats.rich_text import rich_text

W = 'xmlns:w="http://schemas.openxmlformats.org/wordprocessingml/2006/main"'
A = 'xmlns:a="http://schemas.openxmlformats.org/drawingml/2006/main"'
P = 'xmlns:p="http://schemas.openxmlformats.org/presentationml/2006/main"'
R = 'xmlns:r="http://schemas.openxmlformats.org/officeDocument/2006/relationships"'
RELATIONS = '<Relationships xmlns="http://schemas.openxmlformats.org/package/2006/relationships">{}</Relationships>'
TYPE = "http://schemas.openxmlformats.org/officeDocument/2006/relationships/"


def packed(parts: dict[str, str | bytes], compression: int = zipfile.ZIP_DEFLATED) -> bytes:
    buffer = io.BytesIO()
    with zipfile.ZipFile(buffer, "w", compression) as package:
        for name, data in {"[Content_Types].xml": "<Types/>", **parts}.items():
            package.writestr(name, data)
    return buffer.getvalue()


def relation(name: str, kind: str, target: str) -> str:
    return f'<Relationship Id="{name}" Type="{TYPE}{kind}" Target="{target}"/>'


def picture() -> bytes:
    buffer = io.BytesIO()
    Image.new("RGB", (64, 48), (200, 30, 30)).save(buffer, "PNG")
    return buffer.getvalue()


def word(body: str, **parts: str | bytes) -> bytes:
    return packed({"word/document.xml": f"<w:document {W} {A} {R}><w:body>{body}</w:body></w:document>", **parts})


def paragraph(text: str) -> str:
    return f"<w:p><w:r><w:t>{text}</w:t></w:r></w:p>"


def test_word_paragraphs_tables_headers_and_pictures_come_in_reading_order():
    cell = "<w:tc>{}</w:tc>"
    table = "<w:tbl><w:tr>" + "".join(cell.format(paragraph(text)) for text in ("north", "south")) + "</w:tr></w:tbl>"
    drawing = '<w:p><w:r><w:drawing><a:blip r:embed="rId1"/></w:drawing></w:r></w:p>'
    relations = RELATIONS.format(relation("rId1", "image", "media/a.png") + relation("rId2", "header", "header1.xml"))
    data = word(
        paragraph("first") + table + drawing + paragraph("last"),
        **{
            "word/_rels/document.xml.rels": relations,
            "word/media/a.png": picture(),
            "word/header1.xml": f"<w:hdr {W}>{paragraph('letterhead')}</w:hdr>",
        },
    )
    modality, _, decoded = decode_bytes(data)
    assert modality == "document"
    assert [line for line in decoded.text.splitlines() if line] == ["letterhead", "first", "north\tsouth", "last"]
    assert [item.shape for item in decoded.pictures] == [(48, 64, 3)]
    page = decoded.pages[0].image
    assert max(page.shape) == 512
    assert (page == [200, 30, 30]).all(axis=2).sum() > 100  # the picture is pasted


def test_long_documents_flow_over_pages_and_four_are_kept():
    decoded = decode_bytes(word("".join(paragraph(f"line {number}") for number in range(400))))[2]
    assert len(decoded.pages) == 4
    assert decoded.pages[1].text.splitlines()[0].startswith("line ")


def test_entities_and_outside_files_are_not_read(tmp_path):
    (tmp_path / "secret.txt").write_text("SECRET")
    body = f'<!DOCTYPE x [<!ENTITY e SYSTEM "file://{tmp_path}/secret.txt">]><w:document {W}><w:body>{paragraph("a&e;b")}</w:body></w:document>'
    text = decode_bytes(packed({"word/document.xml": body}))[2].text
    assert "SECRET" not in text


def test_slides_put_text_where_its_boxes_are():
    def shape(text: str, top: int) -> str:
        frame = f'<p:spPr><a:xfrm><a:off x="0" y="{top}"/><a:ext cx="9144000" cy="1000000"/></a:xfrm></p:spPr>'
        return f"<p:sp>{frame}<p:txBody><a:p><a:r><a:t>{text}</a:t></a:r></a:p></p:txBody></p:sp>"

    slide = f"<p:sld {P} {A}><p:cSld><p:spTree>{shape('above', 100_000)}{shape('below', 5_500_000)}</p:spTree></p:cSld></p:sld>"
    data = packed(
        {
            "ppt/presentation.xml": f"<p:presentation {P} {R}><p:sldIdLst>"
            f'<p:sldId id="256" r:id="rId9"/></p:sldIdLst><p:sldSz cx="9144000" cy="6858000"/></p:presentation>',
            "ppt/_rels/presentation.xml.rels": RELATIONS.format(relation("rId9", "slide", "slides/slide1.xml")),
            "ppt/slides/slide1.xml": slide,
        }
    )
    decoded = decode_bytes(data)[2]
    assert (decoded.total_pages, decoded.text) == (1, "above\nbelow")
    dark = (decoded.pages[0].image < 128).all(axis=2).sum(axis=1)
    assert decoded.pages[0].image.shape == (384, 512, 3)
    assert dark[:60].sum() > 0
    assert dark[120:300].sum() == 0
    assert dark[300:].sum() > 0


def test_open_document_text_is_read():
    office = 'xmlns:office="urn:oasis:names:tc:opendocument:xmlns:office:1.0" xmlns:text="urn:oasis:names:tc:opendocument:xmlns:text:1.0"'
    body = "<office:body><office:text><text:h>Plums</text:h><text:p>are <text:span>ripe</text:span> now</text:p></office:text></office:body>"
    content = f"<office:document-content {office}>{body}</office:document-content>"
    buffer = io.BytesIO()
    with zipfile.ZipFile(buffer, "w") as package:
        package.writestr("mimetype", "application/vnd.oasis.opendocument.text")
        package.writestr("content.xml", content)
    assert decode_bytes(buffer.getvalue())[2].text == "Plums\nare ripe now"


def test_bombs_are_stopped_while_they_unpack():
    data = word(paragraph("x"), **{"word/media/zeros.bin": bytes(80 << 20)})
    lying = data.replace(struct.pack("<L", 80 << 20), struct.pack("<L", 10))
    assert lying != data
    for claimed in (data, lying):
        with pytest.raises(UnreadableFile, match="bomb"):
            open_package(io.BytesIO(claimed)).read("word/media/zeros.bin")
    deep = b"{\\rtf1" + b"{" * 5000
    with pytest.raises(UnreadableFile, match="bomb"):
        rich_text(deep)


def test_rich_text_skips_tables_of_fonts_and_reads_escapes():
    source = b"{\\rtf1\\ansi\\ansicpg1252{\\fonttbl{\\f0 Arial;}}{\\info{\\title Plums}}caf\\'e9 \\u9731?\\tab {\\b bold}\\par next{\\*\\generator x}}"
    assert rich_text(source) == ("café ☃\tbold\nnext", "Plums")


class FakeOle:
    """Streams by name: what the readers of legacy Office need of an OLE file."""

    def __init__(self, **streams: bytes) -> None:
        self.streams = {name.replace("_", " "): data for name, data in streams.items()}

    def exists(self, name: str) -> bool:
        return name in self.streams

    def get_size(self, name: str) -> int:
        return len(self.streams[name])

    def openstream(self, name: str) -> io.BytesIO:
        return io.BytesIO(self.streams[name])


def legacy_word(flags: int = 0x0200) -> FakeOle:
    latin, wide = b"caf\xe9 \x13 HYPERLINK x \x14link\x15\r", "снег\r".encode("utf-16-le")
    main = bytearray(1024)
    main[:2], main[2:4] = b"\xec\xa5", struct.pack("<H", 0x00C1)
    main[10:12] = struct.pack("<H", flags)
    chars = len(latin) + len(wide) // 2
    main[0x4C:0x50] = struct.pack("<I", chars)
    main += latin + wide
    pieces = struct.pack("<3I", 0, len(latin), chars)
    pieces += struct.pack("<HIH", 0, (1024 * 2) | 0x40000000, 0) + struct.pack("<HIH", 0, 1024 + len(latin), 0)
    clx = b"\x01" + struct.pack("<H", 2) + b"\0\0" + b"\x02" + struct.pack("<I", len(pieces)) + pieces
    main[0x1A2:0x1AA] = struct.pack("<II", 0, len(clx))
    return FakeOle(WordDocument=bytes(main), **{"1Table": clx})


def test_legacy_word_text_is_put_together_from_its_pieces():
    assert word_binary.word_text(legacy_word()) == "café link\nснег\n"


def test_a_locked_legacy_word_file_is_named():
    with pytest.raises(UnreadableFile, match="encrypted"):
        word_binary.word_text(legacy_word(flags=0x0300))


def record(kind: int, body: bytes, *, container: bool = False, instance: int = 0) -> bytes:
    return struct.pack("<HHI", instance << 4 | (0xF if container else 0), kind, len(body)) + body


def test_legacy_slides_keep_the_places_of_their_texts():
    anchor = record(0xF010, struct.pack("<hhhh", 80, 160, 2400, 800))  # top, left, right, bottom
    own = record(0xF004, anchor + record(0xF00D, record(0x0FA8, b"own words"), container=True), container=True)
    outline = record(0xF004, anchor + record(0xF00D, record(0x0F9E, struct.pack("<I", 0)), container=True), container=True)
    texts = record(0x03F3, bytes(20)) + record(0x0FA0, "общий".encode("utf-16-le"))
    document = record(0x03E8, record(0x03E9, struct.pack("<ii", 5760, 4320) + bytes(32)) + record(0x0FF0, texts, container=True), container=True)
    slide = record(0x03EE, own + outline, container=True)
    slides = slide_binary.read_slides(FakeOle(PowerPoint_Document=document + slide))
    image, text = slides.page(0)
    assert (slides.size, text) == ((720.0, 540.0), "own words\nобщий")
    assert image.shape == (384, 512, 3)
    assert slides.slides[0][0].box == (20.0, 10.0, 300.0, 100.0)


def test_any_cut_of_legacy_streams_ends_in_text_or_a_reason():
    whole = legacy_word()
    for length in range(0, len(whole.streams["WordDocument"]), 7):
        cut = FakeOle(**{**whole.streams, "WordDocument": whole.streams["WordDocument"][:length]})
        try:
            assert isinstance(word_binary.word_text(cut), str)
        except UnreadableFile as error:
            assert error.reason == "corrupt"  # noqa: PT017 - either end is right


def test_pictures_of_a_page_are_drawn_deterministically():
    one, other = (decode_bytes(word(paragraph("same words")))[2].pages[0].image for _ in range(2))
    assert np.array_equal(one, other)


def book(chapters: dict[str, str], **parts: bytes) -> bytes:
    manifest = "".join(f'<item id="{name}" href="{name}"/>' for name in chapters)
    spine = "".join(f'<itemref idref="{name}"/>' for name in chapters)
    opf = '<package xmlns="http://www.idpf.org/2007/opf"><metadata xmlns:dc="http://purl.org/dc/elements/1.1/"><dc:title>Plums</dc:title></metadata>'
    buffer = io.BytesIO()
    with zipfile.ZipFile(buffer, "w", zipfile.ZIP_DEFLATED) as package:
        package.writestr("mimetype", b"application/epub+zip", zipfile.ZIP_STORED)
        package.writestr("META-INF/container.xml", '<container><rootfiles><rootfile full-path="OEBPS/book.opf"/></rootfiles></container>')
        package.writestr("OEBPS/book.opf", f"{opf}<manifest>{manifest}</manifest><spine>{spine}</spine></package>")
        for name, body in chapters.items():
            package.writestr(f"OEBPS/{name}", f'<html xmlns="http://www.w3.org/1999/xhtml"><body>{body}</body></html>')
        for name, data in parts.items():
            package.writestr(name, data)
    return buffer.getvalue()


def test_a_book_is_read_in_the_order_of_its_spine():
    chapters = {"two.xhtml": "<h1>First</h1><p>A <b>ripe</b> plum.</p><script>no()</script>", "one.xhtml": "<p>Last.</p><img src='../pic.png'/>"}
    modality, media_type, document = decode_bytes(book(chapters, **{"pic.png": picture()}))
    assert (modality, media_type, document.title, document.total_pages) == ("document", "application/epub+zip", "Plums", 2)
    assert [page.text for page in document.pages] == ["First\nA ripe plum.", "Last."]
    assert [inside.shape for inside in document.pictures] == [(48, 64, 3)]


def test_a_book_that_bursts_or_has_no_spine_says_so():
    with pytest.raises(UnreadableFile, match="bomb"):
        decode_bytes(book({"one.xhtml": "<p>" + " " * (90 << 20) + "</p>"}))
    with pytest.raises(UnreadableFile) as caught:
        decode_bytes(packed({"mimetype": "", "META-INF/container.xml": "<container/>"}))
    assert caught.value.reason in {"corrupt", "unsupported"}
