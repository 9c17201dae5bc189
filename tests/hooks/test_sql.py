"""From an Airflow connection to the place where the rules run: which SQL, which marks, and no password."""

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
    """A SQL hook that can't connect, and counts how often it was asked to."""

    conn_name_attr = "some_conn_id"

    def __init__(self, told: str = "default", placeholder: str = "%s", error: str = "out of order") -> None:
        super().__init__(some_conn_id="warehouse")
        self.told = told
        self._placeholder_of_it = placeholder
        self.error = error

    @property
    def dialect_name(self) -> str:
        return self.told

    @property
    def placeholder(self) -> str:  # type: ignore[override]
        return self._placeholder_of_it

    def get_conn(self) -> Any:
        raise OSError(self.error)


class AirflowConnection:
    """What Airflow gives for an id."""

    def __init__(self, conn_type: str, hook: Any = None, password: str = "", **extras: Any) -> None:
        self.conn_type = conn_type
        self.password = password
        self.extra_dejson = extras
        self.asked: list[dict[str, Any]] = []
        self._hook = hook if hook is not None else Hook()

    def get_hook(self, *, hook_params: dict[str, Any] | None = None) -> Any:
        self.asked.append(hook_params or {})
        if isinstance(self._hook, Exception):
            raise self._hook
        return self._hook


@pytest.fixture
def connect(monkeypatch: pytest.MonkeyPatch) -> Any:
    """Let the id ``warehouse`` lead to a connection, until the test ends."""

    def lead_to(connection: AirflowConnection) -> AirflowConnection:
        monkeypatch.setattr(BaseHook, "get_connection", lambda conn_id: connection)
        return connection

    return lead_to


@pytest.mark.parametrize(
    ("conn_type", "told", "extras", "dialect"),
    [
        ("postgres", "postgresql", {}, "postgres"),
        ("postgres", "postgresql", {"redshift": True, "iam": True}, "redshift"),
        ("postgres", "postgresql", {"redshift-serverless": True}, "redshift"),
        # Its hook builds a URI of PostgreSQL.
        ("redshift", "postgresql", {}, "redshift"),
        ("snowflake", "default", {}, "snowflake"),
        ("gcpbigquery", "default", {}, "bigquery"),
        ("trino", "default", {}, "trino"),
        # Spark's Thrift server, and whatever JDBC and ODBC lead to, by the extra that Airflow's hooks read, too.
        ("hiveserver2", "hive", {"dialect": "spark"}, "spark"),
        ("jdbc", "default", {"dialect": "trino"}, "trino"),
        ("odbc", "mssql", {"dialect": "postgresql"}, "postgres"),
        ("pgvector", "postgresql", {}, "postgres"),
        ("spark_local", "spark", {}, "spark"),
    ],
)
def test_finds_the_sql_of_a_connection(
    conn_type: str, told: str, extras: dict[str, Any], dialect: str, connect: Any
) -> None:
    """The connection's extras say it, else its type, else its hook."""
    connect(AirflowConnection(conn_type, Hook(told), **extras))
    assert sql_backend("warehouse", scratch_schema="scratch").dialect.name == dialect


def test_the_caller_has_the_last_word_on_the_sql(connect: Any) -> None:
    """An argument goes before what the connection says, and so do the place's other options."""
    connect(AirflowConnection("hiveserver2", Hook("hive"), dialect="trino"))
    place = sql_backend("warehouse", dialect="spark", scratch_schema="scratch", only_changes=True)
    assert isinstance(place, SqlBackend)
    assert (place.dialect.name, place.scratch_schema, place.only_changes) == ("spark", "scratch", True)


@pytest.mark.parametrize(
    ("conn_type", "of_hook", "placeholder"),
    [("postgres", "%s", "%s"), ("trino", "?", "?"), ("gcpbigquery", "%s", "%(name)s")],
)
def test_takes_the_marks_that_the_driver_wants(conn_type: str, of_hook: str, placeholder: str, connect: Any) -> None:
    """Parameters are marked as the hook says, but for hooks that say it wrong."""
    connect(AirflowConnection(conn_type, Hook(placeholder=of_hook)))
    assert sql_backend("warehouse", scratch_schema="scratch").placeholder == placeholder


def test_bigquery_is_asked_for_its_standard_sql(connect: Any) -> None:
    """Airflow's hook takes legacy SQL unless told otherwise; other hooks get no such parameter."""
    bigquery = connect(AirflowConnection("gcpbigquery"))
    sql_backend("warehouse", scratch_schema="scratch")
    assert bigquery.asked == [{"use_legacy_sql": False}]
    trino = connect(AirflowConnection("trino"))
    sql_backend("warehouse", scratch_schema="scratch")
    assert trino.asked == [{}]


def test_databricks_is_reached_by_its_sql_hook(connect: Any, monkeypatch: pytest.MonkeyPatch) -> None:
    """A connection of type databricks has another hook, for jobs; where its provider is missing, that is told."""
    connect(AirflowConnection("databricks"))
    with pytest.raises(
        UnsupportedConnection, match=r"warehouse of type databricks has no hook here.*provider installed"
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
    place = sql_backend("warehouse", scratch_schema="scratch")
    assert given == [{"databricks_conn_id": "warehouse"}]
    assert (place.dialect.name, place.placeholder) == ("databricks", "?")


@pytest.mark.parametrize(
    ("connection", "message"),
    [
        (AirflowConnection("http", object()), "warehouse of type http can't run SQL for us: its hook is no DbApiHook"),
        (
            AirflowConnection("odd", AirflowException('Unknown hook type "odd"')),
            'no hook here: Unknown hook type "odd"',
        ),
        (
            AirflowConnection("trino", ImportError("No module named 'trino'")),
            "No module named 'trino'. Is its provider",
        ),
        (AirflowConnection("mysql", Hook("mysql")), "speaks the SQL of 'mysql', in which the rules don't run"),
        (AirflowConnection("jdbc"), "SQL of 'jdbc'.*If it is one of these, say so in the connection's extras"),
        (AirflowConnection("trino"), "trino has no temporary tables. Set scratch_schema"),
    ],
)
def test_refuses_a_connection_that_can_not_run_the_rules(
    connection: AirflowConnection, message: str, connect: Any
) -> None:
    """It is told before anything is read, with what would mend it."""
    connect(connection)
    with pytest.raises(UnsupportedConnection, match=message) as caught:
        sql_backend("warehouse")
    assert caught.value.__suppress_context__ or caught.value.__context__ is None


def test_a_connection_that_there_is_not_is_told(monkeypatch: pytest.MonkeyPatch) -> None:
    """With the environment variable that would make it."""

    def missing(conn_id: str) -> Any:
        raise AirflowNotFoundException(f"The conn_id `{conn_id}` isn't defined")

    monkeypatch.setattr(BaseHook, "get_connection", missing)
    with pytest.raises(UnsupportedConnection, match=r"no Airflow connection 'ware_house'.*AIRFLOW_CONN_WARE_HOUSE"):
        sql_backend("ware_house")


def test_no_error_shows_what_is_secret(connect: Any) -> None:
    """Neither the password nor an extra that is called like one gets into an error, in whatever form the driver has."""
    said = "no way to x://me:p%40ss%2Fword@host with {'token': 'abc/def', 'key': '-----KEY-----'} on my-host"
    connect(
        AirflowConnection(
            "postgres",
            Hook(error=said),
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


def test_each_run_opens_a_connection_of_its_own(connect: Any) -> None:
    """A hook that keeps its connection would give the second run one that is closed: each run makes its hook anew."""
    connection = connect(AirflowConnection("postgres"))
    place = sql_backend("warehouse")
    for _ in range(2):
        with pytest.raises(SqlUnavailable):
            decide([], [], [], backend=place)
    assert len(connection.asked) == 3


def test_airflow_itself_leads_there(monkeypatch: pytest.MonkeyPatch) -> None:
    """A connection of Airflow's own making, of a type without SQL, is refused in our words, by any Airflow."""
    monkeypatch.setenv("AIRFLOW_CONN_WEB", json.dumps({"conn_type": "http", "host": "example.org"}))
    with pytest.raises(
        AttendanceError, match=r"rules_conn_id: connection web of type http (has no hook here|can't run SQL for us)"
    ):
        sql_backend("web")
