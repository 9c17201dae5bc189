"""Metadata for Airflow's provider manager: a literal, because every Airflow process reads it."""

from __future__ import annotations

from typing import Any


def get_provider_info() -> dict[str, Any]:
    """Return the provider's metadata: its connection type, form fields and operator links.

    Airflow 3.2 and newer draw the connection form from ``conn-fields`` and ``ui-field-behaviour`` alone. Older versions
    call the two form methods of :class:`airflow_provider_calcom.hooks.calcom.CalComHook`, which read this dict.
    """
    return {
        "package-name": "airflow-provider-calcom",
        "name": "Cal.com",
        "description": "Cal.com bookings in Airflow: read them, join attendance, mark no-shows safely.",
        "integrations": [
            {
                "integration-name": "Cal.com",
                "external-doc-url": "https://cal.com/docs/api-reference/v2/introduction",
                "tags": ["service"],
            }
        ],
        "hooks": [{"integration-name": "Cal.com", "python-modules": ["airflow_provider_calcom.hooks.calcom"]}],
        "operators": [
            {
                "integration-name": "Cal.com",
                "python-modules": [
                    "airflow_provider_calcom.operators.bookings",
                    "airflow_provider_calcom.operators.no_shows",
                ],
            }
        ],
        "extra-links": ["airflow_provider_calcom.links.CalComBookingLink"],
        "connection-types": [
            {
                "connection-type": "calcom",
                "hook-class-name": "airflow_provider_calcom.hooks.calcom.CalComHook",
                "hook-name": "Cal.com",
                "ui-field-behaviour": {
                    "hidden-fields": ["schema", "login"],
                    "relabeling": {"host": "Base URL", "password": "API key", "port": "Port (if not the usual one)"},
                    "placeholders": {
                        "host": "empty for Cal.com itself, or https://api.cal.example.com",
                        "password": "cal_live_...",
                    },
                },
                "conn-fields": {
                    "region": {
                        "label": "Region",
                        "description": "us or eu: where Cal.com hosts the account. Empty with a base URL.",
                        "schema": {"type": ["string", "null"], "enum": ["us", "eu"]},
                    },
                    "api_version": {
                        "label": "API version",
                        "description": "A cal-api-version date (YYYY-MM-DD) instead of each call's own.",
                        "schema": {"type": ["string", "null"], "pattern": "^\\d{4}-\\d{2}-\\d{2}$"},
                    },
                    "timeout": {
                        "label": "Timeout (s)",
                        "description": "Seconds to connect and between two parts of a response; 30 if empty.",
                        "schema": {"type": ["number", "null"], "minimum": 0.1, "maximum": 600},
                    },
                    "client_id": {
                        "label": "Platform client id",
                        "description": "Id of a platform OAuth client, instead of an API key.",
                        "schema": {"type": ["string", "null"]},
                    },
                    "client_secret": {
                        "label": "Platform client secret",
                        "description": "Secret of the platform client id.",
                        "schema": {"type": ["string", "null"], "format": "password"},
                    },
                    "allow_http": {
                        "label": "Allow http://",
                        "description": "Send the key unencrypted to a host other than localhost.",
                        "schema": {"type": ["boolean", "null"], "default": False},
                    },
                    "ledger_secret": {
                        "label": "Ledger secret",
                        "description": "16 characters or more. Key of the hashes that replace addresses in the ledger.",
                        "schema": {"type": ["string", "null"], "format": "password"},
                    },
                    "web_url": {
                        "label": "Web URL",
                        "description": "URL of the web app, for links to bookings; only for a self-hosted Cal.com.",
                        "schema": {"type": ["string", "null"]},
                    },
                },
            }
        ],
    }
