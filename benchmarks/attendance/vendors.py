"""The records of each vendor's feed, in the vendor's own shape, and the options with which a user reads them.

A writer gets the stays of one meeting: those in one room that follow each other without the room being empty. What is
hidden is hidden here: Zoom blanks addresses that are not on the invitation, Meet's REST API has accounts without
addresses, Cal Video has names alone, and Teams, Meet and Cal Video do not report their lobbies.
"""

from __future__ import annotations

import io
import json
from collections import defaultdict
from collections.abc import Callable, Iterable, Iterator, Mapping
from dataclasses import dataclass, field
from datetime import datetime
from pathlib import Path
from random import Random
from typing import Any
from zoneinfo import ZoneInfo

from airflow_provider_calcom.attendance.feeds import AttendanceRow, read_feed
from benchmarks.attendance import cast
from benchmarks.attendance.world import (
    COMPANY,
    LAGGING,
    LAGGING_UNTIL,
    LOADED_UNTIL,
    Room,
    Row,
    Shown,
    Stay,
    World,
    iso,
)

ZONE = "Europe/Berlin"
Stays = list[Stay]


@dataclass(frozen=True)
class Raw:
    """A vendor's response or file, and the options that a user reads it with.

    :param feed: the package's name of the feed.
    :param name: the name of a file for it.
    """

    feed: str
    name: str
    source: Any
    options: Mapping[str, Any] = field(default_factory=dict)


class TextFile:
    """A file in memory that the package opens like any other file."""

    def __init__(self, name: str, text: str, encoding: str = "utf-8") -> None:
        self.name = name
        self.data = text.encode(encoding)

    def __str__(self) -> str:
        return self.name

    def open(self, mode: str) -> io.BytesIO:
        """Open it for reading."""
        return io.BytesIO(self.data)


# What of the world a feed has


def meetings(stays: Iterable[Stay]) -> Iterator[Stays]:
    """Return the stays of each room, cut where the room was empty."""
    by_room: dict[Room, Stays] = defaultdict(list)
    for stay in stays:
        by_room[stay.room].append(stay)
    for in_room in by_room.values():
        meeting: Stays = []
        for stay in sorted(in_room, key=lambda one: one.joined):
            if meeting and stay.joined > max(one.left for one in meeting):
                yield meeting
                meeting = []
            meeting.append(stay)
        yield meeting


def loaded_until(feed: str) -> float:
    """Return when a feed was last loaded."""
    return LAGGING_UNTIL if feed in LAGGING else LOADED_UNTIL


def is_over(meeting: Stays, feed: str) -> bool:
    """Return whether a meeting was over at the last loading; vendors give reports only then."""
    return max(stay.seen_left for stay in meeting) <= loaded_until(feed)


def in_room(meeting: Stays) -> Stays:
    """Return the stays outside the lobby, for vendors that do not report it; as often as the feed has them."""
    return [stay for stay in meeting if stay.kind != "lobby" for _ in range(stay.copies)]


def seen(meeting: Stays) -> Stays:
    """Return the stays as often as the feed has them."""
    return [stay for stay in meeting for _ in range(stay.copies)]


def shown_name(shown: Shown) -> str:
    """Return the display name; of a telephone it is the number."""
    return shown.name or shown.phone or ""


def on_invitation(shown: Shown) -> str:
    """Return the address as Zoom has it, which blanks that of guests."""
    return shown.email if shown.email and (shown.is_internal or shown.invited) else ""


def by_person(meeting: Stays) -> dict[Shown, Stays]:
    """Return the stays of each account or name."""
    found: dict[Shown, Stays] = defaultdict(list)
    for stay in meeting:
        found[stay.shown].append(stay)
    return found


def local(seconds: float, form: str) -> str:
    """Return a time as an export prints it, in the organiser's zone."""
    return datetime.fromtimestamp(seconds, ZoneInfo(ZONE)).strftime(form)


# Zoom


def zoom_report(all_meetings: list[Stays]) -> Iterator[Raw]:
    """Write pages of ``GET /report/meetings/{id}/participants``, with the meeting's id beside the participants."""
    pages = []
    for meeting in all_meetings:
        if is_over(meeting, "zoom_report"):
            participants = [_zoom_participant(stay) for stay in seen(meeting)]
            pages.append({"page_size": 300, "meeting_id": meeting[0].room.meeting, "participants": participants})
    yield Raw("zoom", "zoom_report.jsonl", pages)


def _zoom_participant(stay: Stay) -> Row:
    shown, waits = stay.shown, stay.kind == "lobby"
    return {
        "id": shown.user if shown.is_internal else "",
        "user_id": "16778240",
        "name": shown_name(shown),
        "user_email": on_invitation(shown),
        "join_time": iso(stay.seen_joined, "seconds"),
        "leave_time": iso(stay.seen_left, "seconds") if stay.has_end else "",
        "duration": int(stay.seen_left - stay.seen_joined),
        "registrant_id": "",
        "failover": False,
        "status": "in_waiting_room" if waits else "in_meeting",
        **({"bo_mtg_id": f"bo-{stay.breakout}"} if stay.breakout else {}),
    }


def zoom_webhooks(all_meetings: list[Stays]) -> Iterator[Raw]:
    """Write the events, in nearly the order in which they were sent."""
    events: list[Row] = []
    for number, meeting in enumerate(all_meetings):
        people: dict[Shown, int] = {}
        for place, stay in enumerate(meeting):
            # Reports differ in whether somebody who rejoins is the same participant.
            known = people.setdefault(stay.shown, place) if number % 2 else place
            events += _zoom_events(stay, f"uuid/{number}==", f"P-{number}-{known}") * stay.copies
        if number % 4:
            events.append(_zoom_end(meeting, f"uuid/{number}=="))
    chance = Random(len(events))
    loaded = (event for event in events if event["event_ts"] <= loaded_until("zoom_webhooks") * 1000)
    yield Raw("zoom", "zoom_webhooks.jsonl", sorted(loaded, key=lambda one: one["event_ts"] + chance.uniform(0, 9000)))


def _zoom_events(stay: Stay, meeting: str, participant: str) -> list[Row]:
    begin, end = "participant_joined", "participant_left"
    times = "join_time", "leave_time"
    more = {}
    if stay.kind == "lobby":
        begin, times = "participant_joined_waiting_room", ("date_time", "date_time")
        end = "participant_admitted" if participant.endswith("1") else "participant_left_waiting_room"
    elif stay.breakout:
        begin, end = "participant_joined_breakout_room", "participant_left_breakout_room"
        more = {"breakout_room_uuid": f"bo-{stay.breakout}"}
    who = {
        "user_id": participant[2:].replace("-", ""),
        "participant_uuid": participant,
        "user_name": shown_name(stay.shown),
        "email": on_invitation(stay.shown),
        **({"phone_number": stay.shown.phone} if stay.shown.phone else {}),
    }
    halves = [(begin, times[0], stay.seen_joined), (end, times[1], stay.seen_left)]
    return [
        {
            "event": f"meeting.{name}",
            "event_ts": int(at * 1000) + 400,
            "payload": {
                "account_id": "AAAAAABBBB",
                "object": {
                    "id": stay.room.meeting,
                    "uuid": meeting,
                    **more,
                    "participant": {**who, time: iso(at, "seconds")},
                },
            },
        }
        for name, time, at in halves[: 2 if stay.has_end else 1]
    ]


def _zoom_end(meeting: Stays, uuid: str) -> Row:
    at = max(stay.seen_left for stay in meeting)
    ended = {"id": meeting[0].room.meeting, "uuid": uuid, "end_time": iso(at, "seconds")}
    return {"event": "meeting.ended", "event_ts": int(at * 1000) + 900, "payload": {"object": ended}}


def zoom_csv(all_meetings: list[Stays]) -> Iterator[Raw]:
    """Write an export of the portal for each meeting, with local times."""
    form = "%m/%d/%Y %I:%M:%S %p"
    for number, meeting in enumerate(all_meetings):
        if not is_over(meeting, "zoom_csv"):
            continue
        begin, end = meeting[0].seen_joined, max(stay.seen_left for stay in meeting)
        lines = [
            "Topic,ID,Host name,Host email,Start time,End time,Participants,Duration (minutes)",
            f'"Demo, live",{meeting[0].room.meeting},Acme,meet@{COMPANY},{local(begin, form)},{local(end, form)},9,30',
            "",
            "Name (original name),Email,Join time,Leave time,Duration (minutes),Guest,In waiting room",
        ]
        for stay in seen(meeting):
            name = shown_name(stay.shown).replace('"', "'")
            minutes = int((stay.seen_left - stay.seen_joined) / 60) + 1
            flags = "No" if stay.shown.is_internal else "Yes", "Yes" if stay.kind == "lobby" else "No"
            times = local(stay.seen_joined, form), local(stay.seen_left, form)
            lines.append(f'"{name}",{on_invitation(stay.shown)},{",".join(times)},{minutes},{",".join(flags)}')
        source = TextFile(f"zoom_csv_{number}.csv", "\r\n".join(lines) + "\r\n")
        yield Raw("zoom", source.name, source, {"zone": ZONE, "date_format": "month_first"})


# Google Meet


def meet_audit(all_meetings: list[Stays]) -> Iterator[Raw]:
    """Write the activities of the Admin SDK: one for each endpoint, when it has left."""
    items = []
    for number, meeting in enumerate(all_meetings):
        for stay in in_room(meeting):
            if stay.seen_left <= loaded_until("meet_audit"):
                items.append(_meet_activity(stay, f"conf-{number}"))
    yield Raw("google_meet", "meet_audit.jsonl", [{"kind": "admin#reports#activities", "items": items}])


def _meet_activity(stay: Stay, conference: str) -> Row:
    shown = stay.shown
    known = {"display_name": shown_name(shown), "meeting_code": stay.room.meeting.upper(), "conference_id": conference}
    if shown.email:
        known |= {"identifier": shown.email, "identifier_type": "email_address"}
    elif shown.phone:
        known |= {"identifier": shown.phone, "identifier_type": "phone_number"}
    else:
        known |= {"identifier": "meet_android_device", "identifier_type": "device_id"}
    parameters: list[Row] = [{"name": name, "value": value} for name, value in known.items()]
    seconds = str(round(stay.seen_left - stay.seen_joined))
    parameters += [
        {"name": "duration_seconds", "intValue": seconds},
        {"name": "is_external", "boolValue": not shown.is_internal},
    ]
    return {
        "kind": "admin#reports#activity",
        "id": {"time": iso(stay.seen_left), "uniqueQualifier": "-1", "applicationName": "meet", "customerId": "C01"},
        "actor": {"callerType": "USER", "email": shown.email} if shown.email else {"callerType": "KEY"},
        "events": [{"type": "call", "name": "call_ended", "parameters": parameters}],
    }


def meet_rest(all_meetings: list[Stays]) -> Iterator[Raw]:
    """Write participants with their sessions; addresses are known of internal participants and of some customers."""
    pages, until, addresses = [], loaded_until("meet_rest"), {}
    for number, meeting in enumerate(all_meetings):
        stays = [stay for stay in in_room(meeting) if stay.seen_joined <= until]
        participants = []
        for place, (shown, own) in enumerate(by_person(stays).items()):
            participants.append(
                _meet_participant(f"conferenceRecords/c{number}/participants/p{place}", shown, own, until)
            )
            if shown.user and shown.email and (shown.is_internal or int(shown.user) % 5 < 2):
                addresses[shown.user] = shown.email
        pages.append({"participants": participants, "space": {"meetingCode": meeting[0].room.meeting}})
    yield Raw("google_meet", "meet_rest.jsonl", pages, {"addresses": addresses})


def _meet_participant(name: str, shown: Shown, stays: Stays, until: float) -> Row:
    if shown.email and shown.user:
        user = {"signedinUser": {"user": f"users/{shown.user}", "displayName": shown_name(shown)}}
    elif shown.phone:
        user = {"phoneUser": {"displayName": cast.masked(shown.phone)}}
    else:
        user = {"anonymousUser": {"displayName": shown_name(shown)}}
    sessions = []
    for place, stay in enumerate(stays):
        session = {"name": f"{name}/participantSessions/{place}", "startTime": iso(stay.seen_joined, "microseconds")}
        if stay.has_end and stay.seen_left <= until:
            session["endTime"] = iso(stay.seen_left, "microseconds")
        sessions.append(session)
    return {"name": name, "earliestStartTime": sessions[0]["startTime"], **user, "participantSessions": sessions}


# Teams


def teams_graph(all_meetings: list[Stays]) -> Iterator[Raw]:
    """Write the attendance report of each meeting, with its records."""
    pages = []
    for number, meeting in enumerate(all_meetings):
        if not is_over(meeting, "teams_graph"):
            continue
        report = {
            "id": f"report-{number}",
            "totalParticipantCount": len(by_person([stay for stay in meeting if stay.kind != "lobby"])),
            "meetingStartDateTime": iso(meeting[0].joined),
            "meetingEndDateTime": iso(max(stay.left for stay in meeting)),
            "attendanceRecords": [_teams_record(*one) for one in by_person(in_room(meeting)).items()],
        }
        pages.append({"value": [report], "joinWebUrl": meeting[0].room.location or meeting[0].room.meeting})
    # People who chose not to be named are counted only.
    yield Raw("teams", "teams_graph.jsonl", pages, {"unnamed_participants": True})


def _teams_record(shown: Shown, stays: Stays) -> Row:
    intervals = [
        {
            "joinDateTime": iso(stay.seen_joined).replace("Z", "0000Z"),
            "leaveDateTime": iso(stay.seen_left).replace("Z", "0000Z") if stay.has_end else None,
            "durationInSeconds": round(stay.seen_left - stay.seen_joined) if stay.has_end else 0,
        }
        for stay in stays
    ]
    return {
        "emailAddress": shown.email,
        "totalAttendanceInSeconds": sum(one["durationInSeconds"] for one in intervals),
        "role": "Organizer" if shown.is_internal else "Attendee",
        "identity": {"id": shown.user, "displayName": shown_name(shown)},
        "attendanceIntervals": intervals,
    }


def teams_csv(all_meetings: list[Stays]) -> Iterator[Raw]:
    """Write the file that an organiser downloads of each meeting; it holds no link, so the user names the meeting."""
    form = "%m/%d/%y, %I:%M:%S %p"
    for number, meeting in enumerate(all_meetings):
        stays = in_room(meeting)
        if not stays or not is_over(meeting, "teams_csv"):
            continue
        lines = [*_teams_summary(stays, form), "", "2. Participants", _TEAMS_PEOPLE]
        for shown, own in by_person(stays).items():
            first, last = min(stay.seen_joined for stay in own), max(stay.seen_left for stay in own)
            who = [_teams_name(shown), local(first, form), local(last, form), _length(last - first)]
            lines.append("\t".join([*who, _teams_address(shown), shown.email or "", "Attendee"]))
        lines += ["", "3. In-Meeting Activities", _TEAMS_STAYS]
        for stay in stays:
            times = [local(stay.seen_joined, form), local(stay.seen_left, form)]
            length = _length(stay.seen_left - stay.seen_joined)
            lines.append("\t".join([_teams_name(stay.shown), *times, length, _teams_address(stay.shown), "Attendee"]))
        source = TextFile(f"teams_csv_{number}.csv", "\r\n".join(lines), "utf-16")
        options = {"zone": ZONE, "date_format": "month_first", "conference_key": meeting[0].room.meeting}
        yield Raw("teams", source.name, source, options)


_TEAMS_PEOPLE = "Name\tFirst Join\tLast Leave\tIn-Meeting Duration\tEmail\tParticipant ID (UPN)\tRole"
_TEAMS_STAYS = "Name\tJoin Time\tLeave Time\tDuration\tEmail\tRole"


def _teams_summary(stays: Stays, form: str) -> list[str]:
    begin, end = min(stay.seen_joined for stay in stays), max(stay.seen_left for stay in stays)
    return [
        "1. Summary",
        "Meeting title\tDemo",
        f"Attended participants\t{len(by_person(stays))}",
        f"Start time\t{local(begin, form)}",
        f"End time\t{local(end, form)}",
        f"Meeting duration\t{_length(end - begin)}",
    ]


def _teams_name(shown: Shown) -> str:
    name = shown_name(shown)
    return name if shown.email or name.startswith("+") else f"{name} (Unverified)"


def _teams_address(shown: Shown) -> str:
    return shown.email if shown.email and "#EXT#" not in shown.email else ""


def _length(seconds: float) -> str:
    minutes, rest = divmod(int(seconds), 60)
    return f"{minutes // 60}h {minutes % 60}m {rest}s" if minutes >= 60 else f"{minutes}m {rest}s"


# Cal Video, Webex, and feeds that know the booking


def cal_video(all_meetings: list[Stays], hosts: Mapping[str, Mapping[str, str]]) -> Iterator[Raw]:
    """Write the sessions of each booking as Cal.com's API gives them, with the addresses of its hosts."""
    of_booking: dict[str, list[Row]] = defaultdict(list)
    for number, meeting in enumerate(all_meetings):
        stays = [stay for stay in in_room(meeting) if stay.seen_joined <= loaded_until("cal_video")]
        if stays:
            of_booking[str(meeting[0].room.booking_uid)].append(_cal_video_session(f"s{number}", meeting, stays))
    records = [
        {"booking_uid": uid, "hosts": hosts.get(uid, {}), "sessions": found} for uid, found in of_booking.items()
    ]
    yield Raw("cal_video", "cal_video.jsonl", records)


def _cal_video_session(name: str, meeting: Stays, stays: Stays) -> Row:
    begin = int(min(stay.seen_joined for stay in stays))
    end = int(max(stay.seen_left for stay in stays))
    true = [stay for stay in meeting if stay.kind != "lobby"]
    at_once = max(sum(one.joined <= stay.joined < one.left for one in true) for stay in true)
    return {
        "id": name,
        "room": f"room-{name}",
        "startTime": begin,
        "duration": end - begin,
        "ongoing": end > loaded_until("cal_video"),
        "maxParticipants": at_once,
        "participants": [
            {
                "userId": stay.shown.user if stay.shown.is_internal else None,
                "userName": shown_name(stay.shown),
                "joinTime": int(stay.seen_joined),
                "duration": int(stay.seen_left) - int(stay.seen_joined),
            }
            for stay in stays
        ],
    }


def webex(all_meetings: list[Stays]) -> Iterator[Raw]:
    """Write pages of ``GET /meetingParticipants``, with the meeting's link beside the participants."""
    pages = []
    for number, meeting in enumerate(all_meetings):
        if is_over(meeting, "webex"):
            items = [_webex_participant(stay, f"I_{number}") for stay in seen(meeting)]
            pages.append({"items": items, "webLink": meeting[0].room.meeting})
    yield Raw("webex", "webex.jsonl", pages)


def _webex_participant(stay: Stay, meeting: str) -> Row:
    shown = stay.shown
    joined = iso(stay.seen_joined, "seconds")
    left = iso(stay.seen_left, "seconds") if stay.has_end else "1970-01-01T00:00:00.000Z"
    device = {"deviceType": "mac", "callType": "callIn", "joinedTime": joined, "leftTime": left}
    return {
        "orgId": "Y2lzY28",
        "host": shown.is_internal,
        "invitee": shown.invited,
        "email": shown.email or "",
        "displayName": "Call-in User_3" if shown.phone else shown.name,
        "meetingId": meeting,
        "state": "lobby" if stay.kind == "lobby" else "end",
        "joinedTime": joined,
        "leftTime": left,
        "devices": [{**device, **({"phoneNumber": shown.phone} if shown.phone else {})}],
    }


def check_in(all_meetings: list[Stays]) -> Iterator[Raw]:
    """Write the table of a reception desk: who was welcomed, when, and mostly for which booking."""
    rows = [
        {
            "visit": number,
            "reservation": None if stay.shown.email and number % 4 == 0 else stay.room.booking_uid,
            "visitor": stay.shown.name,
            "mail": stay.shown.email or "",
            "scanned_at": local(stay.seen_joined, "%Y-%m-%dT%H:%M:%S%z"),
        }
        for number, meeting in enumerate(all_meetings)
        for stay in seen(meeting)
        if stay.seen_joined <= loaded_until("check_in")
    ]
    columns = {"booking_uid": "reservation", "name": "visitor", "email": "mail", "checked_in_at": "scanned_at"}
    yield Raw("check_in", "check_in.jsonl", rows, {"columns": columns})


def canonical(all_meetings: list[Stays]) -> Iterator[Raw]:
    """Write rows that are in the rules' own shape."""
    until, rows = loaded_until("canonical"), []
    for meeting in all_meetings:
        for stay in seen(meeting):
            if stay.seen_joined <= until:
                has_end = stay.has_end and stay.seen_left <= until
                rows.append(
                    {
                        "source": "whereby",
                        "participant": None,
                        "kind": stay.kind,
                        "booking_uid": stay.room.booking_uid,
                        "conference_key": None,
                        "email": stay.shown.email,
                        "name": stay.shown.name,
                        "phone": stay.shown.phone,
                        "joined_at": iso(stay.seen_joined),
                        "left_at": iso(stay.seen_left) if has_end else None,
                    }
                )
    yield Raw("canonical", "canonical.jsonl", rows)


# All of them

_WRITERS: dict[str, Callable[[list[Stays]], Iterator[Raw]]] = {
    "zoom_report": zoom_report,
    "zoom_webhooks": zoom_webhooks,
    "zoom_csv": zoom_csv,
    "meet_audit": meet_audit,
    "meet_rest": meet_rest,
    "teams_graph": teams_graph,
    "teams_csv": teams_csv,
    "webex": webex,
    "check_in": check_in,
    "canonical": canonical,
}
FEEDS = (*_WRITERS, "cal_video")


def raw_feeds(world: World) -> Iterator[Raw]:
    """Return what the vendors have of a world."""
    by_feed: dict[str, list[Stays]] = defaultdict(list)
    for meeting in meetings(world.stays):
        by_feed[meeting[0].room.feed].append(meeting)
    for feed, write in _WRITERS.items():
        yield from write(by_feed[feed])
    hosts = {booking.uid: {str(host.person.number): host.email for host in booking.hosts} for booking in world.bookings}
    yield from cal_video(by_feed["cal_video"], hosts)


def attendance_of(raw: Iterable[Raw]) -> list[AttendanceRow]:
    """Read what the vendors have, as a user does: with the package's feeds and nothing else."""
    rows: list[AttendanceRow] = []
    for one in raw:
        rows += read_feed(one.feed, one.source, **one.options)
    return rows


def write_raw(raw: Iterable[Raw], folder: Path) -> None:
    """Write what the vendors have as files, with the options of each beside them."""
    folder.mkdir(parents=True, exist_ok=True)
    options = {}
    for one in raw:
        if isinstance(one.source, TextFile):
            (folder / one.name).write_bytes(one.source.data)
        else:
            lines = (json.dumps(record, ensure_ascii=False) + "\n" for record in one.source)
            (folder / one.name).write_text("".join(lines), encoding="utf-8")
        options[one.name] = {"feed": one.feed, **one.options}
    (folder / "feeds.json").write_text(json.dumps(options, indent=1), encoding="utf-8")
