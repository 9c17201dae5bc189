"""What Airflow's provider manager reads: a literal, so that every Airflow process can read it at no cost."""

from __future__ import annotations

from typing import Any


def get_provider_info() -> dict[str, Any]:
    """Describe the provider: its connection type, form fields and operator links."""
    return {
        "package-name": "airflow-provider-calcom",
        "name": "Cal.com",
        "description": "Cal.com bookings in Airflow: read them, join attendance, mark no-shows safely.",
    }
