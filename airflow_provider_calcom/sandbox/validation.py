"""Input rules with the error trees of class-validator; unknown keys are removed, not rejected."""

import re
from collections.abc import Callable
from datetime import datetime
from typing import Any

from airflow_provider_calcom.sandbox.builds import Build
from airflow_provider_calcom.sandbox.clock import parse_instant
from airflow_provider_calcom.sandbox.responses import ApiError, invalid

Json = dict[str, Any]
_LOCAL = re.compile(r"[\w!#$%&'*+/=?^`{|}~-]+(\.[\w!#$%&'*+/=?^`{|}~-]+)*")
_LABEL = re.compile(r"[^\W_]([^\W_]|-)*(?<!-)")
_TOP = re.compile(r"[^\W\d_]{2,}|xn[a-z0-9-]{2,}", re.I)
STATUSES = ("upcoming", "recurring", "past", "cancelled", "unconfirmed")
_DATES = ("afterStart", "beforeEnd", "afterCreatedAt", "beforeCreatedAt", "afterUpdatedAt", "beforeUpdatedAt")
_SORTS = {"sortStart": "Start", "sortEnd": "End", "sortCreated": "Created", "sortUpdatedAt": "Created"}


def is_email(text: object) -> bool:
    """Return whether validator.js accepts the address: no spaces, and a domain with a dot inside it."""
    if not isinstance(text, str) or text.count("@") < 1 or len(text) > 254 + 65:
        return False
    local, _, domain = text.rpartition("@")
    labels = domain.split(".")
    local_ok = len(local.encode()) <= 64 and (_LOCAL.fullmatch(local) or re.fullmatch(r'"[^"\\]+"', local))
    domain_ok = len(labels) > 1 and len(domain) <= 254 and _TOP.fullmatch(labels[-1])
    return bool(local_ok and domain_ok and all(len(one) < 64 and _LABEL.fullmatch(one) for one in labels))


def problem(target: Any, name: str, rules: Json, children: list[Json] | None = None) -> Json:
    """Return one node of an error tree."""
    node: Json = {"target": target, "property": name, "children": children or []}
    if isinstance(target, list) or name in target:
        node["value"] = target[int(name)] if isinstance(target, list) else target[name]
    return {**node, "constraints": rules} if rules else node


def mark_absent_input(body: Any) -> Json:
    """Return the known keys of a mark-absent body: none for an array, as for any body without them."""
    given = body if isinstance(body, dict) else {}
    clean: Json = {name: given[name] for name in ("host", "attendees") if name in given}
    attendees, errors = clean.get("attendees"), []
    if isinstance(attendees, list):
        clean["attendees"] = [_known(row, ("email", "absent")) for row in attendees]
    if not isinstance(clean.get("host"), (bool, type(None))):
        errors.append(problem(clean, "host", {"isBoolean": "host must be a boolean value"}))
    if attendees is not None:
        errors += _attendee_problems(clean)
    if errors:
        raise invalid(errors)
    return clean


def _known(row: Any, names: tuple[str, ...]) -> Any:
    return {name: row[name] for name in names if name in row} if isinstance(row, dict) else row


def _attendee_problems(clean: Json) -> list[Json]:
    rows, rules, children = clean["attendees"], {}, []
    if not isinstance(rows, list):
        rules["isArray"] = "attendees must be an array"
    if not isinstance(rows, list) or not rows:
        rules["arrayMinSize"] = "attendees must contain at least 1 elements"
    if not isinstance(rows, (list, dict)):
        rules["nestedValidation"] = "nested property attendees must be either object or array"
    for index, row in enumerate(rows if isinstance(rows, list) else []):
        if not isinstance(row, (dict, list)):
            text = "each value in nested property attendees must be either object or array"
            children.append(problem(rows, str(index), {"nestedValidation": text}))
        elif isinstance(row, dict) and (wrong := _row_problems(row)):
            children.append(problem(rows, str(index), {}, wrong))
    return [problem(clean, "attendees", rules, children)] if rules or children else []


def _row_problems(row: Json) -> list[Json]:
    wrong = []
    if not is_email(row.get("email")):
        wrong.append(problem(row, "email", {"isEmail": "email must be an email"}))
    if not isinstance(row.get("absent"), bool):
        wrong.append(problem(row, "absent", {"isBoolean": "absent must be a boolean value"}))
    return wrong


def cancel_input(body: Any) -> Json:
    """Return the body of a cancellation: of the booking, or, with a `seatUid`, of one seat."""
    rules: dict[str, Rule]
    if isinstance(body, dict) and "seatUid" in body:
        rules = {"seatUid": _a_string, "cancellationReason": _optional(_a_string)}
    else:
        rules = {"cancellationReason": _optional(_a_string), "cancelSubsequentBookings": _optional(_a_boolean)}
    return _strict(body, rules)


def reschedule_input(body: Any) -> Json:
    """Return the body of a rescheduling: of the booking, or, with a `seatUid`, of one seat."""
    rules: dict[str, Rule] = {"start": _a_date, "rescheduledBy": _an_email_or_nothing}
    if isinstance(body, dict) and "seatUid" in body:
        rules["seatUid"] = _a_string
    else:
        rules["reschedulingReason"] = _optional(_a_string)
    return _strict(body, {**rules, "emailVerificationCode": _optional(_a_string)})


def reason_input(body: Any) -> str | None:
    """Return the `reason` in the body of a decline or a reassignment; unknown keys are removed."""
    given = body if isinstance(body, dict) else {}
    reason = given.get("reason")
    if not isinstance(reason, (str, type(None))):
        raise invalid([problem({"reason": reason}, "reason", {"isString": "reason must be a string"})])
    return reason


Rule = Callable[[str, Any], str]
"""Returns the error message for a key and its value; empty for a valid value."""


def _strict(body: Any, rules: dict[str, Rule]) -> Json:
    """Check a body as the pipes for alternative forms do: unknown keys are errors, and all errors are one sentence."""
    if not isinstance(body, dict):
        raise ApiError(400, _wrong("undefined", "an unknown value was passed to the validate function"))
    unknown = [_wrong(name, f"property {name} should not exist") for name in body if name not in rules]
    wrong = [_wrong(name, text) for name, rule in rules.items() if (text := rule(name, body.get(name)))]
    if unknown or wrong:
        raise ApiError(400, ", ".join([*unknown, *wrong]))
    return dict(body)


def _wrong(name: str, text: str) -> str:
    return f"{name} property is wrong,{text} "


def _a_string(name: str, value: Any) -> str:
    return "" if isinstance(value, str) else f"{name} must be a string"


def _a_boolean(name: str, value: Any) -> str:
    return "" if isinstance(value, bool) else f"{name} must be a boolean value"


def _a_date(name: str, value: Any) -> str:
    try:
        parse_instant(value)
    except (TypeError, ValueError):
        return f"{name} must be a valid ISO 8601 date string"
    return ""


def _an_email_or_nothing(name: str, value: Any) -> str:
    return "" if not value or is_email(value) else f"Invalid {name} email format"


def _optional(rule: Rule) -> Rule:
    return lambda name, value: "" if value is None else rule(name, value)


def path_integer(text: str) -> int:
    """Parse an integer in a path as Nest's ParseIntPipe does."""
    if not re.fullmatch(r"-?\d+", text, re.ASCII):
        raise ApiError(400, "Validation failed (numeric string is expected)")
    return int(text)


REFERENCE_TYPES = (
    *("google_calendar", "office365_calendar", "daily_video"),
    *("google_video", "office365_video", "zoom_video"),
)


def reference_type(query: "Query") -> str | None:
    """Return the requested type of references; None for all."""
    given = query.given.get("type")
    if given is not None and given not in REFERENCE_TYPES:
        text = f"type must be one of the following values: {', '.join(REFERENCE_TYPES)}"
        raise invalid([problem({"type": given}, "type", {"isIn": text})])
    return str(given) if given is not None else None


def webhook_input(body: Any, build: Build, partial: bool) -> Json:
    """Return the known keys of a webhook body.

    :param partial: for PATCH, where each key is optional.
    """
    times = ("time", "timeUnit") if build.webhook_times else ()
    names = ("payloadTemplate", "active", "subscriberUrl", "triggers", "secret", *times)
    clean, errors = _known(body if isinstance(body, dict) else {}, names), []
    words = {"active": "isBoolean", "subscriberUrl": "isString", "payloadTemplate": "isString", "secret": "isString"}
    for name in names:
        value = clean.get(name)
        if value is None and (partial or name in ("payloadTemplate", "secret", *times)):
            continue
        if name == "triggers":
            rules = _trigger_rules(value, build)
        elif name in times:
            rules = _time_rules(name, value)
        else:
            kind = bool if words[name] == "isBoolean" else str
            text = f"{name} must be a boolean value" if kind is bool else f"{name} must be a string"
            rules = {} if isinstance(value, kind) else {words[name]: text}
        if rules:
            errors.append(problem(clean, name, rules))
    if errors:
        raise invalid(errors)
    return clean  # type: ignore[no-any-return]


def _time_rules(name: str, value: Any) -> Json:
    if name == "time":
        is_number = isinstance(value, int) and not isinstance(value, bool)
        return {} if is_number else {"isNumber": "time must be a number conforming to the specified constraints"}
    units = ("DAY", "HOUR", "MINUTE")
    return {} if value in units else {"isEnum": f"timeUnit must be one of the following values: {', '.join(units)}"}


def _trigger_rules(value: Any, build: Build) -> Json:
    rules = {}
    if not isinstance(value, list) or not all(one in build.triggers for one in value):
        listed = ", ".join(build.triggers)
        rules["isEnum"] = f"each value in triggers must be one of the following values: {listed}"
    if not isinstance(value, list):
        rules["isArray"] = "triggers must be an array"
    return rules


class Query:
    """A query string, read parameter by parameter; errors are collected until :meth:`check`.

    A repeated key is a list of its values.
    """

    def __init__(self, pairs: list[tuple[str, str]]) -> None:
        self.given: Json = {}
        for name, value in pairs:
            name = name.removesuffix("[]")
            old = self.given.get(name)
            self.given[name] = value if old is None else [*(old if isinstance(old, list) else [old]), value]
        self.clean: Json = {}
        self.errors: list[Json] = []

    def fail(self, name: str, rules: Json) -> None:
        """Note which rules a parameter breaks."""
        self.errors.append(problem(self.clean, name, rules))

    def number(self, name: str, default: int, low: int, high: int | None = None) -> int:
        """Read a number as `parseInt` does: leading digits count, a string without any is an error."""
        if name not in self.given:
            return default
        digits = re.match(r"\s*([+-]?\d+)", str(self.given[name]))
        value = self.clean[name] = int(digits[1]) if digits else None
        rules = {}
        if high is not None and (value is None or value > high):
            rules["max"] = f"{name} must not be greater than {high}"
        if value is None or value < low:
            rules["min"] = f"{name} must not be less than {low}"
        if value is None:
            rules["isNumber"] = f"{name} must be a number conforming to the specified constraints"
        if rules:
            self.fail(name, rules)
        return value or 0

    def integer(self, name: str) -> int | None:
        """Read an integer as `Number` does: the whole string must be one; the empty string is 0."""
        if name not in self.given:
            return None
        text = str(self.given[name]).strip() or "0"
        value = self.clean[name] = int(float(text)) if re.fullmatch(r"[+-]?\d+(\.0*)?", text) else None
        if value is None:
            self.fail(name, {"isInt": f"{name} must be an integer number"})
        return value

    def integers(self, name: str) -> list[int] | None:
        """Read a list of numbers: separated by commas, or a repeated key."""
        if name not in self.given:
            return None
        parts = self._list(name)
        digits = [re.match(r"\s*([+-]?\d+)", part) for part in parts]
        self.clean[name] = [int(one[1]) if one else None for one in digits]
        if None in self.clean[name]:
            self.fail(
                name, {"isNumber": f"each value in {name} must be a number conforming to the specified constraints"}
            )
        return [int(one[1]) for one in digits if one]

    def text(self, name: str) -> str | None:
        """Read a string: a repeated key is an error."""
        if name not in self.given:
            return None
        value = self.clean[name] = self.given[name]
        if not isinstance(value, str):
            self.fail(name, {"isString": f"{name} must be a string"})
        return str(value)

    def statuses(self) -> list[str]:
        """Read `status`: names of statuses, separated by commas, or a repeated key."""
        if "status" not in self.given:
            return []
        values: list[str] = self._list("status")
        self.clean["status"] = values
        if not all(value in STATUSES for value in values):
            self.fail("status", {"isEnum": f"Invalid status. Allowed are {', '.join(STATUSES)}"})
        return values

    def dates(self) -> dict[str, datetime]:
        """Read the bounds of times that were sent, by their names."""
        found = {}
        for name in _DATES:
            if name in self.given:
                self.clean[name] = self.given[name]
                try:
                    found[name] = parse_instant(str(self.given[name]))
                except ValueError:
                    word = "fromDate" if name.startswith("after") else "toDate"
                    self.fail(name, {"isIso8601": f"{word} must be a valid ISO 8601 date."})
        return found

    def sort(self) -> tuple[str, str] | None:
        """Return the first sort key of the query, in the server's order of preference, and its direction."""
        chosen = None
        for name, word in _SORTS.items():
            if name in self.given:
                value = self.clean[name] = self.given[name]
                if value not in ("asc", "desc"):
                    self.fail(name, {"isEnum": f'Sort{word} must be either "asc" or "desc".'})
                chosen = chosen or (name, str(value))
        return chosen

    def check(self) -> None:
        """Raise 400 with all errors found."""
        if self.errors:
            raise invalid(self.errors)

    def _list(self, name: str) -> list[str]:
        given = self.given[name]
        return given if isinstance(given, list) else [part.strip() for part in str(given).split(",")]
