"""The ledger: which no-show flags we wrote and why, so that runs can be resumed and only our own marks taken away.

A ledger is a folder of append-only parts, JSON lines, here or in an object store; DuckDB reads them in one glob. Before
a flag is written there is an intent, and after it an outcome.
"""

from airflow_provider_calcom.no_shows.ledger.compaction import Compacted, compact
from airflow_provider_calcom.no_shows.ledger.identities import Addresses
from airflow_provider_calcom.no_shows.ledger.reader import LastWrites, PastWrite
from airflow_provider_calcom.no_shows.ledger.records import NO_TASK, TaskRun
from airflow_provider_calcom.no_shows.ledger.writer import LedgerWriter, Settled

__all__ = [
    "NO_TASK",
    "Addresses",
    "Compacted",
    "LastWrites",
    "LedgerWriter",
    "PastWrite",
    "Settled",
    "TaskRun",
    "compact",
]
