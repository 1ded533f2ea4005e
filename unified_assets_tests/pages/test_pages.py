import re
from xml.etree import ElementTree as ET

import numpy as np
import pytest

from unified_assets.pages import html
from unified_assets.pages.plots import ticks


def test_a_hostile_name_is_escaped_wherever_it_stands():
    name = "<script>alert(1)</script>\"'&"
    made = html.page(
        name,
        html.section(name, html.paragraph(name), html.table([{name: name}], caption=name), html.facts({name: name}), html.quote(name, name)),
        html.bars({name: 1.0}, title=name, unit=name),
        html.lines({name: [(0, 1), (1, 2)]}, title=name, x_label=name, y_label=name),
        html.histogram([1, 2], title=name, x_label=name),
        name,
    )
    assert "<script" not in made
    assert "&lt;script&gt;" in made


def test_invisible_characters_are_shown_as_codes():
    assert html.escape("a\u202egnp.exe") == "a\\u202egnp.exe"
    assert html.escape("bell\x07") == "bell\\x07"
    assert html.escape("broken \udcff") == "broken \\udcff"
    assert html.escape("zwj 👩\u200d🚀") == "zwj 👩\u200d🚀"


def test_a_page_can_always_be_written_as_utf_8_and_fetches_nothing():
    made = html.page("report", html.section("one", "\udcff"), html.section("two", html.figure(np.zeros((4, 4, 3), np.uint8), "x")))
    made.encode("utf-8")
    assert "default-src 'none'" in made
    assert re.findall(r'(?:src|href)="(?!data:|#)', made) == []
    assert '<nav><a href="#one">one</a><a href="#two">two</a></nav>' in made


def test_numbers_are_shown_as_a_person_reads_them():
    shown = [html.show(value) for value in (None, True, 1234567, 0.123456, 12.0, 98765.432, float("nan"), float("inf"), "x")]
    assert shown == ["–", "yes", "1,234,567", "0.1235", "12", "98,765.4", "–", "∞", "x"]


def test_a_table_aligns_numbers_right_and_marks_the_missing():
    made = html.table([{"model": "a", "score": 0.5}, {"model": "b", "score": None}], {"model": "Model", "score": "Score"})
    assert '<th class="number">Score</th>' in made
    assert "<td>a</td>" in made
    assert '<td class="number">–</td>' in made


def test_a_link_to_a_script_is_plain_text():
    assert html.link("go", "javascript:alert(1)") == "go"
    assert html.link("go", "data:text/html,x") == "go"
    assert html.link("go", "https://example.org/?a=1&b=2") == '<a href="https://example.org/?a=1&amp;b=2" rel="noreferrer">go</a>'
    assert html.link("go", "quality_report/index.html").startswith("<a href=")


def test_plots_are_well_formed_and_leave_gaps_where_nothing_was_measured():
    made = html.lines({"loss": [(0, 1.0), (1, None), (2, 0.5), (3, float("nan")), (4, 0.2), (5, 0.1)], "empty": []}, title="t")
    root = ET.fromstring(made)
    assert len(root.findall(".//circle")) == 2
    assert [len(line.get("points").split()) for line in root.findall(".//polyline")] == [2]


def test_a_plot_of_nothing_says_so():
    assert "nothing was measured" in html.lines({"a": [(0, None)]})
    assert "nothing was measured" in html.histogram([])
    assert "nothing was measured" in html.histogram([float("nan")])
    ET.fromstring(html.bars({}))


def test_bars_are_as_long_as_their_values():
    root = ET.fromstring(html.bars({"a": 10.0, "b": 5.0, "c": None, "d": 0.0}))
    widths = [float(rect.get("width")) for rect in root.findall(".//rect")]
    assert widths == [330.0, 165.0, 0.0, 0.0]


def test_a_histogram_counts_every_value_once():
    root = ET.fromstring(html.histogram([0, 0, 1, 10], bins=10))
    titles = [title.text for title in root.findall(".//rect/title")]
    assert [int(title.rsplit(" ", 1)[1]) for title in titles] == [2, 1, 0, 0, 0, 0, 0, 0, 0, 1]


def test_ticks_are_round_numbers_inside_the_range():
    assert ticks(0, 1) == (0.0, 0.2, 0.4, 0.6, 0.8, 1.0)
    assert ticks(3, 3) == (3,)
    assert ticks(0.3, 97) == (20, 40, 60, 80)


@pytest.mark.parametrize("shape", [(28, 28), (600, 90, 3), (10, 10, 1), (400, 2000, 4)])
def test_any_pixels_become_a_thumbnail(shape):
    uri = html.thumbnail(np.random.default_rng(1).integers(0, 256, shape).astype(np.uint8))
    assert uri.startswith("data:image/png;base64," if max(shape[:2]) <= 64 else "data:image/jpeg;base64,")


def test_a_large_drawing_becomes_a_png_because_that_is_shorter():
    assert html.thumbnail(np.full((600, 300, 3), 200, np.uint8)).startswith("data:image/png;base64,")


def test_a_thumbnail_of_what_is_no_picture_is_refused():
    with pytest.raises(ValueError, match="needs uint8 pixels"):
        html.thumbnail(np.zeros((4, 4), np.float32))


def test_a_waveform_draws_loud_columns_taller():
    samples = np.concatenate([np.zeros(100), np.tile([1.0, -1.0], 50)]).astype(np.float32)
    picture = html.waveform(samples, width=2, height=40)
    blue = (picture == (37, 99, 235)).all(axis=2).sum(axis=0)
    assert blue.tolist() == [1, 40]
    assert html.waveform(np.zeros(0, np.float32)).shape == (48, 160, 3)


def test_a_mark_stands_at_its_value():
    root = ET.fromstring(html.histogram([0, 10], bins=2, limits=(0, 10), mark=5.0))
    (line,) = [line for line in root.findall(".//line") if line.get("stroke-dasharray")]
    assert float(line.get("x1")) == (56 + 628) / 2
    assert "stroke-dasharray" not in html.histogram([0, 10], mark=50.0)


def test_a_filtered_table_hides_rows_by_style_alone_and_escapes_what_it_shows():
    rows = [{"path": "<b>a", "modality": "image", "decision": "warn"}, {"path": "c", "modality": "x y{}", "decision": "warn"}]
    found = html.filtered(rows, {"path": "File"}, ("modality", "decision"))
    assert '<tr class="f-modality-f-image f-decision-f-warn"><td>&lt;b&gt;a</td></tr>' in found
    assert ".filtered:has(#f-modality-f-x-y-:checked) tbody tr:not(.f-modality-f-x-y-) { display: none; }" in found
    assert "<script" not in found


def test_a_filtered_row_shows_under_each_value_of_a_list():
    rows = [{"path": "a", "issue": ["dark", "too small"]}, {"path": "b", "issue": ["dark"]}, {"path": "c", "issue": []}]
    page = html.filtered(rows, {"path": "File", "issue": "Issues"}, ("issue",))
    assert '<tr class="f-issue-f-dark f-issue-f-too-small"><td>a</td><td>dark, too small</td></tr>' in page
    assert '<tr class="f-issue-f-dark"><td>b</td><td>dark</td></tr>' in page
    assert ".filtered:has(#f-issue-f-too-small:checked) tbody tr:not(.f-issue-f-too-small) { display: none; }" in page
