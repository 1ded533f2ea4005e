from pathlib import Path

import dagster as dg

from unified_assets.allocation.label_issues import LabelIssues
from unified_assets.defs import quality_metadata
from unified_assets.quality import QualitySummary


def summary(**changes):
    values = {
        "files": 10,
        "decisions": {"accept": 6, "warn": 2, "reject": 2},
        "rejected_share": 0.2,
        "digests": {},
        "seconds": 1.5,
        "issues": {"dark": 2, "silent": 2},
        "measured": 10,
        "page": Path("index.html"),
        "copied_share": 0.0,
        "worst": ({"issue": "dark", "path": "a`<b>.png", "detail": "nothing is lit", "thumbnail": "data:image/png;base64,AAAA"},),
    }
    return QualitySummary(**{**values, **changes})


def passed(**changes):
    return {result.check_name: result.passed for result in quality_metadata.check_results(summary(**changes), rows=10, files=10)}


def test_shares_at_their_limits_pass_and_beyond_them_fail():
    assert passed() == dict.fromkeys(quality_metadata.CHECKS, True)
    found = passed(rejected_share=0.21, copied_share=0.5, decisions={"accept": 6, "warn": 4, "reject": 0})
    assert found == {"every_row_is_judged": True, "rejected_share": False, "warned_share": False, "copied_share": False}


def test_a_missing_verdict_fails_the_check_of_rows():
    results = list(quality_metadata.check_results(summary(), rows=9, files=10))
    assert [result.check_name for result in results if not result.passed] == ["every_row_is_judged"]


def test_every_check_that_is_declared_has_a_result():
    assert [spec.name for spec in quality_metadata.check_specs()] == list(passed())


def test_issues_are_a_table_and_the_worst_files_are_pictures_whose_names_are_text():
    found = quality_metadata.metadata(summary())
    assert [record.data for record in found["issues"].records] == [
        {"issue": "dark", "files": 2, "share": 0.2},
        {"issue": "silent", "files": 2, "share": 0.2},
    ]
    assert found["worst"].md_str == "**dark** `a&#x27;&lt;b&gt;.png: nothing is lit`\n\n![dark](data:image/png;base64,AAAA)"


def test_a_lake_without_issues_has_metadata_as_well():
    found = quality_metadata.metadata(summary(issues={}, worst=()))
    assert isinstance(found["issues"], dg.TextMetadataValue)
    assert found["worst"].md_str == "nothing to show"


def test_contradictory_labels_and_rare_classes_are_tables_and_pictures():
    shown = {"task": "t", "problem": "stands as a and as b", "files": "a/x.png, b/x.png", "text": ""}
    rare = {"task": "t", "largest": "a", "examples": 70, "smallest": "b", "of_smallest": 7, "times": 10.0}
    picture = {"issue": "contradictory label", "path": "a/x.png, b/x.png", "detail": "stands as a and as b", "thumbnail": "data:image/png;base64,AAAA"}
    found = quality_metadata.label_metadata(LabelIssues({"t": 1}, (shown,), (rare,), (picture,)))
    assert found["contradictions"] == {"t": 1}
    assert [record.data for record in found["contradictory_labels"].records] == [shown]
    assert [record.data for record in found["rare_classes"].records] == [rare]
    assert found["contradictory_files"].md_str.endswith("![contradictory label](data:image/png;base64,AAAA)")


def test_labels_without_issues_say_so():
    found = quality_metadata.label_metadata(LabelIssues({}, (), (), ()))
    assert [found[name].value for name in ("contradictory_labels", "rare_classes", "contradictory_files")] == ["none", "none", "nothing to show"]
