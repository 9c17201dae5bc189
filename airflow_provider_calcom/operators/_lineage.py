"""What a plan is made of and what applying it writes, for Airflow's hook lineage and for OpenLineage.

No name has a password, a query of a URL, or an address in it. Nothing here fails a task.
"""

from __future__ import annotations

import logging
import os
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any
from urllib.parse import urlsplit

from airflow_provider_calcom._redact import hide

if TYPE_CHECKING:
    from airflow_provider_calcom.hooks.calcom import CalComHook
    from airflow_provider_calcom.no_shows.apply.request import ApplyRequest
    from airflow_provider_calcom.no_shows.plan_request import PlanRequest

log = logging.getLogger(__name__)


@dataclass(frozen=True)
class DataSet:
    """One set of data, as OpenLineage names it.

    :param namespace: where it is, such as ``s3://bucket``, ``file`` or ``postgres://host:5432``.
    :param name: what it is there, such as ``plans/2026-11-18`` or ``database.schema.table``.
    :param uri: the same as the URI of an asset.
    """

    namespace: str
    name: str
    uri: str


@dataclass(frozen=True)
class Lineage:
    """What a task read and wrote."""

    inputs: tuple[DataSet, ...]
    outputs: tuple[DataSet, ...]


class LineageReporter:
    """An operator that reports what it read and wrote."""

    _lineage: Lineage | None = None

    def _report_lineage(self, hook: CalComHook, find: Callable[[], Lineage]) -> None:
        """Report to Airflow's hook lineage, and keep it for OpenLineage.

        :param hook: of the task.
        :param find: returns what the task read and wrote.
        """
        try:
            self._lineage = find()
            _collect(hook, self._lineage)
        except Exception as error:  # the plan and its marks are there, whatever a reader of lineage does
            log.debug("Lineage could not be reported (%s)", type(error).__name__)

    def get_openlineage_facets_on_complete(self, task_instance: Any) -> Any:
        """Return inputs and outputs for OpenLineage, whose provider calls this when the task has ended.

        :param task_instance: the task's.
        """
        from airflow.providers.openlineage.extractors import OperatorLineage
        from openlineage.client.event_v2 import Dataset

        found = self._lineage or Lineage((), ())
        return OperatorLineage(
            inputs=[Dataset(namespace=one.namespace, name=one.name) for one in found.inputs],
            outputs=[Dataset(namespace=one.namespace, name=one.name) for one in found.outputs],
        )


def plan_lineage(request: PlanRequest, hook: CalComHook, rules_conn_id: str | None) -> Lineage:
    """Return what a plan was made of: files, tables, and Cal.com if it was called; and the plan.

    :param request: the parsed parameters.
    :param hook: of the Cal.com connection.
    :param rules_conn_id: the connection that has the tables.
    """
    feeds = request.attendance if isinstance(request.attendance, list) else []
    tables = (request.attendance, request.bookings, request.people)
    paths = [path for one in (*feeds, *tables) for path in getattr(one, "paths", ())]
    inputs = _folders(paths)
    for table in tables:
        name = getattr(table, "name", None)
        if name is not None:
            inputs += _tables(rules_conn_id, name)
    for feed in feeds:
        if feed.query_conn_id is not None:
            inputs += _tables(feed.query_conn_id, None)
    if request.bookings is None or any(feed.is_fetched for feed in feeds):
        inputs.append(_calcom(hook))
    return Lineage(tuple(dict.fromkeys(inputs)), tuple(_folders([request.plan])))


def apply_lineage(request: ApplyRequest, hook: CalComHook) -> Lineage:
    """Return the plan, and what applying it wrote: the ledger and Cal.com. A dry run wrote neither.

    :param request: the parsed parameters.
    :param hook: of the Cal.com connection.
    """
    outputs = [] if request.dry_run else [*_folders([request.ledger]), _calcom(hook)]
    return Lineage(tuple(_folders([request.plan])), tuple(outputs))


def _collect(hook: CalComHook, lineage: Lineage) -> None:
    from airflow.providers.common.compat.lineage.hook import get_hook_lineage_collector

    collector: Any = get_hook_lineage_collector()  # type: ignore[no-untyped-call]
    for one in lineage.inputs:
        collector.add_input_asset(context=hook, uri=one.uri)
    for one in lineage.outputs:
        collector.add_output_asset(context=hook, uri=one.uri)


def _calcom(hook: CalComHook) -> DataSet:
    url = urlsplit(hook.settings.base_url)
    return DataSet(f"{url.scheme}://{url.netloc}", "bookings", f"{hook.settings.base_url}/bookings")


def _folders(paths: Sequence[Any]) -> list[DataSet]:
    """Return files and folders; those with an address in their name are left out."""
    return [one for path in paths for one in _file(str(path)) if hide(one.uri) == one.uri]


def _file(path: str) -> Iterator[DataSet]:
    scheme, separator, rest = path.partition("://")
    if not separator or scheme == "file":
        absolute = os.path.abspath(os.path.expanduser(rest if separator else path))
        yield DataSet("file", absolute, f"file://{absolute}")
        return
    place, _, name = rest.partition("?")[0].partition("/")
    bucket = f"{scheme}://{place.rpartition('@')[2]}"
    yield DataSet(bucket, name.strip("/") or "/", f"{bucket}/{name.strip('/')}")


def _tables(conn_id: str | None, table: str | None) -> list[DataSet]:
    """Return a table of a connection, or its whole database, as the tables of a query are not known."""
    from airflow.providers.common.compat.sdk import BaseHook

    connection = BaseHook.get_connection(conn_id or "")
    if connection.conn_type == "sqlite":
        return _folders([connection.host])
    port = f":{connection.port}" if connection.port else ""
    parts = [*([connection.schema] if connection.schema else []), *(table.split(".") if table else [])]
    namespace = f"{connection.conn_type}://{connection.host or ''}{port}"
    return [DataSet(namespace, ".".join(parts), f"{namespace}/{'/'.join(parts)}")]
