"""Paths and URLs in parameters, resolved locally or in Airflow's object storage."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import Any

from airflow.providers.common.compat.sdk import ObjectStoragePath

from airflow_provider_calcom._storage import fault_of_path
from airflow_provider_calcom.api.errors import InvalidArgument


@dataclass(frozen=True)
class Storage:
    """Airflow's object storage, to resolve the paths and URLs of parameters.

    :param conn_id: id of the object storage's connection. Defaults to None, for paths that need none.
    """

    conn_id: str | None = None

    def path(self, name: str, address: Any) -> Any:
        """Return a path that can be opened. In a path only ``~`` is expanded.

        A string without ``://`` is a local path: Airflow's own class turns ``plans`` into ``/plans`` on 2.11.

        :param name: the parameter, for errors.
        :param address: a path or URL.
        :raises InvalidArgument: if the path is invalid, or its kind of storage is unknown here.
        """
        if (fault := fault_of_path(address)) is not None:
            raise InvalidArgument(f"{name} must be a path, but is {fault}. Correct it")
        if not isinstance(address, str):
            return address.expanduser() if isinstance(address, Path) and "://" not in str(address) else address
        if "://" not in address:
            return Path(address).expanduser()
        try:
            return ObjectStoragePath(address, conn_id=self.conn_id)
        except (ValueError, TypeError, ImportError) as error:
            why = type(error).__name__
        raise InvalidArgument(
            f"{name} is not a URL of an object storage that is known here ({why}). Use one such as s3://bucket/folder,"
            " and install the provider of its storage"
        )
