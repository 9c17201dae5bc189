"""The lists of teams and organisations, by the OpenAPI document: parameters and envelope are those of GET bookings.

No build with these routes was recorded with a team, so their authorization errors are not measured.
"""

from collections.abc import Callable
from datetime import datetime
from typing import Any

from airflow_provider_calcom.sandbox.bookings.pages import list_page
from airflow_provider_calcom.sandbox.builds import Build
from airflow_provider_calcom.sandbox.responses import ApiError
from airflow_provider_calcom.sandbox.validation import Query, path_integer
from airflow_provider_calcom.sandbox.world import Booking, Team, User, World

Json = dict[str, Any]


def list_of_team(world: World, build: Build, query: Query, user: User, now: datetime, number: str) -> Json:
    """Return the bookings of a team's event types, for its owners and admins."""
    team = _find(world, number, user, organization=False)
    return _list(world, build, query, now, ("team", team.id), _of_teams({team.id}))


def list_of_organization(world: World, build: Build, query: Query, user: User, now: datetime, number: str) -> Json:
    """Return the bookings of an organisation's members and teams; `userIds` filters by organiser."""
    organization = _find(world, number, user, organization=True)
    users = query.integers("userIds")
    wanted = frozenset(users or ())
    keep = _of_organization(world, organization)
    if not wanted:
        return _list(world, build, query, now, ("organization", organization.id), keep)
    name = ("organization", organization.id, wanted)
    return _list(world, build, query, now, name, lambda booking: booking.owner.id in wanted and keep(booking))


def list_of_organization_team(
    world: World, build: Build, query: Query, user: User, now: datetime, organization: str, number: str
) -> Json:
    """Return the bookings of one of an organisation's teams."""
    parent = _find(world, organization, user, organization=True)
    team = world.teams.get(path_integer(number))
    if team is None or team.parent_id != parent.id:
        raise ApiError(404, f"IsTeamInOrg - Team with id={number} is not part of the organization with id={parent.id}")
    return _list(world, build, query, now, ("team", team.id), _of_teams({team.id}))


def list_of_member(
    world: World, build: Build, query: Query, user: User, now: datetime, organization: str, number: str
) -> Json:
    """Return the bookings that a member of an organisation organises or attends."""
    parent = _find(world, organization, user, organization=True)
    member = world.user_of_id(path_integer(number))
    if member is None or member.id not in parent.roles:
        text = f"IsUserInOrg - user with id={number} is not part of the organization with id={parent.id}"
        raise ApiError(403, text)
    return _list(world, build, query, now, member, lambda booking: booking.concerns(member))


def _find(world: World, number: str, user: User, organization: bool) -> Team:
    found = world.teams.get(path_integer(number))
    if found is None or found.is_organization != organization or not found.is_run_by(user):
        what = "organization" if organization else "team"
        raise ApiError(403, f"RolesGuard - user with id={user.id} is not part of the {what} with id={number}")
    return found


def _of_teams(numbers: set[int]) -> Callable[[Booking], bool]:
    return lambda booking: booking.event_type is not None and booking.event_type.team_id in numbers


def _of_organization(world: World, organization: Team) -> Callable[[Booking], bool]:
    teams = {team.id for team in world.teams.values() if team.parent_id == organization.id}
    of_teams = _of_teams(teams)
    return lambda booking: booking.owner.id in organization.roles or of_teams(booking)


def _list(world: World, build: Build, query: Query, now: datetime, name: Any, keep: Callable[[Booking], bool]) -> Json:
    rows = world.index.select(name, keep)
    return list_page(world, build, query, rows, now)
