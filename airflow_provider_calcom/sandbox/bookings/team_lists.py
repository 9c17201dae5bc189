"""The lists of teams and organisations, by the OpenAPI document: parameters and envelope are those of GET bookings.

No build with these routes was recorded with a team, so their authorization errors are not measured.
"""

from collections.abc import Callable
from typing import Any

from airflow_provider_calcom.sandbox.bookings.pages import list_page
from airflow_provider_calcom.sandbox.responses import ApiError
from airflow_provider_calcom.sandbox.server.state import Sandbox
from airflow_provider_calcom.sandbox.validation import Query, path_integer
from airflow_provider_calcom.sandbox.world import Booking, Team, User

Json = dict[str, Any]


def list_of_team(sandbox: Sandbox, query: Query, user: User, number: str) -> Json:
    """Return the bookings of a team's event types, for its owners and admins."""
    team = _find(sandbox, number, user, organization=False)
    return _list(sandbox, query, ("team", team.id), _of_teams({team.id}))


def list_of_organization(sandbox: Sandbox, query: Query, user: User, number: str) -> Json:
    """Return the bookings of an organisation's members and teams; `userIds` filters by organiser."""
    organization = _find(sandbox, number, user, organization=True)
    users = query.integers("userIds")
    wanted = frozenset(users or ())
    keep = _of_organization(sandbox, organization)
    if not wanted:
        return _list(sandbox, query, ("organization", organization.id), keep)
    name = ("organization", organization.id, wanted)
    return _list(sandbox, query, name, lambda booking: booking.owner.id in wanted and keep(booking))


def list_of_organization_team(sandbox: Sandbox, query: Query, user: User, organization: str, number: str) -> Json:
    """Return the bookings of one of an organisation's teams."""
    parent = _find(sandbox, organization, user, organization=True)
    team = sandbox.world.teams.get(path_integer(number))
    if team is None or team.parent_id != parent.id:
        raise ApiError(404, f"IsTeamInOrg - Team with id={number} is not part of the organization with id={parent.id}")
    return _list(sandbox, query, ("team", team.id), _of_teams({team.id}))


def list_of_member(sandbox: Sandbox, query: Query, user: User, organization: str, number: str) -> Json:
    """Return the bookings that a member of an organisation organises or attends."""
    parent = _find(sandbox, organization, user, organization=True)
    member = sandbox.world.user_of_id(path_integer(number))
    if member is None or member.id not in parent.roles:
        text = f"IsUserInOrg - user with id={number} is not part of the organization with id={parent.id}"
        raise ApiError(403, text)
    return _list(sandbox, query, member, lambda booking: booking.concerns(member))


def _find(sandbox: Sandbox, number: str, user: User, organization: bool) -> Team:
    found = sandbox.world.teams.get(path_integer(number))
    if found is None or found.is_organization != organization or not found.is_run_by(user):
        what = "organization" if organization else "team"
        raise ApiError(403, f"RolesGuard - user with id={user.id} is not part of the {what} with id={number}")
    return found


def _of_teams(numbers: set[int]) -> Callable[[Booking], bool]:
    return lambda booking: booking.event_type is not None and booking.event_type.team_id in numbers


def _of_organization(sandbox: Sandbox, organization: Team) -> Callable[[Booking], bool]:
    teams = {team.id for team in sandbox.world.teams.values() if team.parent_id == organization.id}
    of_teams = _of_teams(teams)
    return lambda booking: booking.owner.id in organization.roles or of_teams(booking)


def _list(sandbox: Sandbox, query: Query, name: Any, keep: Callable[[Booking], bool]) -> Json:
    rows = sandbox.world.index.select(name, keep)
    return list_page(sandbox.world, sandbox.build, query, rows, sandbox.clock.now())
