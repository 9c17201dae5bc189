"""A local Spark for these tests; without pyspark they are not collected."""

from __future__ import annotations

import importlib.util

import pytest

if importlib.util.find_spec("pyspark") is None:
    collect_ignore_glob = ["test_*.py"]


@pytest.fixture
def spark_conn_id(monkeypatch: pytest.MonkeyPatch) -> str:
    """Return an Airflow connection whose hook is the local Spark's, until the test ends."""
    from airflow.sdk._shared.providers_discovery import HookInfo
    from airflow.sdk.providers_manager_runtime import ProvidersManagerTaskRuntime

    from tests.spark.adapter import SparkHook

    hook = HookInfo(
        hook_class_name=f"{SparkHook.__module__}.{SparkHook.__name__}",
        connection_id_attribute_name=SparkHook.conn_name_attr,
        package_name="tests",
        hook_name=SparkHook.hook_name,
        connection_type=SparkHook.conn_type,
        connection_testable=False,
    )
    monkeypatch.setitem(ProvidersManagerTaskRuntime().hooks, SparkHook.conn_type, hook)
    monkeypatch.setenv("AIRFLOW_CONN_SPARK_LOCAL", f'{{"conn_type": "{SparkHook.conn_type}"}}')
    return "spark_local"
