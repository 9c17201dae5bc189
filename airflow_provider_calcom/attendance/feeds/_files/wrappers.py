"""What loaders put around a record: columns of their own, beside one that holds it as an object or as JSON text."""

from __future__ import annotations

import json
from collections.abc import Mapping
from functools import lru_cache
from typing import Any

from airflow_provider_calcom.attendance.feeds._columns import _ALWAYS, folded_name, is_wrapper
from airflow_provider_calcom.attendance.feeds.errors import UnreadableField

# Kafka's and Singer's messages, a variant column of a warehouse, a table of raw answers.
_WRAPPERS = (
    "airbytedata", "body", "content", "data", "doc", "document", "json", "jsondata", "message", "object",
    "payload", "raw", "rawdata", "rawjson", "record", "response", "result", "row", "src", "v", "value",
    "variant",
)  # fmt: skip
_METADATA = (
    "createdat", "date", "extractedat", "filename", "fetchedat", "headers", "id", "ingestedat", "insertedat",
    "key", "loadedat", "metadata", "offset", "partition", "path", "receivedat", "rownumber", "sourcefile",
    "status", "statuscode", "stream", "syncedat", "timeextracted", "timestamp", "topic", "type", "updatedat",
    "url", "uuid", "version",
)  # fmt: skip


def wrapped(document: Mapping[Any, Any]) -> tuple[str, Any] | None:
    """Return the column that holds the record itself, and the record; or None where the document is the record.

    It is one only where all other columns are known to be a loader's, or begin with an underscore.

    :return: the column's name, and an object or list; or an UnreadableField where the column holds broken JSON.
    """
    column = _wrapper(tuple(document))
    if column is None:
        return None
    value = document[column]
    if isinstance(value, str):
        value = _of_json(str(column), value)
    if is_wrapper(str(column)) and isinstance(value, (list, tuple)) and not value:
        value = UnreadableField(str(column), "holds an empty list, where a record should be")
    return (str(column), value) if isinstance(value, (Mapping, list, tuple, UnreadableField)) else None


@lru_cache(maxsize=1024)
def _wrapper(columns: tuple[Any, ...]) -> Any:
    folded = {column: folded_name(str(column)) for column in columns}
    always = next((column for column, name in folded.items() if name == _ALWAYS), None)
    if always is not None:
        return always
    others = [column for column, name in folded.items() if not (name in _METADATA or str(column).startswith("_"))]
    return others[0] if len(others) == 1 and folded[others[0]] in _WRAPPERS else None


def _of_json(column: str, text: str) -> Any:
    if text.lstrip()[:1] not in ("{", "[", '"'):
        return text
    try:
        value = json.loads(text)
        # Some loaders encode what is encoded already.
        return json.loads(value) if isinstance(value, str) and value.lstrip()[:1] in ("{", "[") else value
    except (ValueError, RecursionError):
        return UnreadableField(column, "holds JSON that is cut or broken")
