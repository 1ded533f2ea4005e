"""Content decides; the name only breaks ties."""

import io
import zipfile

import legacy_office
import pytest
from PIL import Image

from unified_assets.files import detect


def told(data: bytes, name: str = "") -> str:
    return detect(io.BytesIO(data), name).media_type


def archive(*names: str) -> bytes:
    buffer = io.BytesIO()
    with zipfile.ZipFile(buffer, "w") as package:
        for name in names:
            package.writestr(name, b"<x/>")
    return buffer.getvalue()


def mp3_frames(count: int, padding: bytes = b"") -> bytes:
    return padding + (b"\xff\xfb\x90\x00" + bytes(413)) * count  # MPEG 1 layer III, 128 kbit/s, 44.1 kHz: 417 bytes


@pytest.mark.parametrize("suffix", ["png", "jpeg", "gif", "bmp", "tiff", "webp"])
def test_images_are_told_without_a_name(suffix):
    buffer = io.BytesIO()
    Image.new("RGB", (9, 7), "teal").save(buffer, suffix)
    assert told(buffer.getvalue()) == f"image/{suffix}"


@pytest.mark.parametrize(
    ("data", "expected"),
    [
        (b"RIFF\x24\0\0\0WAVEfmt ", "audio/wav"),
        (b"RIFF\x24\0\0\0AVI LIST", "video/x-msvideo"),
        (b"fLaC\0\0\0\x22", "audio/flac"),
        (b"OggS\0\2" + bytes(22) + b"\1\x1e\1vorbis", "audio/ogg"),
        (b"OggS\0\2" + bytes(22) + b"\1\x2a\x80theora", "video/ogg"),
        (b"\x1aE\xdf\xa3\x01\0\0\0\0\0\0\x1fB\x82\x84webm", "video/webm"),
        (b"\x1aE\xdf\xa3\x01\0\0\0\0\0\0\x1fB\x82\x88matroska", "video/x-matroska"),
        (b"FLV\x01\x05", "video/x-flv"),
        (b"\0\0\0\x14ftypqt  \0\0\0\0qt  ", "video/quicktime"),
        (b"\0\0\0\x14ftypM4A \0\0\0\0M4A ", "audio/mp4"),
        (b"\0\0\0\x10ftypisom\0\0\0\0\0\0\0\x24moovtrakhdlr....soun..........", "audio/mp4"),
        (b"\0\0\0\x10ftypisom\0\0\0\0\0\0\0\x24moovtrakhdlr....vide..........", "video/mp4"),
        (b"\0\0\0\x18ftypheic\0\0\0\0heicmif1", "image/heic"),
        (b"OggS\0\2" + bytes(22) + b"\1\x13OpusHead", "audio/ogg"),
        (b"junk before\n%PDF-1.4\n", "application/pdf"),
        (b"{\\rtf1\\ansi hello}", "application/rtf"),
        (b"\x1f\x8b\x08\0", "application/gzip"),
        (bytes(257) + b"ustar\x0000", "application/x-tar"),
        (b"BM" + bytes(12) + b"\x28\0\0\0" + bytes(40), "image/bmp"),
        (b"BMW is a maker of cars.\n", "text/plain"),
        (b"MM is not always a TIFF.\n", "text/plain"),
    ],
)
def test_magic_numbers_decide(data, expected):
    assert told(data) == expected


def test_chains_of_frames_tell_mp3_and_aac_from_noise():
    assert told(mp3_frames(4)) == "audio/mpeg"
    tag = b"ID3\x03\0\0" + bytes([0, 0, 1, 0])
    assert told(tag + bytes(128) + mp3_frames(4)) == "audio/mpeg"
    assert told(b"\xff\xfb\x90\x00" + bytes(900)) == "application/octet-stream"
    adts = b"\xff\xf1\x50\x80\x02\x1f\xfc" + b"\x8f" * 9  # 16 bytes
    assert told(adts * 4) == "audio/aac"


def test_zip_directories_tell_office_from_archives():
    office = "application/vnd.openxmlformats-officedocument."
    assert told(archive("[Content_Types].xml", "word/document.xml")) == f"{office}wordprocessingml.document"
    assert told(archive("[Content_Types].xml", "ppt/presentation.xml")) == f"{office}presentationml.presentation"
    found = detect(io.BytesIO(archive("[Content_Types].xml", "xl/workbook.xml")), "book.xlsx")
    assert (found.modality, found.agrees) == ("other", True)
    assert told(archive("word/readme.txt")) == "application/zip"
    buffer = io.BytesIO()
    with zipfile.ZipFile(buffer, "w") as package:
        package.writestr("mimetype", b"application/vnd.oasis.opendocument.text")
    assert told(buffer.getvalue()) == "application/vnd.oasis.opendocument.text"


@pytest.mark.parametrize(
    ("text", "name", "expected"),
    [
        ('{"a": 1}', "x.json", "application/json"),
        ('{"a": 1}', "", "application/json"),
        ('[{"a": 1},\n {"a": 2}]', "x.txt", "application/json"),
        ('{"a": 1}\n{"a": 2}\n', "x.json", "application/jsonl"),
        ('["a", 1]\n["b", 2]\n', "", "application/jsonl"),
        ("[see the note] about it", "x.txt", "text/plain"),
        ("{curly} words", "", "text/plain"),
        ('<?xml version="1.0"?><a/>', "x.txt", "text/xml"),
        ("<annotation>\n<size/></annotation>", "", "text/xml"),
        ("<!DOCTYPE html><html></html>", "", "text/html"),
        ("<html><body>x</body></html>", "x.html", "text/html"),
        ("a,b\n1,2\n3,4\n", "", "text/csv"),
        ("a\tb\n1\t2\n3\t4\n", "", "text/tab-separated-values"),
        ("only one column\n", "x.csv", "text/csv"),
        ("Well, yes.\nNo, never, said he.\nSo\n", "", "text/plain"),
        ("# Title\n\nWords\n", "x.md", "text/markdown"),
        ("# Title\n\nWords\n", "", "text/markdown"),
        ("<!-- note -->\n# Title\n", "readme.md", "text/markdown"),
        ("x --> y\n", "pair.7.txt", "text/plain"),
        ("---\ntitle: Plums\n---\n\nThey are ripe.\n", "", "text/markdown"),
        ("1,2,3,4,5,6,7,8,GRAND TOTAL\n1,2,3,4,5,6,7,8,NO. 3, LOW ROAD\n4,5,6,7,8,9,1,2,THANKS\n", "", "text/csv"),
        ("---\nname: x\nitems:\n  - a\n", "", "application/yaml"),
        ("name: x\nitems:\n  - a\n  - b\n", "", "application/yaml"),
        ("name: x\n", "x.yml", "application/yaml"),
        ("premise: it rained\nchoice: wet\n", "", "text/plain"),
        ('<?xml version="1.0"?>\n<!-- drawn by hand -->\n<svg xmlns="http://www.w3.org/2000/svg"/>', "", "image/svg+xml"),
        ("<svg viewBox='0 0 1 1'/>", "x.svg", "image/svg+xml"),
        ("", "x.csv", "text/csv"),
        ("", "", "inode/x-empty"),
    ],
)
def test_structure_of_text_decides_and_the_name_breaks_ties(text, name, expected):
    assert told(text.encode(), name) == expected


def test_an_extension_that_promises_something_else_disagrees():
    buffer = io.BytesIO()
    Image.new("RGB", (9, 7)).save(buffer, "PNG")
    assert not detect(buffer, "photo.jpg").agrees
    assert not detect(buffer, "notes.txt").agrees
    assert detect(buffer, "photo.PNG").agrees
    assert detect(buffer, "photo").agrees
    assert detect(buffer, "photo.v2").agrees
    assert detect(io.BytesIO(b'{"a": 1}'), "export.txt").agrees
    assert not detect(io.BytesIO(b"just words"), "data.json").agrees


def test_bytes_without_structure_are_other():
    found = detect(io.BytesIO(bytes(range(256)) * 9), "x.png")
    assert (found.media_type, found.modality, found.agrees) == ("application/octet-stream", "other", False)


def test_a_compound_file_whose_folder_holds_its_own_root_is_told_by_its_name():
    data = bytearray(legacy_office.word())
    root, first = (data.index(name.encode("utf-16-le")) for name in ("Root Entry", "1Table"))
    data[root + 66] = data[first + 66] = 1  # both are storages
    data[first + 76 : first + 80] = bytes(4)  # whose child is the root it lies in
    assert told(bytes(data), "letter.doc") == "application/msword"
    assert told(bytes(data)) == "application/x-ole-storage"
    assert told(legacy_office.word()) == "application/msword"
    assert told(legacy_office.slides()) == "application/vnd.ms-powerpoint"
