"""Airflow operators: list bookings, mark no-shows, plan and apply."""
