from pathlib import Path

import dagster as dg
from dagster._core.definitions.reconstruct import ReconstructableJob

from unified_assets.defs.run_steps import FIX, failed_steps

PROGRAM = str(Path(__file__).with_name("crashing_job.py"))


def test_a_step_that_was_killed_fails_alone_and_says_by_what_and_what_to_do(tmp_path):
    (tmp_path / "dagster.yaml").write_text("telemetry:\n  enabled: false\n", encoding="utf-8")
    with dg.DagsterInstance.from_config(str(tmp_path)) as instance:
        result = dg.execute_job(ReconstructableJob.for_file(PROGRAM, "two_steps"), instance=instance)
        failed = failed_steps(instance, result.run_id)
        ended = {step.step_key: step.status.value for step in instance.get_run_step_stats(result.run_id)}
    assert ended == {"killed": "FAILURE", "fine": "SUCCESS"}
    assert failed.keys() == {"killed"}
    assert "child process for step killed was terminated by signal 9 (SIGKILL)." in failed["killed"]
    assert failed["killed"].endswith(FIX)
