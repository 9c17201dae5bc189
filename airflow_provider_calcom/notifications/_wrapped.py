"""The notifier that sends a message: when it is made, and which of its fields the message fills."""

from __future__ import annotations

import copy
import importlib
import re
from collections.abc import Callable, Mapping
from typing import TYPE_CHECKING, Any, cast

if TYPE_CHECKING:
    from airflow_provider_calcom.reports.messages import Message

_CONTEXT_KEY = "no_shows"
_PARTS = ("title", "text", "html")
_USE = re.compile(rf"\b{_CONTEXT_KEY}\.(?:{'|'.join(_PARTS)})\b")
_PART_OF_FIELD = {
    "text": "text",
    "message": "text",
    "message_body": "text",
    "body": "text",
    "html_content": "html",
    "subject": "title",
    "title": "title",
    "summary": "title",
}
"""Fields of Airflow's notifiers for Slack, SMTP, Discord, Apprise, PagerDuty, SNS, SQS, SES and Chime."""


class WrappedNotifier:
    """A notifier that sends messages.

    Fields are filled with templates, not with the message itself, which would be rendered as a template: a run id may
    have braces in it. A copy is filled, because Airflow's notifiers render their own fields in place, and a second
    call would send the first message again.

    :param notifier: an object, a class, its import path, or any callable of the context.
    :param kwargs: parameters of the class.
    :param fields: which field gets which part of a message; None for the known ones.
    """

    def __init__(
        self,
        notifier: Callable[[Any], Any] | type | str,
        kwargs: Mapping[str, Any] | None,
        fields: Mapping[str, str] | None,
    ) -> None:
        from airflow_provider_calcom._redact import describe

        self._notifier = notifier
        self._kwargs = dict(kwargs or {})
        self._fields = fields
        is_made_later = isinstance(notifier, (str, type))
        if not callable(notifier) and not (isinstance(notifier, str) and "." in notifier):
            raise _invalid(f"notifier must be a notifier, its class or import path, but is {describe(notifier)}")
        if kwargs and not is_made_later:
            raise _invalid(
                "notifier_kwargs is set together with an object as notifier. Pass its class, or leave it out"
            )
        if not is_made_later and _template_fields(notifier):
            self._filled(notifier, _values(notifier))

    def send(self, context: Any, message: Message) -> None:
        """Send a message.

        :param context: of the callback. It has the message as ``no_shows`` meanwhile.
        :param message: what is sent.
        """
        notifier = self._ready()
        context[_CONTEXT_KEY] = message
        try:
            notifier(context)
        finally:
            del context[_CONTEXT_KEY]

    def _ready(self) -> Callable[[Any], Any]:
        """Return the notifier that is called, with its fields filled."""
        made: Any = self._notifier
        if isinstance(made, str):
            module, _, name = made.rpartition(".")
            made = getattr(importlib.import_module(module), name)
        if isinstance(made, type):
            made = made(**{**self._kwargs, **self._filled(made, self._kwargs)})
            return cast("Callable[[Any], Any]", made)
        if not _template_fields(made):
            return cast("Callable[[Any], Any]", made)
        filled: Callable[[Any], Any] = copy.copy(made)
        for name, template in self._filled(made, _values(made)).items():
            setattr(filled, name, template)
        return filled

    def _filled(self, notifier: Any, values: Mapping[str, Any]) -> dict[str, str]:
        """Return a template for each field that the message fills.

        :param notifier: the object or class.
        :param values: what the DAG's author set.
        """
        if self._fields is not None:
            return {name: _template(part) for name, part in self._fields.items()}
        has_own = any(_USE.search(str(value)) for value in values.values())
        parts = {name: _PART_OF_FIELD[name] for name in _template_fields(notifier) if name in _PART_OF_FIELD}
        if not parts and not has_own:
            raise _invalid(
                f"fields must name the fields of {_name(notifier)} that get the message, as in"
                ' {"text": "text"}: it has none that is known. Or set fields={}, and use {{ no_shows.text }} in it'
            )
        return {name: _template(part) for name, part in parts.items() if _is_free(part, values.get(name), has_own)}


def checked_fields(fields: Any) -> dict[str, str] | None:
    """Return the fields that a message fills, or None for the known ones.

    :param fields: the parameter.
    :raises InvalidArgument: if it is not a dict of parts of the message.
    """
    from airflow_provider_calcom._redact import describe

    if fields is None:
        return None
    if not isinstance(fields, Mapping):
        raise _invalid(f'fields must be a dict such as {{"text": "text"}}, but is {describe(fields)}')
    for part in fields.values():
        if part not in _PARTS:
            raise _invalid(f"fields: a part of the message is one of {', '.join(_PARTS)}, but is {describe(part)}")
    return {str(name): part for name, part in fields.items()}


def _is_free(part: str, value: Any, has_own: bool) -> bool:
    """Return whether a field is filled. A title stays if there is one; so do texts, if a template has the message."""
    return not value if part == "title" else not has_own


def _template(part: str) -> str:
    return f"{{{{ {_CONTEXT_KEY}.{part} }}}}"


def _template_fields(notifier: Any) -> tuple[str, ...]:
    return tuple(getattr(notifier, "template_fields", ()))


def _values(notifier: Any) -> dict[str, Any]:
    return {name: getattr(notifier, name, None) for name in _template_fields(notifier)}


def _name(notifier: Any) -> str:
    return notifier.__name__ if isinstance(notifier, type) else type(notifier).__name__


def _invalid(text: str) -> Exception:
    from airflow_provider_calcom.api.errors import InvalidArgument

    return InvalidArgument(text)
