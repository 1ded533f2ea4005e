"""Parts and content types → an Office file: a zip whose entries have no time of their own (ECMA-376, part 2)."""

import io
import zipfile
from collections.abc import Mapping
from xml.sax.saxutils import escape

XML = '<?xml version="1.0" encoding="UTF-8" standalone="yes"?>\n'
PACKAGE = "http://schemas.openxmlformats.org/package/2006"
CORE_TYPE = "application/vnd.openxmlformats-package.core-properties+xml"
OFFICE_DOCUMENT = "http://schemas.openxmlformats.org/officeDocument/2006/relationships/officeDocument"


def archive(main: str, types: Mapping[str, str], parts: Mapping[str, str], media: Mapping[str, bytes]) -> bytes:
    """The file with `main` as its document. `types`: part name with a leading slash -> content type."""
    overrides = "".join(f'<Override PartName="{part}" ContentType="{kind}"/>' for part, kind in types.items())
    defaults = (
        '<Default Extension="rels" ContentType="application/vnd.openxmlformats-package.relationships+xml"/>'
        '<Default Extension="xml" ContentType="application/xml"/><Default Extension="jpg" ContentType="image/jpeg"/>'
    )
    root = relationships({"rId1": (OFFICE_DOCUMENT, main), "rId2": (f"{PACKAGE}/relationships/metadata/core-properties", "docProps/core.xml")})
    entries: dict[str, bytes] = {
        "[Content_Types].xml": f'{XML}<Types xmlns="{PACKAGE}/content-types">{defaults}{overrides}</Types>'.encode(),
        "_rels/.rels": root.encode(),
        **{name: text.encode() for name, text in parts.items()},
        **media,
    }
    return zipped(entries)


def zipped(entries: Mapping[str, bytes]) -> bytes:
    """A zip file of these entries, all dated 1980."""
    out = io.BytesIO()
    with zipfile.ZipFile(out, "w", zipfile.ZIP_DEFLATED) as file:
        for name, data in entries.items():
            info = zipfile.ZipInfo(name)
            info.compress_type = zipfile.ZIP_DEFLATED
            info.create_system = 3
            file.writestr(info, data)
    return out.getvalue()


def relationships(targets: Mapping[str, tuple[str, str]]) -> str:
    """A .rels part: id -> (type, target)."""
    lines = "".join(f'<Relationship Id="{name}" Type="{kind}" Target="{target}"/>' for name, (kind, target) in targets.items())
    return f'{XML}<Relationships xmlns="{PACKAGE}/relationships">{lines}</Relationships>'


def core_properties(title: str) -> str:
    """docProps/core.xml with a title."""
    names = f'xmlns:cp="{PACKAGE}/metadata/core-properties" xmlns:dc="http://purl.org/dc/elements/1.1/"'
    return f"{XML}<cp:coreProperties {names}><dc:title>{escape(title)}</dc:title></cp:coreProperties>"
