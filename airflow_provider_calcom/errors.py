"""Base class of all errors of this package, so that ``except ProviderError`` catches each of them."""

from __future__ import annotations

from typing import TYPE_CHECKING, ClassVar

from airflow_provider_calcom._deprecated import FormerAttribute


class ProviderError(Exception):
    """Base of :class:`~airflow_provider_calcom.api.errors.CalComError` and of all errors about attendance and plans.

    :param text: what happened, and the fix. Addresses and keys in it are hidden, whatever its source.
    :cvar retryable: whether the same call may succeed later although nobody changed anything. An Airflow task that
        ends in an error that is not retryable fails without retries.
    """

    retryable: ClassVar[bool] = False
    if not TYPE_CHECKING:
        may_heal = FormerAttribute("retryable")  # word: quoted

    def __init__(self, text: str = "") -> None:
        # Not at module level: operators import this module, and the patterns take 10 ms to compile.
        from airflow_provider_calcom._redact import hide

        super().__init__(hide(text))
