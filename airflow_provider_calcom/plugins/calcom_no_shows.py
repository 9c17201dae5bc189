"""The plugin of Airflow's web interface. Every process of Airflow imports this module, so it imports nothing heavy."""

from __future__ import annotations

from functools import cached_property
from typing import Any
from urllib.parse import quote

from airflow.providers.common.compat.sdk import AirflowPlugin

from airflow_provider_calcom.configuration import MOUNTED_AT, has_dag_tab, has_views

_TITLE = "Cal.com no-shows"
_IN_NAVIGATION = "No-shows"
"""Airflow's side bar cuts off what is longer."""
_ICON = (
    '<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 24 24" fill="{fill}" stroke="{stroke}" stroke-width="2"'
    ' stroke-linecap="round" stroke-linejoin="round">'
    '<path d="M18 4H6a2 2 0 0 0-2 2v12a2 2 0 0 0 2 2h12a2 2 0 0 0 2-2V6a2 2 0 0 0-2-2z"/>'
    '<path d="M4 9h16M8 2v4M16 2v4"/><circle cx="17.5" cy="17.5" r="5"/><path d="m16 16 3 3M19 16l-3 3"/></svg>'
)
"""A calendar with a cross, drawn for this project."""


class CalcomNoShowsPlugin(AirflowPlugin):
    """The view "Cal.com no-shows" on the page of each DAG, and as "No-shows" in the navigation.

    Before Airflow 3.1 it has nothing.
    """

    name = "calcom_no_shows"

    @cached_property
    def fastapi_apps(self) -> list[Any]:  # type: ignore[override]
        """The application with the pages; only the API server reads this."""
        if not has_views():
            return []
        from airflow_provider_calcom.plugins._app import make_app

        return [{"app": make_app(), "url_prefix": f"/{MOUNTED_AT}", "name": _TITLE}]

    @cached_property
    def external_views(self) -> list[Any]:  # type: ignore[override]
        """The entries of the interface. Airflow removes entries from the list, so it must be the same each time."""
        if not has_views():
            return []
        views = [_view(_IN_NAVIGATION, "nav", f"{MOUNTED_AT}/", MOUNTED_AT)]
        if has_dag_tab():
            views.append(_view(_TITLE, "dag", f"{MOUNTED_AT}/?dag={{DAG_ID}}", f"{MOUNTED_AT}-of-dag"))
        return views


def _view(name: str, destination: str, href: str, route: str) -> dict[str, str]:
    """Return one entry. Its URL is relative to the interface's root, so that it works behind a proxy with a prefix."""
    return {
        "name": name,
        "href": href,
        "destination": destination,
        "url_route": route,
        "icon": _icon("#ffffff", "#3f4b5e"),
        "icon_dark_mode": _icon("#27272a", "#e4e4e7"),
    }


def _icon(fill: str, stroke: str) -> str:
    """Return the icon as a data URI: a file of the application would need the login.

    It is filled, because an image can't know the colour of the entry that it is on, and that of the chosen one is dark.
    """
    return f"data:image/svg+xml,{quote(_ICON.format(fill=fill, stroke=stroke))}"
