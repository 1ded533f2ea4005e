"""Two steps in processes of their own: one is killed as the kernel kills when memory runs out, the other one ends well."""

import os
import signal

import dagster as dg


@dg.op
def killed() -> None:
    os.kill(os.getpid(), signal.SIGKILL)


@dg.op
def fine() -> None: ...


@dg.job(executor_def=dg.multiprocess_executor.configured({"max_concurrent": 2}))
def two_steps() -> None:
    killed()
    fine()
