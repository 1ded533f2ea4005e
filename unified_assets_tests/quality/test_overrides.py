import pytest

from unified_assets.core.errors import InvalidSetting
from unified_assets.core.settings import Settings
from unified_assets.quality import overrides


@pytest.mark.parametrize(
    ("glob", "matched", "missed"),
    [
        ("*.png", ["a.png", "x/y/a.png"], ["a.png.txt", "png"]),
        ("scans/*.png", ["scans/a.png"], ["x/scans/a.png", "scans/x/a.png"]),
        ("scans/**/*.png", ["scans/a.png", "scans/x/y/a.png"], ["scans.png"]),
        ("broken", ["broken", "x/broken/deep/a.wav"], ["unbroken", "broken.txt"]),
        ("broken/", ["broken/a.wav"], ["broken2/a.wav"]),
        ("x/**", ["x/a", "x/y/z"], ["y/x/a"]),
        ("img_[0-4].jpg", ["img_3.jpg"], ["img_7.jpg", "img_[0-4].jpg"]),
        ("img_[!0-4].jpg", ["img_7.jpg"], ["img_3.jpg"]),
        ("a+b (1).txt", ["a+b (1).txt"], ["aab (1).txt"]),
    ],
)
def test_a_pattern_matches_paths_as_in_an_ignore_file(glob, matched, missed):
    found = overrides.pattern(glob)
    assert [path for path in (*matched, *missed) if found.fullmatch(path)] == matched


def test_patterns_are_read_from_the_raw_root(tmp_path):
    (tmp_path / "unified.yaml").write_text("ignore: ['*.bak']\naccept: ['night/**']\nreject: [test_shots]\n")
    rules = overrides.load(Settings(raw=tmp_path, state=tmp_path / "state"))
    assert (rules.accepts("night/a.png"), rules.rejects("test_shots/b.png"), rules.rejects("a.png")) == (True, True, False)


def test_without_a_file_there_are_no_overrides(tmp_path):
    assert overrides.load(Settings(raw=tmp_path, state=tmp_path)) == overrides.Overrides()


@pytest.mark.parametrize(("content", "field"), [("reject: all", "reject"), ("accept: [1]", "accept"), ("- a", "(file)"), ("a: [", "(file)")])
def test_a_bad_file_is_refused_with_the_field(tmp_path, content, field):
    (tmp_path / "unified.yaml").write_text(content)
    with pytest.raises(InvalidSetting) as caught:
        overrides.load(Settings(raw=tmp_path, state=tmp_path))
    assert caught.value.field == field


def test_a_named_file_that_is_not_there_is_refused(tmp_path):
    with pytest.raises(InvalidSetting, match="No such file"):
        overrides.load(Settings(raw=tmp_path, state=tmp_path, config=tmp_path / "none.yaml"))
