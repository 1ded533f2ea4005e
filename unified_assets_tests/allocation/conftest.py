"""A lake from a dict of files, a catalog by extension, and seven fake specs."""

from collections.abc import Callable
from pathlib import Path

import polars as pl
import pytest
import xxhash

from unified_assets.core import tables
from unified_assets.core.contracts import Encoder, ModelSpec
from unified_assets.core.settings import Settings
from unified_assets.store.local import Store, write_table

MODALITY = {"png": "image", "wav": "audio", "flac": "audio", "mp4": "video", "pdf": "document", "bin": "other"}
PAIR_ROLES = {"vision_service": ("image",), "audio_service": ("audio",), "multimodal_service": ("image", "audio", "video", "text")}
KINDS = frozenset({"classification", "choice", "generation", "pair"})


def spec(name: str, modalities: tuple[str, ...], subjects: set[str], encoders: tuple[str, ...] = (), derived: dict[str, str] | None = None) -> ModelSpec:
    made = {role: Encoder(name=role, version="1", view=role, arrays={}, encode=lambda _decoded, _locator: {}) for role in encoders}
    return ModelSpec(
        name=name,
        version="1",
        description="",
        modalities=modalities,
        subjects=frozenset(subjects),
        kinds=KINDS,
        encoders=made,
        derived=derived or {},
        pair_roles=PAIR_ROLES.get(name, ()),
        blueprint=lambda _tasks, _pairs: {},
        build=lambda _blueprint: None,
        baseline=lambda _data: None,
    )


@pytest.fixture(scope="session")
def specs() -> dict[str, ModelSpec]:
    text = ("text",)
    found = (
        spec("audio_service", ("audio",), {"audio", "video"}, ("audio", "video"), {"video.sound": "video"}),
        spec("causal_reasoning_engine", text, {"causal"}),
        spec("concept_models", text, {"concept"}, (), {"document.text": "text"}),
        spec("logic_model", text, {"logic"}),
        spec("math_model", text, {"math"}),
        spec(
            "multimodal_service",
            ("image", "audio", "text", "video"),
            {"image", "audio", "video", "image_text"},
            ("image", "audio", "video"),
            {"video.frames": "video"},
        ),
        spec("vision_service", ("image", "document"), {"image", "document"}, ("image", "page")),
    )
    return {one.name: one for one in found}


@pytest.fixture
def lake(tmp_path: Path) -> Callable[..., Settings]:
    """Write files (text or bytes), and catalog and quality tables for all that lies there."""

    def write(files: dict[str, str | bytes], *, rejected: tuple[str, ...] = (), near: dict[str, str] | None = None) -> Settings:
        settings = Settings(raw=tmp_path / "raw", state=tmp_path / "state")
        for name, content in files.items():
            path = settings.raw / name
            path.parent.mkdir(parents=True, exist_ok=True)
            path.write_bytes(content.encode() if isinstance(content, str) else content)
        store = Store(settings.state)
        store.bind(settings.raw)
        catalog = _catalog(settings.raw)
        store.publish("catalog", lambda folder: write_table(folder, "catalog", catalog))
        quality = _quality(catalog, rejected, near or {})
        store.publish("quality", lambda folder: write_table(folder, "quality_report", quality))
        return settings

    return write


def _catalog(root: Path) -> pl.DataFrame:
    rows = []
    for path in sorted(root.rglob("*")):
        if path.is_file():
            extension = path.suffix.lstrip(".")
            modality = MODALITY.get(extension, "text")
            rows.append(
                {
                    "path": path.relative_to(root).as_posix(),
                    "file_id": xxhash.xxh3_128_hexdigest(path.read_bytes()),
                    "size_bytes": path.stat().st_size,
                    "modality": modality,
                    "media_type": {"txt": "text/plain", "md": "text/markdown"}.get(extension, f"{modality}/{extension}"),
                    "status": "ok" if modality != "other" else "unsupported",
                    "reason": None if modality != "other" else "unknown_format",
                    "channels": 1 if "loud" in path.name else None,
                }
            )
    return pl.DataFrame([{**dict.fromkeys(tables.CATALOG), **row} for row in rows], schema=tables.CATALOG)


def _quality(catalog: pl.DataFrame, rejected: tuple[str, ...], near: dict[str, str]) -> pl.DataFrame:
    issue = {"name": "truncated", "severity": "reject", "value": 1.0, "threshold": 0.0, "detail": ""}
    rows = [
        {
            "path": path,
            "file_id": file_id,
            "modality": modality,
            "score": 100.0,
            "decision": "reject" if path in rejected else "accept",
            "issues": [issue] if path in rejected else [],
            "duplicate_of": None,
            "near_duplicate_group": near.get(path),
        }
        for path, file_id, modality in catalog.select("path", "file_id", "modality").iter_rows()
    ]
    return pl.DataFrame(rows, schema=tables.QUALITY_REPORT)
