"""Discovery of plug-ins: the files of our plug-in folders, then entry points of other packages."""

import importlib
import pkgutil
from collections.abc import Mapping
from functools import cache
from importlib.metadata import entry_points
from types import MappingProxyType
from typing import Any

from unified_assets.core.contracts import Adapter, Check, Modality, ModelSpec
from unified_assets.core.errors import InvalidPlugin

KINDS: Mapping[str, tuple[str, type]] = MappingProxyType(
    {
        "modalities": ("MODALITY", Modality),
        "checks": ("CHECK", Check),
        "adapters": ("ADAPTER", Adapter),
        "models": ("MODEL", ModelSpec),
    }
)


@cache
def discover(kind: str) -> Mapping[str, Any]:
    """All plug-ins of a kind (`modalities`, `checks`, `adapters`, `models`) by name, in name order.

    Raises InvalidPlugin for a file without its value, a value of another type, or a name taken twice.
    """
    constant, wanted = KINDS[kind]
    found: dict[str, Any] = {}
    package = importlib.import_module(f"unified_assets.{kind}")
    for info in pkgutil.iter_modules(package.__path__):
        module = importlib.import_module(f"{package.__name__}.{info.name}")
        _add(found, f"{kind}/{info.name}.py", getattr(module, constant, None), wanted, constant)
    for entry in entry_points(group=f"unified_assets.{kind}"):
        source = f"{entry.value} ({entry.dist.name if entry.dist else 'unknown package'})"
        try:
            value = entry.load()
        except Exception as error:
            problem = f"cannot be imported: {type(error).__name__}: {error}"
            raise InvalidPlugin(plugin=source, problem=problem, fix="Mend it, or uninstall the package that brings it.") from error
        _add(found, source, value, wanted, constant)
    return MappingProxyType(dict(sorted(found.items())))


def _add(found: dict[str, Any], source: str, value: Any, wanted: Any, constant: str) -> None:
    if not isinstance(value, wanted):
        raise InvalidPlugin(
            plugin=source,
            problem=f"offers {type(value).__name__} where a {wanted.__name__} is needed",
            fix=f"End the file with `{constant} = {wanted.__name__}(…)`.",
        )
    if value.name in found:
        raise InvalidPlugin(plugin=source, problem=f"the name {value.name!r} is taken by another plug-in", fix="Rename one of them.")
    found[value.name] = value


def modalities() -> Mapping[str, Modality]:
    """Modalities by name."""
    return discover("modalities")


def checks(modality: str) -> tuple[Check, ...]:
    """The checks of a modality, in name order."""
    return tuple(check for check in discover("checks").values() if check.modality == modality)


def adapters() -> Mapping[str, Adapter]:
    """Adapters by name."""
    return discover("adapters")


def models() -> Mapping[str, ModelSpec]:
    """Model specs by name."""
    return discover("models")
