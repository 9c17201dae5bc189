"""What all our operators share: the connection that they use."""

from __future__ import annotations

from typing import TYPE_CHECKING

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

    @property
    def hook(self) -> CalComHook:
        """The hook of the connection."""
        from airflow_provider_calcom.hooks.calcom import CalComHook

        return CalComHook(calcom_conn_id=self.calcom_conn_id, api_version=self.api_version)
