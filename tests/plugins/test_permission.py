"""Who may see the pages: Airflow's own login and permissions decide, on every route."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any
from urllib.parse import quote

import pytest

from airflow_provider_calcom.configuration import plan_folders
from tests.plugins.conftest import ROLES
from tests.plugins.plans import BOB, make_plan

ROUTES = ["/calcom-no-shows/", "/calcom-no-shows/report"]


@pytest.fixture
def report(tmp_path: Path, configure: Callable[..., None]) -> str:
    """Return the URL of a report that has an address in it."""
    configure(plan_folders=tmp_path, ledger_folders=tmp_path / "ledger")
    make_plan(tmp_path / "a")
    (tmp_path / "a" / "report.html").write_text(f"<p>{BOB}</p>")
    return f"{ROUTES[1]}?plan={plan_folders()[0].slug}/a"


def routes_of_the_plugin(server: Any) -> list[str]:
    """Return the paths of all routes of the mounted application, whatever they are."""
    (mounted,) = [route for route in server.routes if getattr(route, "path", None) == "/calcom-no-shows"]
    return [f"/calcom-no-shows{route.path}" for route in mounted.app.routes]


def test_every_route_is_one_of_those_that_are_tested(server: Any) -> None:
    """No documentation or schema is served, and a new route can't be forgotten here."""
    assert sorted(routes_of_the_plugin(server)) == sorted(ROUTES)


@pytest.mark.parametrize("route", ROUTES)
def test_without_a_login_every_route_is_401(client: Any, report: str, route: str) -> None:
    """Nothing is shown, with and without parameters, and also not whether there is such a plan."""
    for url in (route, report, f"{route}?plan=x", f"{route}?page=x", f"{route}?dag_id=a"):
        answer = client.get(url)
        assert answer.status_code == 401
        assert BOB not in answer.text
        assert answer.headers["cache-control"] == "no-store"


@pytest.mark.parametrize("value", ["", "Bearer", "Bearer x", "Bearer a.b.c", "Basic dXNlcjp1c2Vy"])
def test_an_invalid_token_is_rejected(client: Any, report: str, value: str) -> None:
    """Airflow answers 401 or 403 to a token that it did not sign."""
    for headers in ({"Authorization": value}, {"Cookie": f"_token={value}"}):
        assert client.get(report, headers=headers).status_code in (401, 403)


@pytest.mark.parametrize(
    ("permission", "allowed"), [("approve", ROLES[1:]), ("connections", ROLES[2:]), ("", ROLES[1:])]
)
@pytest.mark.parametrize("role", ROLES)
def test_a_role_sees_everything_or_nothing(
    client: Any,
    token: Callable[[str], str],
    configure: Callable[..., None],
    report: str,
    role: str,
    permission: str,
    allowed: tuple[str, ...],
) -> None:
    """Viewers may look at everything else in Airflow, but whom a plan marks is for those who may approve it."""
    configure(view_permission=permission)
    status = 200 if role in allowed else 403
    for headers in ({"Authorization": f"Bearer {token(role)}"}, {"Cookie": f"_token={token(role)}"}):
        assert client.get(ROUTES[0], headers=headers).status_code == status
        answer = client.get(report, headers=headers)
        assert answer.status_code == status
        assert (BOB in answer.text) == (status == 200)


def test_an_unknown_permission_lets_nobody_in(user: Any, configure: Callable[..., None], report: str) -> None:
    """A mistake in the configuration must not show addresses."""
    configure(view_permission="everybody")
    assert user.get(report).status_code == 403


def test_rights_on_one_dag_are_not_rights_on_the_plans_of_all(
    user: Any, report: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Airflow's own helper reads the DAG from the URL, and FAB's auth manager checks none where none is named."""
    from airflow.api_fastapi.auth.managers.simple.simple_auth_manager import SimpleAuthManager

    def only_mine(self: Any, *, details: Any = None, **_: Any) -> bool:
        return details is None or details.id in (None, "mine")

    monkeypatch.setattr(SimpleAuthManager, "is_authorized_dag", only_mine)
    for url in (ROUTES[0], report):
        for name in ("dag_id", "dag"):
            separator = "&" if "?" in url else "?"
            assert user.get(f"{url}{separator}{name}=mine").status_code == 403


@pytest.mark.parametrize("method", ["HEAD", "POST", "PUT", "PATCH", "DELETE", "OPTIONS", "TRACE"])
def test_the_pages_only_read(user: Any, report: str, method: str) -> None:
    """Other methods than GET are not answered, so that nothing can be changed by a forged request."""
    for url in (ROUTES[0], report):
        assert user.request(method, url).status_code == 405


@pytest.mark.parametrize(
    "path", ["docs", "redoc", "openapi.json", "static/x", "..%2f..%2fetc/passwd", "report/", quote("é")]
)
def test_other_paths_are_404_and_say_nothing(user: Any, client: Any, report: str, path: str) -> None:
    """Neither documentation nor files are served."""
    answer = user.get(f"/calcom-no-shows/{path}")
    assert answer.status_code == 404
    assert "Traceback" not in answer.text
