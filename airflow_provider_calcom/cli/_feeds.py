"""The option ``--feed``: the files of a vendor as they are, and what the reader must know about them."""

from __future__ import annotations

import argparse
import json
import os
import re
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from airflow_provider_calcom._redact import describe, shown_path
from airflow_provider_calcom._rendered import parse_json
from airflow_provider_calcom._storage import folder_path, reason_of
from airflow_provider_calcom.attendance.errors import InvalidFeedOption
from airflow_provider_calcom.attendance.feeds import FeedOptions, feed_named
from airflow_provider_calcom.attendance.feeds.options import TABLES, WORDS
from airflow_provider_calcom.no_shows.input_files import files_of
from airflow_provider_calcom.no_shows.plan_request import FeedEntry

FETCHED = "cal_video"
"""The feed that Cal.com itself has, so that it needs no file."""

_OPTION = re.compile(r"(?P<name>[a-z_]+)(?:\.(?P<key>[^=]+))?=(?P<value>.*)", re.DOTALL)
_DICTS = (*TABLES, "columns")
_NUMBERS: Mapping[str, type] = {"max_unreadable": float, "largest_line": int, "largest_document": int}


def add_feeds(command: Any, *, required: bool = False) -> None:
    """Add the options of feeds to a command, or to a group of its options."""
    command.add_argument(
        "--feed",
        nargs="+",
        action="append",
        required=required,
        default=[],
        metavar=("NAME", "FILE"),
        help="a vendor's export as it is, such as: zoom export.csv. Options of the feed may follow as OPTION=VALUE,"
        ' such as: date=2026-11-18 "columns.join_time=Hora de entrada". May be given several times',
    )


def add_feed_options(command: Any) -> None:
    """Add the option for options that are too long for a command line."""
    command.add_argument(
        "--feed-options",
        metavar="FILE",
        help='options of feeds as JSON, such as {"zoom": {"conference_keys": {"81200001111": "https://..."}}}',
    )


def feed_entries(arguments: argparse.Namespace, *, may_fetch: bool = False) -> list[FeedEntry]:
    """Return the feeds of the command line, with files that are there.

    :param may_fetch: whether ``cal_video`` may be without a file, as it can be fetched from Cal.com.
    :raises InvalidFeedOption: naming the feed or the option.
    :raises InputMissing: if a file is not there.
    """
    in_file = _options_in_file(arguments.feed_options)
    unused = sorted(set(in_file) - {words[0] for words in arguments.feed})
    if unused:
        raise InvalidFeedOption(f"--feed-options has {describe(unused[0])}, for which there is no --feed")
    return [_entry(arguments, words, in_file.get(words[0], {}), may_fetch) for words in arguments.feed]


def _entry(arguments: argparse.Namespace, words: list[str], in_file: Mapping[str, Any], may_fetch: bool) -> FeedEntry:
    name, *rest = words
    feed = feed_named(name)  # a misspelt one is reported before its files
    options: dict[str, Any] = dict(in_file)
    inline: dict[str, Any] = {}
    files = []
    for word in rest:
        found = None if os.path.lexists(word) else _OPTION.fullmatch(word)
        # A folder may be named dt=2026-11-18, and the value of an option may be a link.
        if found is None or (found["name"] not in FeedOptions.names() and "/" in word):
            files.append(word)
        else:
            _add_option(inline, found["name"], found["key"], found["value"])
    if not files and not (may_fetch and name == FETCHED):
        arguments.usage_error(f"argument --feed: {name} needs a file, such as: --feed {name} export.csv")
    options |= inline
    if arguments.zone is not None and "zone" in feed.option_names:
        options.setdefault("zone", arguments.zone)
    paths = tuple(path for file in files for path in files_of("--feed", folder_path(file)))
    return FeedEntry(f"--feed {name}", name, paths=paths, options=options)


def _add_option(options: dict[str, Any], name: str, key: str | None, value: str) -> None:
    """Add one ``OPTION=VALUE`` to the options of a feed. Options that hold several values are given several times."""
    if name in _DICTS:
        if key is None:
            raise InvalidFeedOption(f"--feed: {name} is a table, so give its entries as {name}.KEY=VALUE")
        options.setdefault(name, {})[key] = value
    elif key is not None:
        raise InvalidFeedOption(f"--feed: {name} is not a table, so give it as {name}=VALUE")
    elif name in WORDS:
        options.setdefault(name, []).append(value)
    else:
        options[name] = _value(name, value)


def _value(name: str, text: str) -> Any:
    if name == "unnamed_participants":
        return {"true": True, "false": False}.get(text.lower(), text)
    try:
        return _NUMBERS.get(name, str)(text)
    except ValueError:
        return text  # the feed reports it


def _options_in_file(path: str | None) -> dict[str, Mapping[str, Any]]:
    if path is None:
        return {}
    try:
        found = parse_json(Path(path).expanduser().read_text(encoding="utf-8"))
    except (OSError, UnicodeDecodeError) as error:
        raise InvalidFeedOption(f"--feed-options: can't read {shown_path(path)}: {reason_of(error)}") from None
    except (ValueError, RecursionError):
        found = None
    if not isinstance(found, dict) or not all(isinstance(options, dict) for options in found.values()):
        raise InvalidFeedOption(
            f"--feed-options: {shown_path(path)} must be a JSON object such as {json.dumps({'zoom': {'zone': 'UTC'}})}"
        )
    return found
