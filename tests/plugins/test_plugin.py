"""The plugin class: what Airflow loads in each of its processes."""

from __future__ import annotations

import re
import subprocess
import sys
import tomllib
from pathlib import Path
from typing import Any
from urllib.parse import unquote

import pytest

from airflow_provider_calcom.configuration import has_views
from airflow_provider_calcom.plugins.calcom_no_shows import CalcomNoShowsPlugin
from airflow_provider_calcom.plugins.webhooks import CalcomWebhooksPlugin

ROOT = Path(__file__).resolve().parents[2]
needs_views = pytest.mark.skipif(not has_views(), reason="Airflow before 3.1 has no views of plugins")


def test_the_entry_points_name_the_plugins() -> None:
    """Airflow loads plugins of a provider by this group; by the provider's metadata it does not, by default."""
    points = tomllib.loads((ROOT / "pyproject.toml").read_text(encoding="utf-8"))["project"]["entry-points"]
    named = [point.partition(":") for point in points["airflow.plugins"].values()]
    assert [getattr(sys.modules[module], name) for module, _, name in named] == [
        CalcomNoShowsPlugin,
        CalcomWebhooksPlugin,
    ]


def test_importing_the_plugins_loads_no_server_and_no_database() -> None:
    """Every process of Airflow imports it, each task too. Only the server needs FastAPI, Jinja and the rest."""
    code = (
        "import airflow.plugins_manager, airflow.providers.common.compat.sdk as sdk, sys; sdk.AirflowPlugin, sdk.conf\n"
        "before = set(sys.modules)\n"
        "from airflow_provider_calcom.plugins.calcom_no_shows import CalcomNoShowsPlugin\n"
        "from airflow_provider_calcom.plugins.webhooks import CalcomWebhooksPlugin\n"
        "CalcomNoShowsPlugin().external_views, CalcomWebhooksPlugin()\n"
        "print(*sorted(set(sys.modules) - before))"
    )
    loaded = subprocess.run([sys.executable, "-c", code], check=True, capture_output=True, text=True, cwd=ROOT)
    new = loaded.stdout.split()[-40:]
    assert {name.partition(".")[0] for name in new} <= {*sys.stdlib_module_names, "airflow_provider_calcom"}
    assert len(new) < 30


@pytest.mark.parametrize("version", ["2.11.2", "3.0.6"])
def test_before_airflow_3_1_the_plugin_has_nothing(version: str, monkeypatch: pytest.MonkeyPatch) -> None:
    """These versions have no views of plugins; an application that nothing leads to would only be open to attacks."""
    monkeypatch.setattr("airflow.__version__", version)
    plugin = CalcomNoShowsPlugin()
    assert (plugin.fastapi_apps, plugin.external_views) == ([], [])


def test_before_airflow_3_0_nothing_receives_webhooks(monkeypatch: pytest.MonkeyPatch) -> None:
    """That version mounts no FastAPI applications, and may lack FastAPI."""
    monkeypatch.setattr("airflow.__version__", "2.11.2")
    assert CalcomWebhooksPlugin().fastapi_apps == []


@needs_views
def test_the_views_are_in_the_navigation_and_on_each_dag(monkeypatch: pytest.MonkeyPatch) -> None:
    """With URLs that stay below a proxy's prefix, and routes of their own: Airflow drops a second one of a name."""
    views = CalcomNoShowsPlugin().external_views
    assert [(view["destination"], view["href"]) for view in views] == [
        ("nav", "calcom-no-shows/"),
        ("dag", "calcom-no-shows/?dag={DAG_ID}"),
    ]
    assert len({view["url_route"] for view in views}) == 2
    monkeypatch.setenv("AIRFLOW__CALCOM_NO_SHOWS__DAG_TAB", "False")
    assert [view["destination"] for view in CalcomNoShowsPlugin().external_views] == ["nav"]


@needs_views
def test_airflow_can_remove_a_view_from_the_list() -> None:
    """It does so with one whose route another plugin has, which a list that is made anew each time would bring back."""
    plugin = CalcomNoShowsPlugin()
    plugin.external_views.remove(plugin.external_views[0])
    assert len(plugin.external_views) == 1


@needs_views
def test_the_icons_are_images_without_scripts() -> None:
    """One for each theme; they come with the list of plugins, so no route has to be open for them."""
    for view in CalcomNoShowsPlugin().external_views:
        for name in ("icon", "icon_dark_mode"):
            kind, _, content = view[name].partition(",")
            assert kind == "data:image/svg+xml"
            assert set(re.findall(r"<(\w+)", unquote(content))) == {"svg", "path", "circle"}


@needs_views
def test_airflow_reports_the_views_to_its_interface(server: Any, client: Any, token: Any) -> None:
    """Its own API has both, and no error of the plugin."""
    headers = {"Authorization": f"Bearer {token('admin')}"}
    found = {one["name"]: one for one in client.get("/api/v2/plugins", headers=headers).json()["plugins"]}
    views = found["calcom_no_shows"]["external_views"]
    assert [view["name"] for view in views] == ["No-shows", "Cal.com no-shows"]
    assert client.get("/api/v2/plugins/importErrors", headers=headers).json()["total_entries"] == 0
