"""The command ``airflow connections test``."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from typing import Any

import pytest

from tests.support import KEY, SandboxDriver


def airflow_connections_test(**fields: Any) -> subprocess.CompletedProcess[str]:
    """Run the command in a process of its own."""
    environment = {
        **os.environ,
        "AIRFLOW__CORE__TEST_CONNECTION": "Enabled",
        "AIRFLOW_CONN_CALCOM_DEFAULT": json.dumps({"conn_type": "calcom", **fields}),
        "COLUMNS": "300",
    }
    command = [sys.executable, "-m", "airflow", "connections", "test", "calcom_default"]
    return subprocess.run(command, env=environment, capture_output=True, text=True, timeout=120, check=False)


@pytest.mark.e2e
@pytest.mark.usefixtures("airflow_db")
def test_the_command_reports_good_and_bad_keys(calcom: SandboxDriver) -> None:
    """A good key succeeds; a wrong one fails with the reason. The key is never printed."""
    good = airflow_connections_test(host=calcom.url, password=KEY)
    assert good.returncode == 0, good.stderr
    assert "Connection success!" in good.stdout
    assert KEY not in good.stdout + good.stderr

    wrong = airflow_connections_test(host=calcom.url, password="cal_wrong_key")
    said = wrong.stdout + wrong.stderr
    assert "Connection failed!" in said  # Airflow 2 exits with 0 all the same
    assert "does not know this API key" in said
    assert "cal_wrong_key" not in said
