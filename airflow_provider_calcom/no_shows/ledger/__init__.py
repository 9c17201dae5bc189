"""The ledger: which no-show flags we wrote and why, so that runs can be resumed and only our own marks are removed.

A ledger is a folder of append-only segments (JSON lines), local or in an object store; DuckDB reads them in one glob.
Before a flag is written there is an intent, and after it an outcome.
"""
