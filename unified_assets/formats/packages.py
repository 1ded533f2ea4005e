"""A zip package of a document in; its parts, read within bounds, out. Bombs end as UnreadableFile("bomb")."""

import posixpath
import zipfile
import zlib
from collections.abc import Iterator
from contextlib import contextmanager
from typing import BinaryIO

from lxml import etree

from unified_assets.core.errors import UnreadableFile

MAX_PART_BYTES = 64 << 20
MAX_TOTAL_BYTES = 256 << 20
MAX_RATIO = 250  # of a part larger than a megabyte; real Office XML stays below 60
MAX_PARTS = 20_000
_RATIO_FROM_BYTES = 1 << 20
_RELATION = "{http://schemas.openxmlformats.org/package/2006/relationships}Relationship"
_PARSER = {"resolve_entities": False, "no_network": True, "huge_tree": False, "load_dtd": False, "recover": True, "remove_comments": True, "remove_pis": True}


class Package:
    """Parts of an open package by name."""

    def __init__(self, archive: zipfile.ZipFile) -> None:
        self._archive = archive
        self.names = frozenset(archive.namelist())
        self._left = MAX_TOTAL_BYTES

    def read(self, name: str) -> bytes:
        """A part's bytes. Sizes are counted while reading: what the directory claims proves nothing."""
        try:
            info = self._archive.getinfo(name)
            if info.flag_bits & 1:
                raise UnreadableFile("encrypted", name)
            bound = min(MAX_PART_BYTES, self._left, max(_RATIO_FROM_BYTES, info.compress_size * MAX_RATIO))
            with self._archive.open(info) as part:
                data = part.read(bound + 1)
        except KeyError as error:
            raise UnreadableFile("part_missing", name) from error
        except (zipfile.BadZipFile, zlib.error, EOFError, OSError, NotImplementedError, RuntimeError, ValueError) as error:
            raise UnreadableFile("corrupt", f"{name}: {error}") from error
        if len(data) > bound:
            raise UnreadableFile("bomb", f"{name} unpacks to more than {bound >> 20} MiB from {info.compress_size} bytes")
        self._left -= len(data)
        return data

    def xml(self, name: str) -> etree._Element:
        """A part as a tree: no entities, no network, no huge trees."""
        try:
            root = etree.fromstring(self.read(name), etree.XMLParser(**_PARSER))
        except etree.XMLSyntaxError as error:
            raise UnreadableFile("corrupt", f"{name}: {error}") from error
        if root is None:
            raise UnreadableFile("corrupt", f"{name} holds no XML")
        return root

    def relations(self, name: str) -> dict[str, tuple[str, str]]:
        """Relations of a part: id -> (type's last word, name of the part it points at). External targets are left out."""
        folder, base = posixpath.split(name)
        try:
            root = self.xml(f"{folder}/_rels/{base}.rels")
        except UnreadableFile as error:
            if error.reason != "part_missing":
                raise
            return {}
        return {
            node.get("Id", ""): (node.get("Type", "").rpartition("/")[2], self._resolve(folder, node.get("Target", "")))
            for node in root.iter(_RELATION)
            if node.get("TargetMode") != "External"
        }

    @staticmethod
    def _resolve(folder: str, target: str) -> str:
        return target[1:] if target.startswith("/") else posixpath.normpath(posixpath.join(folder, target))


@contextmanager
def open_package(stream: BinaryIO) -> Iterator[Package]:
    """Open a zip package. Raises UnreadableFile for what is none, or has too many parts."""
    stream.seek(0)
    try:
        archive = zipfile.ZipFile(stream)
    except (zipfile.BadZipFile, ValueError, OSError, NotImplementedError) as error:
        raise UnreadableFile("encrypted" if _is_ole(stream) else "truncated", str(error)) from error
    with archive:
        if len(archive.infolist()) > MAX_PARTS:
            raise UnreadableFile("bomb", f"{len(archive.infolist())} parts")
        yield Package(archive)


def _is_ole(stream: BinaryIO) -> bool:
    """Office wraps an encrypted package in an OLE file."""
    stream.seek(0)
    return stream.read(4) == b"\xd0\xcf\x11\xe0"
