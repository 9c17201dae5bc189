"""A client for Cal.com's API v2, sync and async. It knows nothing of Airflow."""
