"""The section ``[calcom_no_shows]`` of Airflow's configuration, and the URL of a plan's report."""

from __future__ import annotations

import hashlib
import logging
import os
import re
from dataclasses import dataclass
from typing import Any
from urllib.parse import quote, unquote, urlsplit, urlunsplit

SECTION = "calcom_no_shows"
MOUNTED_AT = "calcom-no-shows"
"""Where the plugin's pages are, below the root of Airflow's web server."""
LONGEST_ID = 2_000
"""Characters of a plan's id in a URL."""

log = logging.getLogger(__name__)


@dataclass(frozen=True)
class ConfiguredFolder:
    """A folder whose content the plugin may show.

    :param address: an absolute path, or the URL of a folder in an object store, without a slash at its end.
    """

    address: str

    @property
    def slug(self) -> str:
        """A short name for URLs. It does not depend on the order of the folders, so that links outlive changes."""
        name = re.sub(r"[^A-Za-z0-9]+", "-", self.address.rpartition("/")[2]).strip("-")[:40]
        return f"{name or 'plans'}-{hashlib.sha256(self.address.encode()).hexdigest()[:8]}"

    @property
    def is_local(self) -> bool:
        """True for a folder of this machine's file system, False for one in an object store."""
        return "://" not in self.address

    def relative(self, plan_path: Any) -> str | None:
        """Return the path of a plan within this folder, empty for the folder itself.

        None if it is elsewhere, or has a name in its path that the plugin does not show, such as a hidden one.

        :param plan_path: a path or URL. The user of a URL, Airflow's way to name a connection, makes no difference.
        """
        folder, plan = _comparable(self.address), _comparable(str(plan_path))
        if plan == folder:
            return ""
        relative = plan.removeprefix(f"{folder}/") if plan.startswith(f"{folder}/") else ".."
        return relative if is_plain(relative) else None


def is_plain(relative: str) -> bool:
    """Return whether a path consists of plain names only, also if a storage decodes it once more.

    :param relative: a path within a folder, with ``/`` between its names. A name is not plain if it is empty, ``..`` or
        hidden, or has a sign that a path or a URL may interpret.
    """
    if len(relative) > LONGEST_ID:
        return False
    while all(map(_is_plain_name, relative.split("/"))):
        decoded = unquote(relative)
        if decoded == relative:
            return True
        relative = decoded
    return False


def _is_plain_name(name: str) -> bool:
    return bool(name) and name[0] not in ".~" and name.isprintable() and not set("\\?") & set(name)


def plan_folders() -> tuple[ConfiguredFolder, ...]:
    """Return the folders whose plans the plugin shows: ``plan_folders``, separated by commas."""
    return _folders("plan_folders")


def ledger_folders() -> tuple[ConfiguredFolder, ...]:
    """Return the ledgers whose writes the plugin shows: ``ledger_folders``, separated by commas."""
    return _folders("ledger_folders")


def view_permission() -> str:
    """Return the permission that a user needs: ``view_permission``, by default ``approve``."""
    return _option("view_permission").strip() or "approve"


def has_dag_tab() -> bool:
    """Return whether each DAG's page has the view too: ``dag_tab``, by default True. Airflow has no choice of DAGs."""
    return _option("dag_tab").strip().lower() not in ("false", "f", "0", "no", "off")


def webhook_conn_id() -> str:
    """Return the id of the connection whose webhooks are received: ``webhook_conn_id``."""
    return _option("webhook_conn_id").strip() or "calcom_default"


def has_views() -> bool:
    """Return whether this Airflow shows views of plugins: 3.1 and newer do."""
    return airflow_version() >= (3, 1)


def has_plugin_apps() -> bool:
    """Return whether this Airflow mounts FastAPI applications of plugins: 3.0 and newer do."""
    return airflow_version() >= (3, 0)


def airflow_version() -> tuple[int, int]:
    """Return major and minor of the installed Airflow."""
    import airflow

    major, minor = airflow.__version__.split(".")[:2]
    return int(major), int(minor)


def report_url(plan_path: Any) -> str | None:
    """Return the URL of a plan's report, or None if there is none that a browser could open.

    It is the plugin's page where this Airflow has plugins' views; its URL is relative to the root of Airflow's web
    server, as links of its pages may be. An absolute one was rejected: it would need ``[api] base_url``, which workers
    often lack, and which is wrong in many places that have it. Before Airflow 3.1 it is below ``report_base_url``.

    :param plan_path: the folder of the plan, a path or URL. Of one that is not in ``plan_folders`` there is no URL.
    """
    for folder in plan_folders():
        relative = folder.relative(plan_path)
        if relative is None:
            continue
        if has_views():
            plan = f"{folder.slug}/{relative}".rstrip("/")
            return f"{MOUNTED_AT}/report?plan={quote(plan, errors='replace')}"
        from airflow_provider_calcom.no_shows.plan_files import REPORT

        base = _report_base_url()
        return base and "/".join(filter(None, [base, quote(relative, errors="replace"), REPORT]))
    return None


def absolute_report_url(plan_path: Any, base_url: str | None = None) -> str | None:
    """Return the URL of a plan's report for a message, which is read outside Airflow; None if that is not known.

    :param plan_path: the folder of the plan, a path or URL.
    :param base_url: the root of Airflow's web server. Defaults to ``[api] base_url``, which workers often lack.
    """
    from airflow.providers.common.compat.sdk import conf

    url = report_url(plan_path)
    if url is None or "://" in url:
        return url
    base = str(base_url or conf.get("api", "base_url", fallback="") or "").rstrip("/")
    return f"{base}/{url}" if base else None


def _report_base_url() -> str | None:
    from airflow_provider_calcom._redact import describe

    base = _option("report_base_url").rstrip("/")
    if base and not base.startswith(("https://", "http://")):
        log.warning("[%s] report_base_url must begin with https:// or http://, but is %s", SECTION, describe(base))
        return None
    return base or None


def _folders(option: str) -> tuple[ConfiguredFolder, ...]:
    # Every process of Airflow imports this module with the plugin, and few need these.
    from airflow_provider_calcom._redact import shown_path
    from airflow_provider_calcom._storage import fault_of_path

    found = []
    for text in filter(None, map(str.strip, _option(option).split(","))):
        address = os.path.expanduser(text.removeprefix("file://"))
        fault = fault_of_path(text)
        if fault is None and "://" not in address and not os.path.isabs(address):
            fault = (
                f"{shown_path(text)!r}, which is relative, and each process of Airflow has its own working directory"
            )
        if fault is None:
            found.append(ConfiguredFolder(address.rstrip("/") or "/"))
        else:
            log.warning("[%s] %s must be absolute paths or URLs, but one is %s", SECTION, option, fault)
    return tuple(dict.fromkeys(found))


def _option(name: str) -> str:
    from airflow.providers.common.compat.sdk import conf

    # Airflow before 3.2 does not know the defaults of a provider.
    return str(conf.get(SECTION, name, fallback="") or "")


def _comparable(address: str) -> str:
    """Return a path or URL in the form in which two of the same place are equal."""
    if "://" not in address or address.startswith("file://"):
        return os.path.realpath(os.path.expanduser(address.removeprefix("file://"))).rstrip("/")
    parts = urlsplit(address)
    return urlunsplit(parts._replace(netloc=parts.netloc.rpartition("@")[2])).rstrip("/")
