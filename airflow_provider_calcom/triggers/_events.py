"""What a trigger's event says: a result, or one of our errors by its class."""

from __future__ import annotations

import pkgutil
from collections.abc import Mapping
from typing import Any

from airflow_provider_calcom.errors import ProviderError

DONE = "done"
_ERROR = "error"
_OURS = "airflow_provider_calcom."


def done(**result: Any) -> dict[str, Any]:
    """Return the payload of a wait that is over.

    :param result: plain data without addresses: Airflow's database keeps it.
    """
    return {"status": DONE, **result}


def failed(error: ProviderError) -> dict[str, Any]:
    """Return the payload of a wait that ended in an error.

    :param error: one of ours; its text hides addresses and keys.
    """
    kind = type(error)
    return {"status": _ERROR, "error": f"{kind.__module__}:{kind.__qualname__}", "text": str(error)}


def raise_failure(event: object) -> None:
    """Raise the error of an event, as the class that the trigger met.

    :param event: what the task was resumed with.
    :raises ProviderError: one of its subclasses.
    """
    if isinstance(event, Mapping) and event.get("status") == _ERROR:
        kind = _class_named(str(event.get("error")))
        if kind is not None:
            raise kind(str(event.get("text")))


def _class_named(name: str) -> type[ProviderError] | None:
    """Return a class of ours, or None where it does not exist, as after a change of versions."""
    if not name.startswith(_OURS):
        return None
    try:
        kind = pkgutil.resolve_name(name)
    except (ImportError, AttributeError, ValueError):
        return None
    return kind if isinstance(kind, type) and issubclass(kind, ProviderError) else None
