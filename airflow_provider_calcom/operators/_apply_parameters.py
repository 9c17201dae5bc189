"""Parse the parameters of ``ApplyNoShowsOperator``: read as they were meant, and checked before anything is done."""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import Field, fields
from types import NoneType
from typing import Any, Literal, get_args, get_origin, get_type_hints

from airflow_provider_calcom import _rendered
from airflow_provider_calcom._redact import describe
from airflow_provider_calcom._storage import is_path
from airflow_provider_calcom.api.arguments import parse_argument
from airflow_provider_calcom.api.errors import InvalidArgument
from airflow_provider_calcom.api.query import list_path
from airflow_provider_calcom.hooks import conn_id_of
from airflow_provider_calcom.hooks.calcom import CalComHook
from airflow_provider_calcom.no_shows.apply.request import ApplyRequest, Sha256
from airflow_provider_calcom.no_shows.ledger.records import TaskRun
from airflow_provider_calcom.operators._identities import identities
from airflow_provider_calcom.operators._paths import Storage, ledger_folder
from airflow_provider_calcom.operators._readers import are_hashed, check_found, value_of

_HASH = re.compile(r"[0-9a-f]{64}")
_STRINGS = ("ledger_path", "storage_conn_id", "organization_id", "team_id", "user_id")


def apply_request(given: Mapping[str, Any], hook: CalComHook, task: TaskRun) -> ApplyRequest:
    """Parse the parameters of an ``ApplyNoShowsOperator``, before any call.

    :param given: the rendered fields of the operator, by the name of the parameter.
    :param hook: of the connection, which has the ledger's secret.
    :param task: the task that applies the plan.
    :raises InvalidArgument: naming the parameter.
    :raises LedgerSecretMismatch: if the ledger is to have hashes, and there is no secret.
    """
    for name in _STRINGS:
        check_found(name, given[name])
    ledger_path = given["ledger_path"]
    if ledger_path is not None and not is_path(ledger_path):
        raise InvalidArgument(f"ledger_path must be a folder, but is a {type(ledger_path).__name__}")
    conn_id_of("calcom_conn_id", hook.calcom_conn_id)
    storage = Storage(conn_id_of("storage_conn_id", given["storage_conn_id"]))
    plan, plan_hash = plan_of(given["plan"])
    options = read_options(ApplyRequest, given)
    options["expected_hash"] = _same_hash(options["expected_hash"], plan_hash)
    return ApplyRequest(
        plan=storage.path("plan", plan),
        ledger=ledger_folder(ledger_path, conn_id=hook.calcom_conn_id, storage=storage),
        identities=identities(hook, hashed=are_hashed(given["ledger_addresses"])),
        list_path=list_path(given["organization_id"], given["team_id"], given["user_id"]),
        task=task,
        **options,
    )


def plan_of(given: Any) -> tuple[Any, Sha256 | None]:
    """Parse the parameter ``plan``: a folder, or the result of ``PlanNoShowsOperator``, which has the hash too.

    :return: the folder, and the hash or None.
    :raises InvalidArgument: naming the fault.
    """
    if given is None:
        raise InvalidArgument("plan is None. If it comes from XCom, the task that should have made the plan made none")
    value = value_of("plan", given)
    if isinstance(value, Mapping):
        if not is_path(value.get("plan_path")):
            raise InvalidArgument(
                "plan is an object without plan_path. Set it to the result of PlanNoShowsOperator, or to a path"
            )
        folder, sha256 = value_of("plan['plan_path']", value["plan_path"]), value.get("sha256")
        return folder, None if sha256 is None else hash_of("plan['sha256']", sha256)
    if not is_path(value):
        raise InvalidArgument(f"plan must be the folder of a plan, but is a {type(value).__name__}")
    return value, None


def _same_hash(expected: Sha256 | None, of_result: Sha256 | None) -> Sha256 | None:
    """Return the hash that the plan must have.

    :raises InvalidArgument: if two are given, and differ.
    """
    if expected and of_result and expected != of_result:
        raise InvalidArgument(
            f"expected_hash is {expected}, but the plan that was made has {of_result}. Leave expected_hash out, or make"
            " the plan that was approved again"
        )
    return expected or of_result


# Options, which are read as the types of their fields say.


def read_options(request: type, given: Mapping[str, Any]) -> dict[str, Any]:
    """Read the options of a request.

    None is the default of an integer, and of what may be None.

    :param request: a dataclass. Its fields with ``is_option`` in their metadata are read: bool, int (with ``at_least``
        and ``at_most`` in the metadata), Literal and Sha256.
    :param given: the values after rendering, by name.
    :raises InvalidArgument: naming the option.
    """
    types = get_type_hints(request)
    options = (one for one in fields(request) if "is_option" in one.metadata)
    return {one.name: _read_option(one, types[one.name], given[one.name]) for one in options}


def _read_option(option: Field[Any], type_: Any, given: Any) -> Any:
    may_be_none = NoneType in get_args(type_)
    kind = get_args(type_)[0] if may_be_none else type_
    if given is None and (may_be_none or kind is int):
        return option.default
    check_found(option.name, given)
    if get_origin(kind) is Literal:
        return parse_argument(option.name, _rendered.choice, given, *get_args(kind))
    if kind is int:
        limits = {name: option.metadata.get(name) for name in ("at_least", "at_most")}
        return parse_argument(option.name, _rendered.count, given, **limits)
    if kind is bool:
        return parse_argument(option.name, _rendered.flag, given)
    return hash_of(option.name, given)


def hash_of(name: str, given: Any) -> Sha256:
    """Parse a plan's hash, 64 hexadecimal digits. A shortened one is refused: an approval must be exact.

    :param name: the parameter, for errors.
    :raises InvalidArgument: naming it.
    """
    text = given.strip().lower() if isinstance(given, str) else ""
    if not _HASH.fullmatch(text):
        raise InvalidArgument(
            f"{name} must be a plan's sha256, 64 digits as in its summary.json, but is {describe(given)}"
        )
    return Sha256(text)
