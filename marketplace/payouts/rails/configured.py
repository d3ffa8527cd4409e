"""Which rails pay creators here: those that WORLDLOOM_PAYOUTS names, of which the first pays whoever chose none."""

from typing import Any

from django.conf import settings
from django.utils.module_loading import import_string

from marketplace.payouts.rails.base import PagedRail, Rail


def rails() -> dict[str, Rail | PagedRail]:
    """Return name → rail, in the order of the setting."""
    return {_name(adapter): adapter() for adapter in _adapters()}


def rail_names() -> list[str]:
    """Return the names of the rails, in the order of the setting."""
    return [_name(adapter) for adapter in _adapters()]


def _adapters() -> list[Any]:
    return [import_string(path.strip()) for path in str(settings.ADAPTERS["payouts"]).split(",")]


def _name(adapter: Any) -> str:
    return str(getattr(adapter, "name", adapter.__name__))
