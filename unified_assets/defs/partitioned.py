"""The decorator of all our assets: partitioned by modality, several partitions in one run, a killed step tried again."""

import warnings
from collections.abc import Callable
from typing import Any

import dagster as dg

from unified_assets.defs.partitions import MODALITY

KILLED = dg.RetryPolicy(max_retries=2, delay=1)  # what an asset raises is not tried again: the same files would raise it again
OWNER = "team:unified_assets"  # whom the UI names; a platform of its own sets its own


def partitioned_asset(**options: Any) -> Callable[[Callable[..., Any]], dg.AssetsDefinition]:
    """`dg.asset` on the one set of partitions, with a backfill policy that makes any number of them one run, and a step that is retried when killed."""

    def decorate(function: Callable[..., Any]) -> dg.AssetsDefinition:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore", dg.BetaWarning)  # the policy is in beta, and pinned by our range of Dagster versions
            asset: Callable[[Callable[..., Any]], dg.AssetsDefinition] = dg.asset(
                partitions_def=MODALITY, backfill_policy=dg.BackfillPolicy.single_run(), retry_policy=KILLED, owners=[OWNER], **options
            )
            return asset(function)

    return decorate
