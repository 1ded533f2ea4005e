"""A zip package of a document in; its parts, read within bounds, out. Bombs end as UnreadableFile("bomb")."""

import posixpath
from collections.abc import Iterable
from typing import BinaryIO

from lxml import etree

from unified_assets.core.errors import UnreadableFile
from unified_assets.formats.zip_directory import Entry, read_directory, unpack

MAX_PART_BYTES = 64 << 20
MAX_TOTAL_BYTES = 256 << 20
MAX_RATIO = 250  # of a part larger than a megabyte; real Office XML stays below 60
MAX_PARTS = 20_000
_RATIO_FROM_BYTES = 1 << 20
_RELATION = "{http://schemas.openxmlformats.org/package/2006/relationships}Relationship"
_PARSER = {"resolve_entities": False, "no_network": True, "huge_tree": False, "load_dtd": False, "recover": True, "remove_comments": True, "remove_pis": True}


class Package:
    """Parts of an open package by name."""

    def __init__(self, stream: BinaryIO, entries: Iterable[Entry]) -> None:
        self._stream = stream
        self._entries = {entry.name: entry for entry in entries}
        self.names = self._entries.keys()
        self._left = MAX_TOTAL_BYTES

    def read(self, name: str) -> bytes:
        """A part's bytes. Sizes are counted while reading: a small claim of the directory proves nothing, one beyond the bound is enough."""
        entry = self._entries.get(name)
        if entry is None:
            raise UnreadableFile("part_missing", name)
        bound = min(MAX_PART_BYTES, self._left, max(_RATIO_FROM_BYTES, entry.packed_bytes * MAX_RATIO))
        data = unpack(self._stream, entry, bound) if entry.unpacked_bytes <= bound else None
        if data is None or len(data) > bound:
            raise UnreadableFile("bomb", f"{name} unpacks to more than {bound >> 20} MiB from {entry.packed_bytes} bytes")
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


def open_package(stream: BinaryIO) -> Package:
    """Open a zip package. Raises UnreadableFile for what is none, or has too many parts."""
    try:
        entries = read_directory(stream)
    except UnreadableFile as error:
        raise UnreadableFile("encrypted" if _is_ole(stream) else error.reason, error.detail) from error
    if len(entries) > MAX_PARTS:
        raise UnreadableFile("bomb", f"{len(entries)} parts")
    return Package(stream, entries)


def _is_ole(stream: BinaryIO) -> bool:
    """Office wraps an encrypted package in an OLE file."""
    stream.seek(0)
    return stream.read(4) == b"\xd0\xcf\x11\xe0"
