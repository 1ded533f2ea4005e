"""`checks` of unified.yaml in; the checks in force, with a person's thresholds and without those switched off, out.

checks:
  blurry: {threshold: 0.7}      # in the check's own unit, which the quality page and the error texts state
  too_small: {enabled: false}
"""

import math
from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from typing import Any

from unified_assets.core import plugins
from unified_assets.core.contracts import Check
from unified_assets.core.errors import InvalidSetting

COMPARISONS = ("duplicate", "near_duplicate", "wrong_extension")  # found across files or by the catalog: can be switched off
FIELDS = ("threshold", "enabled")


@dataclass(frozen=True, kw_only=True)
class Tuning:
    """What a person says about checks: name → threshold, and the names that are switched off."""

    thresholds: Mapping[str, float] = field(default_factory=dict)
    disabled: frozenset[str] = frozenset()

    def checks(self) -> dict[str, Check]:
        """The checks in force by name."""
        found: Mapping[str, Check] = plugins.discover("checks")
        return {
            name: replace(check, threshold=self.thresholds[name]) if name in self.thresholds else check
            for name, check in found.items()
            if name not in self.disabled
        }

    def compares(self, name: str) -> bool:
        """Whether one of COMPARISONS is reported."""
        return name not in self.disabled


def read(source: str, content: Mapping[str, Any]) -> Tuning:
    """Raises InvalidSetting for a check that does not exist, and for a value that cannot be used."""
    section = content.get("checks")
    if section is None:
        return Tuning()
    if not isinstance(section, dict):
        raise InvalidSetting(source=source, field="checks", value=section, problem="not a mapping", fix="Write `checks: {blurry: {threshold: 0.7}}`.")
    thresholds, disabled = {}, set()
    for name, values in section.items():
        known = _known(source, name, values)
        if known.get("enabled") is False:
            disabled.add(str(name))
        elif "threshold" in known:
            thresholds[str(name)] = float(known["threshold"])
    return Tuning(thresholds=thresholds, disabled=frozenset(disabled))


def _known(source: str, name: object, values: object) -> dict[str, Any]:
    """The fields of one check, each of them valid."""
    checks: Mapping[str, Check] = plugins.discover("checks")
    place = f"checks.{name}"
    if name not in checks and name not in COMPARISONS:
        raise InvalidSetting(source=source, field=place, value=values, problem="no check has this name", fix=f"There are {', '.join([*checks, *COMPARISONS])}.")
    if not isinstance(values, dict):
        raise InvalidSetting(source=source, field=place, value=values, problem="not a mapping", fix="Write `{threshold: <number>}` or `{enabled: false}`.")
    for key, value in values.items():
        if key not in FIELDS or (key == "threshold" and name in COMPARISONS):
            raise InvalidSetting(source=source, field=f"{place}.{key}", value=value, problem="this field does not exist", fix="Set `threshold` or `enabled`.")
        if key == "enabled" and not isinstance(value, bool):
            raise InvalidSetting(source=source, field=f"{place}.enabled", value=value, problem="not true or false", fix="Write `enabled: false`.")
        if key == "threshold" and not _is_number(value):
            check = checks[str(name)]
            fix = f"Give it in {check.unit}; it is {check.threshold:g} by default."
            raise InvalidSetting(source=source, field=f"{place}.threshold", value=value, problem="not a finite number", fix=fix)
    return values


def _is_number(value: object) -> bool:
    return isinstance(value, int | float) and not isinstance(value, bool) and math.isfinite(value)
