"""Permissions on bookings, which differ between builds; the open-source edition hardly checks any."""

from airflow_provider_calcom.sandbox.builds import Build
from airflow_provider_calcom.sandbox.responses import ApiError
from airflow_provider_calcom.sandbox.world import Booking, EventType, User, World


def may_handle(world: World, build: Build, user: User, booking: Booking) -> bool:
    """Return whether the user may mark, confirm or decline the booking, and use its guarded routes.

    The organiser and the hosts may, and the users with a permission in the event type's team, or else in a team of the
    organiser. The open-source edition's permission service is a stub that allows everybody.
    """
    kind = booking.event_type
    if user == booking.owner or _is_host(build, user, booking):
        return True
    if kind and kind.team_id is not None:
        return build.permits_everybody or _runs_team(world, kind.team_id, user)
    teams = world.teams_of(booking.owner)
    if build.permits_everybody:
        return bool(teams)
    return build.admins_handle_members and any(team.is_run_by(user) for team in teams)


def check_guard(world: World, build: Build, user: User, uid: str) -> Booking:
    """Return the booking of a guarded route; raise 403 without access to it, and for an unknown uid."""
    booking = world.bookings.get(uid)
    if booking is None or not may_handle(world, build, user, booking):
        text = f"BookingPbacGuard - user with id={user.id} does not have access to booking with uid={uid}"
        raise ApiError(403, text)
    return booking


def is_event_admin(world: World, user: User | None, booking: Booking) -> bool:
    """Return whether the user owns or hosts the booking's event type, or runs its team or the owner's organisation."""
    kind = booking.event_type
    if user is None or kind is None:
        return False
    if user.id == owner_id(booking) or user.id in kind.hosts:
        return True
    if kind.team_id is not None:
        return _runs_team(world, kind.team_id, user)
    return any(team.is_organization and team.is_run_by(user) for team in world.teams_of(booking.owner))


def owner_id(booking: Booking) -> int | None:
    """Return the user id of the event type's owner; None for a team's event type and without one."""
    kind = booking.event_type
    if kind is None or kind.team_id is not None:
        return None
    return booking.owner.id if kind.owner_id is None else kind.owner_id


def _is_host(build: Build, user: User, booking: Booking) -> bool:
    kind = booking.event_type
    if kind is None or user.id not in _users(kind):
        return False
    return not build.hosts_must_attend or any(row.email == user.email for row in booking.attendees)


def _users(kind: EventType) -> tuple[int, ...]:
    return kind.hosts if kind.owner_id is None else (*kind.hosts, kind.owner_id)


def _runs_team(world: World, number: int, user: User) -> bool:
    """Return whether the user is an owner or admin of the team or of its organisation."""
    team = world.teams.get(number)
    if team is None:
        return False
    return team.is_run_by(user) or (team.parent_id is not None and _runs_team(world, team.parent_id, user))
