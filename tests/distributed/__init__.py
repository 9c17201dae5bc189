"""Airflow as teams run it: Celery workers, Redis, PostgreSQL, an object store. `make e2e-distributed` runs it."""
