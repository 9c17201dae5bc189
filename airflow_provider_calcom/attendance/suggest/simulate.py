"""Run the rules again with one change, on the tables that were decided on.

A second session of the engine runs the steps in a database of their own, attached in memory, so the first one's
tables keep their names and contents. First all steps run unchanged, and their tables are kept. A change then makes only
the tables anew that depend on it, as temporary tables, which hide those of the same name until they are dropped. All
bookings are decided, not only those with a doubt: that would save little, because names, addresses and rows of the feed
take most of the time, and a change may be wrong for somebody who is present elsewhere.
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Set
from contextlib import contextmanager
from dataclasses import replace
from typing import TYPE_CHECKING, Any

from airflow_provider_calcom.attendance.engine import Decided, load_policy
from airflow_provider_calcom.attendance.policy import AttendancePolicy
from airflow_provider_calcom.attendance.policy_tables import PolicyTable, policy_tables
from airflow_provider_calcom.attendance.rules import Step, the_rules
from airflow_provider_calcom.attendance.suggest.model import Candidate, Effect

if TYPE_CHECKING:
    from duckdb import DuckDBPyConnection

_DATABASE = "suggestions_scratch"
_MOST_BOOKINGS = 5
_RESULT = "SELECT * FROM reasons"
_WORDS = re.compile(r"\w+")

_WITH_NEW_KEYS = """
CREATE TEMP TABLE bookings AS
SELECT known.* REPLACE (coalesce(new_keys.conference_key, known.conference_key) AS conference_key)
FROM memory.bookings AS known
LEFT JOIN new_keys ON new_keys.booking = known.booking"""

_CHANGED = f"""
CREATE TEMP TABLE changed_outcomes AS
SELECT
    old.outcome AS old_outcome, old.reason AS old_reason, new.outcome,
    bookings.start_at, bookings.booking_uid
FROM {_DATABASE}.reasons AS old
INNER JOIN reasons AS new ON new.person = old.person
INNER JOIN {_DATABASE}.persons AS persons ON persons.person = old.person
INNER JOIN memory.bookings AS bookings ON bookings.booking = persons.booking
WHERE old.outcome <> new.outcome AND old.outcome IN ('present', 'undetermined')"""

_SETTLED = """
SELECT old_reason, outcome, count(*) AS persons
FROM changed_outcomes
WHERE old_outcome = 'undetermined'
GROUP BY old_reason, outcome
ORDER BY old_reason, outcome"""

_FIRST_BOOKINGS = f"""
SELECT DISTINCT old_reason, start_at, booking_uid
FROM changed_outcomes
WHERE old_outcome = 'undetermined'
QUALIFY dense_rank() OVER (PARTITION BY old_reason ORDER BY start_at, booking_uid) <= {_MOST_BOOKINGS}
ORDER BY old_reason, start_at, booking_uid"""

_LOST = "SELECT count(*) AS persons FROM changed_outcomes WHERE old_outcome = 'present'"


@contextmanager
def simulating(decided: Decided) -> Iterator[Simulation]:
    """Run all steps once more, unchanged, and yield a simulation; everything that it made is gone after the block.

    :param decided: decisions of the embedded engine.
    """
    decided.connection.execute(f"ATTACH ':memory:' AS {_DATABASE}")
    try:
        for table in policy_tables(decided.policy):
            decided.connection.execute(f"CREATE TABLE {_DATABASE}.{table.name} AS FROM {table.name}")
        with decided.another_session() as connection:
            connection.execute(f"SET search_path = '{_DATABASE}.main,memory.main'")
            load_policy(connection, ())
            simulation = Simulation(connection, decided.policy)
            for step in simulation.steps:
                connection.execute(f"CREATE TABLE {step.name} AS {the_rules().with_parts(step.body)}")
            yield simulation
    finally:
        decided.connection.execute(f"DETACH {_DATABASE}")


class Simulation:
    """The tables of all steps, and the rules run again with changes.

    :param connection: where the steps' tables are.
    :param policy: the policy that was decided with.
    """

    def __init__(self, connection: DuckDBPyConnection, policy: AttendancePolicy) -> None:
        self.policy = policy
        rules = the_rules()
        self.steps = [step for step in rules.needed_by(_RESULT, inline=False) if step.is_kept]
        self._freed = rules.last_uses([_RESULT])
        self._tables = {table.name: table for table in policy_tables(policy)}
        self._connection = connection

    def query(self, sql: str, parameters: Any = None) -> list[tuple[Any, ...]]:
        """Return the rows of a SELECT over the steps, which may also use those that have no table."""
        return self._connection.execute(the_rules().with_parts(sql), parameters).fetchall()

    def keep(self, name: str, sql: str) -> None:
        """Keep the rows of such a SELECT as a table."""
        self._connection.execute(f"CREATE TABLE {name} AS {the_rules().with_parts(sql)}")

    def policy_with(self, candidate: Candidate) -> dict[str, Any]:
        """Return the fields that a candidate changes, as JSON values."""
        fields = replace(self.policy, **candidate.fields).as_dict()
        return {name: fields[name] for name in candidate.fields}

    def run(self, candidate: Candidate) -> Effect:
        """Decide with a change.

        :raises InvalidPolicy: if the policy can't have such a value.
        """
        policy = replace(self.policy, **candidate.fields)
        changed = [table for table in policy_tables(policy) if table != self._tables[table.name]]
        words = {word for table in changed for word in self._words_of(table)}
        try:
            load_policy(self._connection, changed)
            if candidate.keys:
                words.add("conference_key")
                self._change_keys(candidate)
            self._run(_depending_on(words))
            return self._effect()
        finally:
            self._drop_temporary_tables()

    def _words_of(self, table: PolicyTable) -> list[str]:
        """Return the words by which the rules read what a change of a table changes."""
        if table.name != "policy":
            return [table.name]
        (before,), (now,) = self._tables[table.name].rows, table.rows
        return [column for column, old, new in zip(table.columns, before, now, strict=True) if old != new]

    def _change_keys(self, candidate: Candidate) -> None:
        columns = {"booking": "INTEGER", "conference_key": "VARCHAR"}
        load_policy(self._connection, [PolicyTable("new_keys", columns, tuple(candidate.keys.items()))])
        self._connection.execute(_WITH_NEW_KEYS)

    def _run(self, names: Set[str]) -> None:
        for step in self.steps:
            if step.name in names:
                self._connection.execute(f"CREATE TEMP TABLE {step.name} AS {the_rules().with_parts(step.body)}")
            for name in self._freed.get(step.name, ()):
                if name in names:
                    self._connection.execute(f"DROP TABLE temp.{name}")

    def _effect(self) -> Effect:
        self._connection.execute(_CHANGED)
        settled: dict[str, dict[str, int]] = {}
        bookings: dict[str, list[str]] = {}
        for reason, outcome, persons in self._connection.execute(_SETTLED).fetchall():
            settled.setdefault(reason, {})[outcome] = persons
        for reason, _, uid in self._connection.execute(_FIRST_BOOKINGS).fetchall():
            bookings.setdefault(reason, []).append(uid)
        ((lost,),) = self._connection.execute(_LOST).fetchall()
        return Effect(settled, bookings, lost)

    def _drop_temporary_tables(self) -> None:
        found = self._connection.execute("SELECT table_name FROM duckdb_tables() WHERE temporary").fetchall()
        for (name,) in found:
            self._connection.execute(f"DROP TABLE temp.{name}")


def _depending_on(words: Set[str]) -> set[str]:
    """Return the steps that read what changed, directly or through others.

    :param words: names of tables, or of columns that no other table has.
    """
    found = set(words)
    for step in the_rules().steps:
        if _mentions(step, found):
            found.add(step.name)
    return found - words


def _mentions(step: Step, words: Set[str]) -> bool:
    return not words.isdisjoint(_WORDS.findall(step.body))
