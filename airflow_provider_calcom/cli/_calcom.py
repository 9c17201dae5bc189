"""Cal.com for commands: the options of its server, and a client with the key of the environment, without Airflow."""

from __future__ import annotations

import argparse
import os
from collections.abc import Iterator
from functools import cached_property
from typing import TYPE_CHECKING, Any

from airflow_provider_calcom.api.errors import InvalidConnection

if TYPE_CHECKING:
    from airflow_provider_calcom.api.client import CalComClient
    from airflow_provider_calcom.api.settings import ClientSettings

KEY = "CALCOM_API_KEY"
"""Environment variable with the API key: an argument would be seen in the list of processes and in the shell's log."""


def add_server(command: argparse.ArgumentParser) -> None:
    """Add the options of Cal.com's server to a command."""
    command.add_argument(
        "--url", metavar="URL", help="a Cal.com of your own, such as https://api.cal.example.com (default: cal.com's)"
    )
    command.add_argument("--region", choices=("us", "eu"), help="cal.com's region that the key is of (default us)")
    command.add_argument(
        "--allow-http", action="store_true", help="accept a --url with http://, which shows the key to the network"
    )


def client_settings(arguments: argparse.Namespace) -> ClientSettings:
    """Return the settings of a client.

    :raises InvalidConnection: naming the option or the environment variable.
    """
    from airflow_provider_calcom.api.settings import settings_from_connection

    key = os.environ.get(KEY, "").strip()
    if not key:
        raise InvalidConnection(
            f"The environment variable {KEY} is not set. Make a key in Cal.com (Settings, API keys), and export it"
        )
    extra = {"region": arguments.region, "allow_http": True}
    settings = settings_from_connection(host=arguments.url, password=key, extra=extra)
    if settings.base_url.startswith("http://") and not (arguments.allow_http or settings.is_on_this_machine):
        raise InvalidConnection(
            "--url: http:// shows the API key to the network. Use https://, or add --allow-http if the network is yours"
        )
    return settings


class CalComAccess:
    """What a plan may read of Cal.com. The key is looked up only if something is read.

    :param arguments: of a command with the options of :func:`add_server`.
    """

    def __init__(self, arguments: argparse.Namespace) -> None:
        self._arguments = arguments

    @cached_property
    def _client(self) -> CalComClient:
        settings = client_settings(self._arguments)
        from airflow_provider_calcom.api.client import CalComClient

        return CalComClient(settings)

    def get_conn(self) -> CalComClient:
        """Return the client."""
        return self._client

    def iterate_bookings(self, **filters: Any) -> Iterator[dict[str, Any]]:
        """Yield the bookings that fit the filters of :class:`~airflow_provider_calcom.api.query.BookingQuery`."""
        from airflow_provider_calcom.api.query import BookingQuery

        yield from self._client.list_bookings(BookingQuery(**filters))

    def close(self) -> None:
        """Close the client, if there is one."""
        client = self.__dict__.pop("_client", None)
        if client is not None:
            client.close()

    def __enter__(self) -> CalComAccess:
        return self

    def __exit__(self, *_: object) -> None:
        self.close()
