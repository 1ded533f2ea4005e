"""Catalog rows and verdicts in; the usable files of the lake and what stands in them out."""

from collections.abc import Mapping
from pathlib import Path

import polars as pl

from unified_assets.allocation.overrides import Overrides
from unified_assets.core.contracts import Records
from unified_assets.core.errors import UnreadableFile
from unified_assets.core.media import DecodedText
from unified_assets.files.opening import open_regular
from unified_assets.records.parsing import parse, text_of

BYTES_READ = 16 << 20  # of one record file
CHARACTERS_KEPT = 256 << 20  # of texts, for the next adapter


class Lake:
    """A LakeView over the raw root. Texts and records are kept for the next adapter."""

    def __init__(self, root: Path, files: pl.DataFrame, overrides: Overrides) -> None:
        self.root, self.files, self.overrides = root, files, overrides
        self.unread = set[str]()  # paths that could no longer be read
        self._texts: dict[str, DecodedText] = {}
        self._kept = 0
        self._types: dict[str, str] = dict(files.select("path", "media_type").iter_rows())
        self._records: dict[str, Records | None] = {}

    def text(self, path: str) -> DecodedText:
        """The text of a file, cut at 16 MiB; empty where it can no longer be read."""
        if path not in self._texts:
            if self._kept > CHARACTERS_KEPT:
                self._texts.clear()
                self._kept = 0
            try:
                with open_regular(self.root, path) as stream:
                    data = stream.read(BYTES_READ + 1)
            except (UnreadableFile, OSError):
                data = b""
                self.unread.add(path)
            self._texts[path] = DecodedText(text=text_of(data[:BYTES_READ], whole=len(data) <= BYTES_READ), encoding="", cut=len(data) > BYTES_READ)
            self._kept += len(self._texts[path].text)
        return self._texts[path]

    def records(self, path: str) -> Records | None:
        """The flat records of a file, or None."""
        if path not in self._records:
            decoded = self.text(path)
            self._records[path] = parse(path, decoded.text, cut=decoded.cut, media_type=self._types.get(path) or "")
        return self._records[path]

    def roles(self, path: str) -> Mapping[str, str]:
        """Field → role, as `unified.yaml` says for this file."""
        return self.overrides.roles(path)


def usable_files(catalog: pl.DataFrame, quality: pl.DataFrame) -> pl.DataFrame:
    """Rows of the catalog with `decision`, `duplicate_of`, `near_duplicate_group` and `refusal`, which is null where a file may be used."""
    issues = pl.col("issues").list.eval(pl.element().struct.field("name")).list.join(", ").alias("issue_names")
    verdicts = quality.select("path", "decision", "duplicate_of", "near_duplicate_group", issues)
    files = catalog.join(verdicts, on="path", how="left").with_columns(pl.col("decision").fill_null("accept"))
    refusal = (
        pl.when(pl.col("status") != "ok")
        .then(pl.concat_str([pl.col("status"), pl.lit(": "), pl.col("reason").fill_null("no reason recorded")]))
        .when(pl.col("decision") == "reject")
        .then(pl.concat_str([pl.lit("rejected by quality: "), pl.col("issue_names").fill_null("no issue recorded")]))
        .when(pl.col("modality") == "other")
        .then(pl.lit("no modality takes it"))
    )
    return files.with_columns(refusal.alias("refusal"))
