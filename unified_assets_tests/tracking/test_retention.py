"""What may go and what must stay, on the real MLflow with folders that only look like models."""

import json

import pytest

from unified_assets.store import encoders
from unified_assets.tracking import journal
from unified_assets.tracking.champion import best_ever
from unified_assets.tracking.experiment import Tracker
from unified_assets.tracking.registry import NothingToRollBack, crowned, roll_back, set_champion
from unified_assets.tracking.retention import kept_versions, removable, remove


def entry(version, **scores):
    return {"version": version, "tasks": [{"task": task, "score": score, "metric": "accuracy"} for task, score in scores.items()]}


def test_champion_the_one_before_the_best_ever_and_the_newest_stay():
    versions = [entry(1, a=0.9), entry(2, a=0.5, b=0.9), entry(3, a=0.5), entry(4, a=0.6), entry(5, a=0.6), entry(6, a=0.7)]
    mirror = {"versions": versions, "champion": 4, "champions": [1, 3, 4]}
    assert best_ever(mirror) == {"a": 1, "b": 2}
    kept = {1: "best ever in a", 2: "best ever in b", 3: "what a rollback brings back", 4: "champion", 6: "among the newest"}
    assert kept_versions(mirror, keep=1) == kept
    assert set(range(1, 7)) - kept_versions(mirror, keep=1).keys() == {5}


def test_the_smallest_error_is_the_best_ever():
    rows = [{"version": number, "tasks": [{"task": "t", "score": score, "metric": "mean_absolute_error"}]} for number, score in ((1, 0.2), (2, 0.1), (3, 0.3))]
    assert best_ever({"versions": rows}) == {"t": 2}


def test_a_champion_remembers_those_before_it_once_each():
    mirror = {}
    for version in (1, 2, 1, 3):
        mirror = crowned(mirror, version)
    assert mirror == {"champion": 3, "champions": [2, 1, 3]}
    assert crowned({"champion": 7, "versions": []}, 9)["champions"] == [7, 9]  # written before champions were remembered


@pytest.fixture
def lake(tmp_path):
    """A model with four registered versions, the second one champion, each with weights in a run of its own."""
    state = tmp_path / "state"
    tracker = Tracker(uri=f"sqlite:///{state / 'mlflow' / 'mlflow.db'}", state=state)
    client = tracker.client
    client.create_registered_model("m")
    versions = []
    for number, score in ((1, 0.1), (2, 0.9), (3, 0.2), (4, 0.3)):
        run_dir = state / "runs" / f"r{number}"
        model = run_dir / "models" / "m"
        for folder in ("final", "checkpoints/round_0001"):
            (model / folder).mkdir(parents=True)
            (model / folder / "weights.safetensors").write_bytes(b"w" * 1000 * number)
        journal.note_run(run_dir, run_id=f"r{number}", status="FAILURE" if number == 4 else "SUCCESS", started=float(number))
        made = client.create_model_version("m", source=str(model / "final"))
        folder = str(model / "final")
        versions.append({**entry(int(made.version), a=score), "folder": folder, "run_id": f"r{number}", "identity": f"i{number}"})
    journal.write_json(journal.mirror_path(state, "m"), {"model": "m", "version": 4, "champion": 2, "champions": [2], "versions": versions})
    client.set_registered_model_alias("m", "champion", "2")
    return tracker


@pytest.mark.filterwarnings("ignore")  # MLflow and alembic warn about themselves
def test_pruning_says_what_goes_and_frees_just_that(lake):
    state, keep = lake.state, 1
    planned = removable(lake, keep=keep)
    told = [(one.what, one.size_bytes) for one in planned]
    assert told == [
        ("m version 1", 1000),
        ("m version 3", 3000),
        ("checkpoints of run r3", 3000),
        ("checkpoints of run r2", 2000),
        ("checkpoints of run r1", 1000),
    ]
    before = sum(path.stat().st_size for path in (state / "runs").rglob("*.safetensors"))
    assert sum(one.size_bytes for one in remove(lake, planned, print, keep=1)) == 10_000
    assert before - sum(path.stat().st_size for path in (state / "runs").rglob("*.safetensors")) == 10_000
    assert [one["version"] for one in journal.read_mirror(state, "m")["versions"]] == [2, 4]
    assert sorted(int(one.version) for one in lake.client.search_model_versions("name='m'")) == [2, 4]
    assert (state / "runs" / "r4" / "models" / "m" / "checkpoints").is_dir()  # what `--resume` goes on from
    assert removable(lake, keep=keep) == []


@pytest.mark.filterwarnings("ignore")
def test_a_version_that_became_champion_meanwhile_is_not_pruned(lake):
    planned = [one for one in removable(lake, keep=1) if one.version == 1]
    set_champion(lake, "m", 1)
    said = []
    assert remove(lake, planned, said.append, keep=1) == []  # what is told as removed
    assert said == ["kept: m version 1 became champion meanwhile"]
    assert (lake.state / "runs" / "r1" / "models" / "m" / "final").is_dir()


@pytest.mark.filterwarnings("ignore")
def test_folders_outside_the_state_are_never_removed(lake, tmp_path):
    outside = tmp_path / "elsewhere"
    outside.mkdir()
    (outside / "precious").touch()
    path = journal.mirror_path(lake.state, "m")
    mirror = json.loads(path.read_text(encoding="utf-8"))
    mirror["versions"][0]["folder"] = str(outside)
    (lake.state / "runs" / "link").symlink_to(outside)
    mirror["versions"][2]["folder"] = str(lake.state / "runs" / "link")
    journal.write_json(path, mirror)
    remove(lake, removable(lake, keep=1), print, keep=1)
    assert (outside / "precious").exists()


@pytest.mark.filterwarnings("ignore")
def test_rollback_goes_back_one_champion_at_a_time_and_says_when_there_is_none(lake):
    for version in (3, 4):
        set_champion(lake, "m", version)
    assert [roll_back(lake, "m"), roll_back(lake, "m")] == [(4, 3), (3, 2)]
    assert lake.client.get_model_version_by_alias("m", "champion").version in {2, "2"}
    with pytest.raises(NothingToRollBack, match=r"registered: 1, 2, 3, 4\)\. Name a version with `unified-assets promote m VERSION`"):
        roll_back(lake, "m")
    assert journal.read_mirror(lake.state, "m")["champion"] == 2


@pytest.mark.filterwarnings("ignore")
def test_trials_of_a_run_that_ended_well_go_with_its_checkpoints(lake):
    trial = lake.state / "runs" / "r1" / "trials" / "m" / "000" / "checkpoints"
    trial.mkdir(parents=True)
    (trial / "weights.safetensors").write_bytes(bytes(500))
    planned = removable(lake, keep=1)
    assert ("checkpoints of run r1", 1500) in [(one.what, one.size_bytes) for one in planned]
    remove(lake, planned, print, keep=1)
    assert not trial.exists()


UNKNOWN = ("no plan", "a plan cut short", "an encoder that is gone", "a champion that cannot be read", "a champion without its files")


def encoder(folder, words):
    """A folder that can be kept as an encoder of texts."""
    folder.mkdir(parents=True)
    (folder / "config.json").write_text("{}", encoding="utf-8")
    (folder / "model.safetensors").write_bytes(words * 100)
    return folder


def trained_beside(lake, **digests):
    """Write which encoder the versions of the lake were trained beside: v1=digest, or v1=None for none."""
    for name, digest in digests.items():
        described = {"model": "m"} if digest is None else {"model": "m", "pretrained_text": {"digest": digest, "name": "e", "width": 8, "folder": "gone"}}
        journal.write_json(lake.state / "runs" / f"r{name[1:]}" / "models" / "m" / "final" / "model.json", described)


def planned_encoders(lake, keep=1):
    return [one.encoder for one in removable(lake, keep=keep) if one.encoder]


@pytest.fixture
def beside(lake, tmp_path):
    """Three encoders: of version 1, of the champion 2, and of nobody; the newest run, which can be resumed, names none."""
    kept = [encoders.keep("text", encoder(tmp_path / name, name.encode()), lake.state).name for name in ("first", "second", "third")]
    trained_beside(lake, v1=kept[0], v2=kept[1], v3=None, v4=None)
    journal.write_json(lake.state / "runs" / "r4" / "plan.json", {"preset": {"pretrained_text": None, "pretrained_image": None}})
    return kept


@pytest.mark.filterwarnings("ignore")
def test_encoders_go_with_the_last_version_that_was_trained_beside_them(lake, beside):
    first, second, third = beside
    assert planned_encoders(lake, keep=4) == [third]
    planned = removable(lake, keep=1)
    assert sorted((one.what, one.size_bytes) for one in planned if one.encoder) == sorted([(f"encoder {first}", 502), (f"encoder {third}", 502)])
    remove(lake, planned, print, keep=1)
    assert [path.name for path in (lake.state / "encoders").iterdir()] == [second]
    assert removable(lake, keep=1) == []


@pytest.mark.filterwarnings("ignore")
def test_the_encoder_of_a_version_that_became_champion_meanwhile_stays(lake, beside):
    planned = removable(lake, keep=1)
    set_champion(lake, "m", 1)
    said = []
    remove(lake, planned, said.append, keep=1)
    assert sorted(path.name for path in (lake.state / "encoders").iterdir()) == sorted(beside[:2])
    assert f"kept: encoder {beside[0]} is needed by what stayed" in said


@pytest.mark.filterwarnings("ignore")
def test_the_encoder_that_an_unfinished_run_names_stays_by_folder_or_by_its_name_on_the_hub(lake, beside, tmp_path):
    plan = lake.state / "runs" / "r4" / "plan.json"
    journal.write_json(plan, {"preset": {"pretrained_text": str(tmp_path / "third")}})
    assert planned_encoders(lake) == [beside[0]]
    journal.write_json(lake.state / "encoders" / "hub.json", {"owner/name": {"commit": "c", "digest": beside[2]}})
    journal.write_json(plan, {"preset": {"pretrained_text": "owner/name"}})
    assert planned_encoders(lake) == [beside[0]]
    journal.note_run(plan.parent, status="SUCCESS")
    assert sorted(planned_encoders(lake)) == sorted((beside[0], beside[2]))


@pytest.mark.filterwarnings("ignore")
@pytest.mark.parametrize(
    "unknown", ["no plan", "a plan cut short", "an encoder that is gone", "a champion that cannot be read", "a champion without its files"]
)
def test_no_encoder_goes_while_something_that_stays_cannot_tell_which_it_needs(lake, beside, unknown, tmp_path):
    plan, champion = lake.state / "runs" / "r4" / "plan.json", lake.state / "runs" / "r2" / "models" / "m" / "final" / "model.json"
    assert planned_encoders(lake)
    if unknown == "no plan":
        plan.unlink()
    elif unknown == "a plan cut short":
        plan.write_text("{", encoding="utf-8")
    elif unknown == "an encoder that is gone":
        journal.write_json(plan, {"preset": {"pretrained_image": str(tmp_path / "gone")}})
    elif unknown == "a champion that cannot be read":
        champion.write_text("{", encoding="utf-8")
    else:
        champion.unlink()
    assert planned_encoders(lake) == []
