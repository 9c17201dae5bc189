"""Who an attendance record of Microsoft Graph is about.

Microsoft documents the ``identity`` of an attendance record as one of two kinds [1]: ``communicationsUserIdentity``,
whose ``id`` is the user's object ID in Microsoft Entra [2], and ``azureCommunicationServicesUserIdentity``. Loaders and
other answers of Graph also have guests (``id``: a GUID of the guest), phones (``id``: the number in E.164) and identity
sets that hold one of them under a name [3].

A value is taken only from what is documented, or by its name can only be, the participant's. Where an identity set has
two people in it that differ, neither is taken.

``participant``, by which the rows of one person are linked, is the object ID, or else ``registrationId``, the id of
one registration for a webinar [1]. It is null for guests, telephones and users of Azure Communication Services, because
nothing says that their ids last longer than one join.

[1] https://learn.microsoft.com/graph/api/resources/attendancerecord
[2] https://learn.microsoft.com/graph/api/resources/communicationsuseridentity
[3] https://learn.microsoft.com/graph/api/resources/communicationsidentityset
"""

from __future__ import annotations

import re
from collections.abc import Iterable
from typing import TypedDict

from airflow_provider_calcom.attendance.feeds._people import phone_in_name
from airflow_provider_calcom.attendance.feeds._record import Record
from airflow_provider_calcom.attendance.feeds.teams.words import has_guest_mark, without_guest_mark

_PEOPLE = (
    *("user", "onPremises"),
    *("guest", "communicationsGuestUser", "communicationsUser", "acsUser", "azureCommunicationServicesUser"),
    *("phone", "communicationsPhoneUser", "encrypted", "assertedIdentity"),
)
_PHONES = ("phone", "communicationsPhoneUser")
_BOTS = ("application", "applicationInstance")
_BOT_FIELDS = ("id", "displayName", "applicationIdentityType")
_BOT_TYPE = re.compile(r"(?:^|\.)\w*(?:application|bot)\w*$", re.IGNORECASE)
_PHONE_TYPE = re.compile(r"(?:^|\.)\w*phone\w*$", re.IGNORECASE)
_USER_TYPE = re.compile(r"#?microsoft\.graph\.communicationsUserIdentity", re.IGNORECASE)
_ADDRESSES = ("email", "emailAddress", "mail", "userPrincipalName", "upn")
_OBJECT_ID = re.compile(r"[0-9a-f]{8}(?:-[0-9a-f]{4}){3}-[0-9a-f]{12}", re.IGNORECASE | re.ASCII)
_NOBODY = "00000000-0000-0000-0000-000000000000"
_INVITED = re.compile(r"([^@#]+)_([^@#_]+)#EXT#@[^@]+", re.IGNORECASE)


class Who(TypedDict, total=False):
    """What a row says of a person."""

    participant: str | None
    kind: str
    email: str | None
    name: str | None
    phone: str | None


def who_is(record: Record, marks: Iterable[str] = ()) -> Who:
    """Return who an attendance record is about.

    :param marks: the user's own marks of guests.
    :raises UnreadableField: where a value is of another type than it can be.
    """
    shown = _name(record)
    who = named(shown, _email(record), marks)
    who["phone"] = _phone(record) or who.get("phone")
    who["participant"] = _participant(record, is_guest=has_guest_mark(shown, marks))
    if who["email"] is None and who["phone"] is None and not has_guest_mark(shown, marks) and _is_bot(record):
        who["kind"] = "bot"
    return who


def named(name: str | None, email: str | None, marks: Iterable[str] = ()) -> Who:
    """Return a person; a display name that is a telephone number, also one with stars, becomes the telephone."""
    bare = without_guest_mark(name, marks)
    phone = phone_in_name(bare)
    return {"name": None if phone else bare, "email": email, "phone": phone}


def doubtful(who: Who) -> Who:
    """Return somebody of whom it is only known that they were there at some time; an application stays one."""
    return {**who, "kind": who.get("kind", "lobby")}


def plain_address(text: str | None) -> str | None:
    """Return an address, also that of a guest's account (``ada_example.com#EXT#@acme.onmicrosoft.com``), or None."""
    if text is None or "@" not in text:
        return None
    found = _INVITED.fullmatch(text)
    return f"{found[1]}@{found[2]}" if found else text


def _email(record: Record) -> str | None:
    # Beside Graph's own column, Email is of a table that was joined to it, as that of meetings: an organiser's.
    own = "emailAddress" if record.has("emailAddress") else "email"
    return (
        plain_address(record.text(own))
        or _address(record, "identity")
        or _only(_address(record, f"identity.{person}") for person in _PEOPLE)
        or plain_address(record.text("userPrincipalName", "upn"))
        or _given_address(record)
    )


def _address(record: Record, identity: str) -> str | None:
    texts = (record.text(f"{identity}.{field}") for field in _ADDRESSES)
    return next((address for text in texts if (address := plain_address(text))), None)


def _given_address(record: Record) -> str | None:
    """Return what the option ``addresses`` knows of the ids, if that is one address."""
    if not record.options.addresses:
        return None
    ids = ("identity.id", *(f"identity.{person}.id" for person in _PEOPLE), "registrationId")
    return _only(record.options.addresses.get(record.text(name) or "") for name in ids)


def _name(record: Record) -> str | None:
    return (
        record.text("identity.displayName")
        or _only(record.text(f"identity.{person}.displayName") for person in _PEOPLE)
        or _only(record.text(f"identity.{bot}.displayName") for bot in _BOTS)
        or record.text("displayName")
    )


def _phone(record: Record) -> str | None:
    ids = [f"identity.{phone}.id" for phone in _PHONES]
    if _PHONE_TYPE.search(record.text("identity.@odata.type") or ""):
        ids.append("identity.id")
    return _only(phone_in_name((record.text(name) or "").removeprefix("4:")) for name in ids)


def _participant(record: Record, *, is_guest: bool) -> str | None:
    kind = record.text("identity.@odata.type")
    is_user = _USER_TYPE.fullmatch(kind) if kind else record.has("identity.tenantId")
    found = record.text("identity.id") if is_user else None
    found = found or _only(record.text(f"identity.{user}.id") for user in ("user", "onPremises"))
    if found and not is_guest and _OBJECT_ID.fullmatch(found) and found != _NOBODY:
        return found.lower()
    return record.text("registrationId")


def _is_bot(record: Record) -> bool:
    """Return whether a record is a bot's. A bot counts for nobody, so only where no person is in the record.

    A person's identity beside it is that of a person who came with an application.
    """
    if any(record.value(f"identity.{person}.{field}") for person in _PEOPLE for field in ("id", "displayName")):
        return False
    is_named = any(record.value(f"identity.{bot}.{field}") for bot in _BOTS for field in _BOT_FIELDS)
    return is_named or bool(_BOT_TYPE.search(record.text("identity.@odata.type") or ""))


def _only(texts: Iterable[str | None]) -> str | None:
    """Return what all strings agree on, or None: of two candidates, one is another person's."""
    found = {text.casefold(): text for text in texts if text}
    return next(iter(found.values())) if len(found) == 1 else None
