"""What lies in a folder of modules: a rule or a source is added by its file alone, and no list names it."""

from __future__ import annotations

from importlib import import_module
from pkgutil import iter_modules
from types import ModuleType


def modules(package: str) -> list[ModuleType]:
    """The modules right below a package, imported, by name."""
    inside = iter_modules(import_module(package).__path__)
    return [import_module(f"{package}.{each.name}") for each in inside]
