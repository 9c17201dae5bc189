"""From an Airflow connection to a SQL backend: its dialect and placeholders, and no password in errors."""

from __future__ import annotations

import json
import sys
from types import ModuleType
from typing import Any

import pytest
from airflow.providers.common.compat.sdk import AirflowException, AirflowNotFoundException, BaseHook
from airflow.providers.common.sql.hooks.sql import DbApiHook

from airflow_provider_calcom.attendance.engine import decide
from airflow_provider_calcom.attendance.errors import AttendanceError, UnsupportedConnection
from airflow_provider_calcom.attendance.sql.backend import SqlBackend, SqlUnavailable
from airflow_provider_calcom.hooks.sql import sql_backend


class Hook(DbApiHook):
    """A SQL hook that can't connect."""

    conn_name_attr = "some_conn_id"

    def __init__(self, dialect: str = "default", placeholder: str = "%s", error: str = "out of order") -> None:
        super().__init__(some_conn_id="warehouse")
        self._dialect = dialect
        self._placeholder_sign = placeholder
        self.error = error

    @property
    def dialect_name(self) -> str:
        return self._dialect

    @property
    def placeholder(self) -> str:
        return self._placeholder_sign

    def get_conn(self) -> Any:
        raise OSError(self.error)


class AirflowConnection:
    """A connection as Airflow returns it, which records the parameters that hooks are made with."""

    def __init__(self, conn_type: str, hook: Any = None, password: str = "", **extras: Any) -> None:
        self.conn_type = conn_type
        self.password = password
        self.extra_dejson = extras
        self.hook_params: list[dict[str, Any]] = []
        self._hook = hook if hook is not None else Hook()

    def get_hook(self, *, hook_params: dict[str, Any] | None = None) -> Any:
        self.hook_params.append(hook_params or {})
        if isinstance(self._hook, Exception):
            raise self._hook
        return self._hook


@pytest.fixture
def connect(monkeypatch: pytest.MonkeyPatch) -> Any:
    """Return a function that sets the connection ``warehouse``."""

    def set_connection(connection: AirflowConnection) -> AirflowConnection:
        monkeypatch.setattr(BaseHook, "get_connection", lambda conn_id: connection)
        return connection

    return set_connection


@pytest.mark.parametrize(
    ("conn_type", "of_hook", "extras", "dialect"),
    [
        ("postgres", "postgresql", {}, "postgres"),
        ("postgres", "postgresql", {"redshift": True, "iam": True}, "redshift"),
        ("postgres", "postgresql", {"redshift-serverless": True}, "redshift"),
        # Its hook builds a URI of PostgreSQL.
        ("redshift", "postgresql", {}, "redshift"),
        ("snowflake", "default", {}, "snowflake"),
        ("gcpbigquery", "default", {}, "bigquery"),
        ("trino", "default", {}, "trino"),
        # Spark's Thrift server, and servers behind JDBC and ODBC, by the extra that Airflow's own hooks read.
        ("hiveserver2", "hive", {"dialect": "spark"}, "spark"),
        ("jdbc", "default", {"dialect": "trino"}, "trino"),
        ("odbc", "mssql", {"dialect": "postgresql"}, "postgres"),
        ("pgvector", "postgresql", {}, "postgres"),
        ("spark_local", "spark", {}, "spark"),
    ],
)
def test_dialect_of_a_connection(
    conn_type: str, of_hook: str, extras: dict[str, Any], dialect: str, connect: Any
) -> None:
    """The dialect is that of the connection's extras, else of its type, else of its hook."""
    connect(AirflowConnection(conn_type, Hook(of_hook), **extras))
    assert sql_backend("warehouse", scratch_schema="scratch").dialect.name == dialect


def test_arguments_override_the_connection(connect: Any) -> None:
    """The argument ``dialect`` overrides the connection's, and the other options reach the backend."""
    connect(AirflowConnection("hiveserver2", Hook("hive"), dialect="trino"))
    backend = sql_backend("warehouse", dialect="spark", scratch_schema="scratch", only_changes=True)
    assert isinstance(backend, SqlBackend)
    assert (backend.dialect.name, backend.scratch_schema, backend.only_changes) == ("spark", "scratch", True)


@pytest.mark.parametrize(
    ("conn_type", "of_hook", "placeholder"),
    [("postgres", "%s", "%s"), ("trino", "?", "?"), ("gcpbigquery", "%s", "%(name)s")],
)
def test_placeholder_of_the_driver(conn_type: str, of_hook: str, placeholder: str, connect: Any) -> None:
    """Placeholders are those of the hook, except for hooks whose placeholder is wrong."""
    connect(AirflowConnection(conn_type, Hook(placeholder=of_hook)))
    assert sql_backend("warehouse", scratch_schema="scratch").placeholder == placeholder


def test_bigquery_uses_standard_sql(connect: Any) -> None:
    """Airflow's BigQuery hook defaults to legacy SQL; other hooks get no such parameter."""
    bigquery = connect(AirflowConnection("gcpbigquery"))
    sql_backend("warehouse", scratch_schema="scratch")
    assert bigquery.hook_params == [{"use_legacy_sql": False}]
    trino = connect(AirflowConnection("trino"))
    sql_backend("warehouse", scratch_schema="scratch")
    assert trino.hook_params == [{}]


def test_databricks_uses_its_sql_hook(connect: Any, monkeypatch: pytest.MonkeyPatch) -> None:
    """The hook of type databricks is for jobs, so another is used; a missing provider is reported."""
    connect(AirflowConnection("databricks"))
    with pytest.raises(
        UnsupportedConnection, match=r"warehouse of type databricks has no hook here.*Install its provider"
    ):
        sql_backend("warehouse", scratch_schema="scratch")

    given: list[dict[str, Any]] = []

    def hook(**parameters: Any) -> Hook:
        given.append(parameters)
        return Hook()

    parts = ["airflow", "providers", "databricks", "hooks", "databricks_sql"]
    for size in range(3, len(parts) + 1):
        monkeypatch.setitem(sys.modules, ".".join(parts[:size]), ModuleType(parts[size - 1]))
    monkeypatch.setattr(sys.modules[".".join(parts)], "DatabricksSqlHook", hook, raising=False)
    backend = sql_backend("warehouse", scratch_schema="scratch")
    assert given == [{"databricks_conn_id": "warehouse"}]
    assert (backend.dialect.name, backend.placeholder) == ("databricks", "?")


@pytest.mark.parametrize(
    ("connection", "message"),
    [
        (AirflowConnection("http", object()), "warehouse of type http can't run SQL: its hook is not a DbApiHook"),
        (
            AirflowConnection("odd", AirflowException('Unknown hook type "odd"')),
            'no hook here: Unknown hook type "odd"',
        ),
        (
            AirflowConnection("trino", ImportError("No module named 'trino'")),
            "No module named 'trino'. Install its provider",
        ),
        (AirflowConnection("mysql", Hook("mysql")), "has the SQL dialect 'mysql', in which the rules don't run"),
        (
            AirflowConnection("jdbc"),
            "dialect 'jdbc'.*If the server understands one of these, set it in",
        ),
        (AirflowConnection("trino"), "trino has no temporary tables. Set scratch_schema"),
    ],
)
def test_rejects_a_connection_that_can_not_run_the_rules(
    connection: AirflowConnection, message: str, connect: Any
) -> None:
    """It is rejected before anything is read, with the fix."""
    connect(connection)
    with pytest.raises(UnsupportedConnection, match=message) as caught:
        sql_backend("warehouse")
    assert caught.value.__suppress_context__ or caught.value.__context__ is None


def test_a_missing_connection(monkeypatch: pytest.MonkeyPatch) -> None:
    """The error names the environment variable that would create it."""

    def missing(conn_id: str) -> Any:
        raise AirflowNotFoundException(f"The conn_id `{conn_id}` isn't defined")

    monkeypatch.setattr(BaseHook, "get_connection", missing)
    with pytest.raises(UnsupportedConnection, match=r"no Airflow connection 'ware_house'.*AIRFLOW_CONN_WARE_HOUSE"):
        sql_backend("ware_house")


def test_errors_hide_secrets(connect: Any) -> None:
    """Neither the password nor an extra with a name like one is shown, however the driver encodes it."""
    message = "no way to x://me:p%40ss%2Fword@host with {'token': 'abc/def', 'key': '-----KEY-----'} on my-host"
    connect(
        AirflowConnection(
            "postgres",
            Hook(error=message),
            password="p@ss/word",
            token="abc/def",
            private_key="-----KEY-----",
            host="my-host",
        )
    )
    with pytest.raises(SqlUnavailable) as caught:
        decide([], [], [], backend=sql_backend("warehouse"))
    assert str(caught.value) == (
        "connection warehouse can't be opened: no way to x://host with {'...': '***', '...': '***'} on my-host"
    )


def test_each_run_opens_its_own_connection(connect: Any) -> None:
    """Each run makes a new hook: one that keeps its connection would return the closed one to the second run."""
    connection = connect(AirflowConnection("postgres"))
    backend = sql_backend("warehouse")
    for _ in range(2):
        with pytest.raises(SqlUnavailable):
            decide([], [], [], backend=backend)
    assert len(connection.hook_params) == 3


def test_a_connection_of_airflow_without_sql(monkeypatch: pytest.MonkeyPatch) -> None:
    """A connection that Airflow itself returns, of a type without SQL, is rejected with an error of ours."""
    monkeypatch.setenv("AIRFLOW_CONN_WEB", json.dumps({"conn_type": "http", "host": "example.org"}))
    with pytest.raises(
        AttendanceError, match=r"rules_conn_id: connection web of type http (has no hook here|can't run SQL)"
    ):
        sql_backend("web")
