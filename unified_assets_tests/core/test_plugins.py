import pytest

from unified_assets.core import plugins
from unified_assets.core.errors import InvalidPlugin


def test_the_seven_models_are_found():
    assert list(plugins.models()) == [
        "audio_service",
        "causal_reasoning_engine",
        "concept_models",
        "logic_model",
        "math_model",
        "multimodal_service",
        "vision_service",
    ]


def test_the_five_modalities_are_found():
    assert list(plugins.modalities()) == ["audio", "document", "image", "text", "video"]


def test_a_file_without_its_value_is_refused_with_the_fix():
    with pytest.raises(InvalidPlugin, match=r"offers NoneType where a int is needed. End the file with `X = int\(…\)`"):
        plugins._add({}, "models/empty.py", None, int, "X")


def test_a_name_taken_twice_is_refused():
    modality = plugins.modalities()["image"]
    with pytest.raises(InvalidPlugin, match="the name 'image' is taken"):
        plugins._add({"image": modality}, "modalities/copy.py", modality, type(modality), "MODALITY")


def test_no_media_type_belongs_to_two_modalities():
    seen = [media_type for modality in plugins.modalities().values() for media_type in modality.media_types]
    assert len(seen) == len(set(seen))


def test_a_package_that_raises_when_imported_is_named_with_the_fix(tmp_path, monkeypatch):
    (tmp_path / "wild-1.0.dist-info").mkdir()
    (tmp_path / "wild-1.0.dist-info" / "METADATA").write_text("Metadata-Version: 2.1\nName: wild\nVersion: 1.0\n", encoding="utf-8")
    (tmp_path / "wild-1.0.dist-info" / "entry_points.txt").write_text("[unified_assets.models]\nwild = wild_model:MODEL\n", encoding="utf-8")
    (tmp_path / "wild_model.py").write_text("raise RuntimeError('not today')\n", encoding="utf-8")
    monkeypatch.syspath_prepend(str(tmp_path))
    plugins.discover.cache_clear()
    try:
        with pytest.raises(InvalidPlugin, match=r"wild_model:MODEL \(wild\).*cannot be imported: RuntimeError: not today.*uninstall the package"):
            plugins.models()
    finally:
        monkeypatch.undo()
        plugins.discover.cache_clear()
    assert len(plugins.models()) == 7
