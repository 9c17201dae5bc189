"""The PostgreSQL that the SQL is proven on is a real one, and Airflow reaches it as it would any other."""

from __future__ import annotations

import errno
import socket
from contextlib import closing
from pathlib import Path

import psutil
import pytest

from tests.attendance.postgres import PostgresServer, require_postgres, running_postgres


def test_it_answers_through_the_hook_of_an_airflow_connection(
    postgres: PostgresServer, monkeypatch: pytest.MonkeyPatch
) -> None:
    from airflow.providers.common.compat.sdk import BaseHook
    from airflow.providers.common.sql.hooks.sql import DbApiHook

    postgres.connect_airflow(monkeypatch, "warehouse", options="-c timezone=Asia/Tokyo")
    hook = BaseHook.get_connection("warehouse").get_hook()

    assert isinstance(hook, DbApiHook)
    assert (hook.dialect_name, hook.placeholder) == ("postgresql", "%s")
    with closing(hook.get_conn()) as connection, closing(connection.cursor()) as cursor:
        cursor.execute("CREATE TEMPORARY TABLE person (name text, minutes bigint)")
        cursor.execute("INSERT INTO person VALUES (%s, %s), (%s, %s)", ("ÀÉΣİẞ", 1, None, 2))
        cursor.execute("SELECT lower(name), minutes FROM person ORDER BY minutes")
        assert cursor.fetchall() == [("àé\u03c3iß", 1), (None, 2)]
        cursor.execute("SHOW timezone")
        assert cursor.fetchone() == ("Asia/Tokyo",)


def test_its_role_may_make_nothing_that_stays(postgres: PostgresServer, monkeypatch: pytest.MonkeyPatch) -> None:
    from airflow.providers.common.compat.sdk import BaseHook

    postgres.connect_airflow(monkeypatch, "warehouse")
    hook = BaseHook.get_connection("warehouse").get_hook()

    with pytest.raises(Exception, match="permission denied for schema public"):
        hook.run("CREATE TABLE person (name text)")


def test_no_root_runs_it_and_nothing_is_left_of_it() -> None:
    require_postgres()

    with running_postgres() as server:
        process = psutil.Process(server.pid)
        assert process.uids().real != 0
        home = Path(process.cwd()).parent
        assert home.exists()

    assert not home.exists()
    with socket.socket() as caller:
        assert caller.connect_ex((server.host, server.port)) == errno.ECONNREFUSED
