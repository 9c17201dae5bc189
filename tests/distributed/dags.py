"""The DAGs of this test: an example DAG that users get, with as few changes as possible, and two runs of one plan."""

from __future__ import annotations

import shutil
from pathlib import Path

BACKFILL, SAME_PLAN = "calcom_backfill_no_shows", "same_plan"
AT_ONCE = 4
"""Windows that are applied at once, by all workers together."""

_EXAMPLES = Path(__file__).resolve().parents[2] / "dags_examples"
_HERE = Path(__file__).with_name("dags_of_this_test")

CHANGES = {
    "max_active_tis_per_dag=1,": f"max_active_tis_per_dag={AT_ONCE},",
    'default_args={"retries": 2},': 'default_args={"retries": 5, "retry_delay": timedelta(seconds=5)},',
    '"path": "{{ params.report }}"': """"path": "{{ params.report }}/{{ task.plan_path.rpartition('/')[2] }}.json\"""",
}
"""In the example: several windows at once instead of one after another, retries after seconds, and a report for each
window instead of one that all windows parse."""


def write_dags(folder: Path) -> None:
    """Write the DAG files into a new folder.

    :raises ValueError: if the example has no longer what is changed in it.
    """
    shutil.copytree(_HERE, folder)
    text = (_EXAMPLES / f"{BACKFILL}.py").read_text(encoding="utf-8")
    for old, new in CHANGES.items():
        if text.count(old) != 1:
            raise ValueError(f"{BACKFILL}.py has {old!r} {text.count(old)} times; correct tests/distributed/dags.py")
        text = text.replace(old, new)
    (folder / f"{BACKFILL}.py").write_text(text, encoding="utf-8")
