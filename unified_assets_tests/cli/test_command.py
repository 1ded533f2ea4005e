import json
import subprocess
import sys

COMMAND = [sys.executable, "-m", "unified_assets.cli"]
COMMANDS = {
    *("run", "train", "watch", "status", "runs", "report", "presets"),
    *("sample", "refresh", "scan", "quality", "ledger", "explain"),
    *("models", "predict", "compare", "promote", "rollback", "prune", "export"),
    *("ui", "pause", "unpause", "doctor"),
}


def run(*arguments, **options):
    return subprocess.run([*COMMAND, *map(str, arguments)], capture_output=True, text=True, check=False, **options)


def test_help_names_every_command_and_imports_nothing_heavy():
    done = run("--help")
    assert done.returncode == 0
    shown = {line.split()[1] for line in done.stdout.splitlines() if line.startswith("│ ") and line[2] != " "}
    assert shown >= COMMANDS
    code = "import sys, unified_assets.cli; print([m for m in ('dagster', 'mlflow', 'torch', 'polars', 'numpy') if m in sys.modules])"
    assert subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True).stdout.strip() == "[]"


def test_status_of_an_empty_lake_is_json_and_needs_neither_dagster_nor_mlflow(tmp_path):
    done = run("--state", tmp_path / "state", "status", "--json")
    assert (done.returncode, json.loads(done.stdout)) == (0, {"models": [], "files": {}, "stale": [], "runs": []})
    code = (
        "import sys; from unified_assets.cli import app\n"
        f"try:\n    app(['--state', {str(tmp_path)!r}, 'status', '--json'])\nexcept SystemExit:\n    pass\n"
        "print([m for m in ('dagster', 'mlflow', 'torch') if m in sys.modules])"
    )
    assert subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True).stdout.splitlines()[-1] == "[]"


def test_wrong_usage_is_two_and_a_failure_is_one(tmp_path):
    state = ("--state", tmp_path / "state", "--raw", tmp_path / "raw")
    unknown = run(*state, "train", "--preset", "nonesuch")
    assert (unknown.returncode, "Known: ablation, audio_focus, " in unknown.stderr) == (2, True)
    (tmp_path / "raw").mkdir()
    empty = run(*state, "train")
    assert (empty.returncode, "holds no files" in empty.stderr) == (1, True)
    assert run("nonesuch").returncode == 2
    assert run(*state, "predict", "vision_service", "a.png").returncode == 2
    assert run(*state, "report", "last").returncode == 2
    assert "Traceback" not in unknown.stderr + empty.stderr
