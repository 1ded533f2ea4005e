import subprocess
from pathlib import Path

import pytest

PROJECT = Path(__file__).resolve().parents[2]


def tree() -> set[str]:
    """The paths the README's file tree lists, folders with a slash at the end."""
    block = (PROJECT / "README.md").read_text(encoding="utf-8").split("## Files\n\n```\n")[1].split("\n```")[0]
    paths, above = set(), []
    for line in block.splitlines():
        name = line.strip().split("  ")[0]
        depth = (len(line) - len(line.lstrip(" "))) // 2
        above = [*above[:depth], name]
        paths.add("".join(above))
    return paths


def test_the_file_tree_of_the_readme_is_the_real_one():
    if not (PROJECT / ".git").exists():
        pytest.skip("not a git checkout")
    listed = subprocess.run(["git", "ls-files"], cwd=PROJECT, capture_output=True, text=True, check=True).stdout.split("\n")
    real = {path for path in listed if path and not path.startswith("unified_assets_tests/") and not path.endswith("__init__.py")}
    named = {path for path in tree() if not path.endswith("/")}
    assert sorted(real - named) == []
    assert sorted(named - real) == []


def test_the_two_commands_of_the_readme_are_targets_of_the_makefile():
    readme, makefile = ((PROJECT / name).read_text(encoding="utf-8") for name in ("README.md", "Makefile"))
    for target in ("run", "test"):
        assert f"make {target}  " in readme
        assert f"\n{target}: " in makefile
