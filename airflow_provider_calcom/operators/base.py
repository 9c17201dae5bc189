"""What all our operators share: the connection that they use."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING, Any

from airflow.providers.common.compat.sdk import BaseOperator

if TYPE_CHECKING:
    from airflow_provider_calcom.hooks.calcom import CalComHook


class CalComOperator(BaseOperator):
    """An operator with a connection to Cal.com.

    A subclass sets ``calcom_conn_id`` and ``api_version`` itself, beside its other parameters, so that each operator's
    own list of parameters is whole.
    """

    calcom_conn_id: str
    api_version: str | None
    _filters_of_the_dag: frozenset[str] = frozenset()

    @property
    def hook(self) -> CalComHook:
        """The hook of the connection."""
        from airflow_provider_calcom.hooks.calcom import CalComHook

        return CalComHook(calcom_conn_id=self.calcom_conn_id, api_version=self.api_version)

    def _remember_filters(self, names: Sequence[str]) -> None:
        """Note at construction which filters the DAG gives, because after rendering None no longer tells.

        :param names: parameters that choose bookings.
        """
        self._filters_of_the_dag = frozenset(name for name in names if getattr(self, name) is not None)

    def _given_filters(self, names: Sequence[str]) -> dict[str, Any]:
        """Return the filters after rendering.

        :param names: parameters that choose bookings.
        :raises InvalidArgument: naming the one that the DAG gives and whose template, or upstream task, found nothing:
            without it all bookings would be chosen.
        """
        from airflow_provider_calcom.api.errors import InvalidArgument

        filters = {name: getattr(self, name) for name in names}
        for name, value in filters.items():
            is_blank = isinstance(value, str) and value.strip() in ("", "None", "null")
            if is_blank or (value is None and name in self._filters_of_the_dag):
                raise InvalidArgument(
                    f"{name} is {value!r}: its template, or the task that it comes from, found nothing. Give a value,"
                    " or leave it out; where there may be none, skip this task"
                )
        return filters
