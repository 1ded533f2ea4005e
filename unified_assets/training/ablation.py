"""A preset's channels and seeds in; the trainings out that show what each channel gives: none, each by itself, all, over the seeds.

A pretrained encoder is one more thing to do without: where a model reads one, it is trained once more from each seed without it.

Scores of a task in these trainings, the run itself among them, in; mean and spread for each set of channels out.
"""

import statistics
from collections.abc import Mapping, Sequence
from collections.abc import Set as AbstractSet
from dataclasses import dataclass
from typing import Any

from unified_assets.core.presets import CHANNELS, Channel, Preset

AWAITED = frozenset({"teaching", "encoders"})  # channels by which models wait for each other


@dataclass(frozen=True, kw_only=True)
class Variant:
    """A training beside the one that counts. `effect`: those of its channels that concern the model; `encoder`: whether beside the pretrained one."""

    channels: tuple[Channel, ...]
    seed: int
    effect: tuple[Channel, ...]
    encoder: bool = True

    @property
    def name(self) -> str:
        """Of its folder."""
        return f"{'-'.join(self.channels) or 'alone'}{'' if self.encoder else '-no-encoder'}-{self.seed}"


def variants(preset: Preset, concerns: AbstractSet[str], *, encoder: bool = False) -> list[Variant]:
    """The variants of a model that these channels concern, in the same order in every model; without what is trained anyway.

    Channels that do not concern a model change nothing in it, so variants that differ by them alone are one. One with `teaching` or
    `encoders` is never left out: peers wait for what it publishes. `encoder`: it reads a pretrained one; without it, it is trained
    without exchange.
    """
    found, known = [], {(effect_of(preset.exchange, concerns), preset.seed)}
    for seed in range(preset.seed, preset.seed + preset.ablation_seeds):
        for channels in dict.fromkeys([(), *((channel,) for channel in preset.exchange), preset.exchange]):
            effect = effect_of(channels, concerns)
            itself = channels == preset.exchange and seed == preset.seed
            if not itself and (AWAITED & {*effect} or (effect, seed) not in known):
                known.add((effect, seed))
                found.append(Variant(channels=channels, seed=seed, effect=effect))
    seeds = range(preset.seed, preset.seed + preset.ablation_seeds) if encoder else ()
    return [*found, *(Variant(channels=(), seed=seed, effect=(), encoder=False) for seed in seeds)]


def effect_of(channels: Sequence[str], concerns: AbstractSet[str]) -> tuple[Channel, ...]:
    """Those that concern a model, in the usual order."""
    return tuple(channel for channel in CHANNELS if channel in channels and channel in concerns)


def summary(trained: Sequence[Mapping[str, Any]]) -> list[dict[str, Any]]:
    """A row for each set of channels of a task's `ablation` in results.json (`channels`, `seed`, `score`).

    `mean` and `spread` (standard deviation; None of a single one) of the scores over `seeds`; `gain`: mean difference to the
    same seeds without exchange. Trainings without the encoder that the others have are left to `encoder_effect`.
    """
    scores: dict[tuple[str, ...], dict[int, float]] = {}
    beside = any(part.get("encoder") for part in trained)
    for part in trained:
        if part["score"] is not None and (part.get("encoder") or not beside):
            scores.setdefault(tuple(part["channels"]), {})[part["seed"]] = float(part["score"])
    alone = scores.get((), {})
    rows = []
    for channels, found in sorted(scores.items(), key=lambda entry: (len(entry[0]), entry[0])):
        gains = [score - alone[seed] for seed, score in found.items() if seed in alone]
        rows.append(
            {
                "channels": ", ".join(channels) or "none",
                "seeds": len(found),
                "mean": statistics.fmean(found.values()),
                "spread": statistics.stdev(found.values()) if len(found) > 1 else None,
                "gain": statistics.fmean(gains) if channels and gains else None,
            }
        )
    return rows


def encoder_effect(trained: Sequence[Mapping[str, Any]]) -> dict[str, Any] | None:
    """What a pretrained encoder gave, from a task's `ablation` in results.json; None where no training was without it.

    `without` and `with`: mean scores over the `seeds` that have both, all without exchange; `gain`: with less without.
    """
    alone = [part for part in trained if not part["channels"] and part["score"] is not None]
    beside, without = ({part["seed"]: float(part["score"]) for part in alone if bool(part.get("encoder")) is has} for has in (True, False))
    seeds = sorted(beside.keys() & without.keys())
    if not seeds:
        return None
    means = [statistics.fmean(found[seed] for seed in seeds) for found in (without, beside)]
    return {"seeds": len(seeds), "without": means[0], "with": means[1], "gain": means[1] - means[0]}
