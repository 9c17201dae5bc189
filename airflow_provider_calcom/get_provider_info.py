"""Metadata for Airflow's provider manager: a literal, because every Airflow process reads it."""

from __future__ import annotations

from typing import Any


def get_provider_info() -> dict[str, Any]:
    """Return the provider's metadata: its connection type, form fields, configuration and operator links.

    Paths that begin with ``/docs/`` are below ``docs/`` of the repository.

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
                "logo": "/docs/integration-logos/calcom-no-shows.svg",
                "how-to-guide": [
                    "/docs/how-to/run-daily.md",
                    "/docs/how-to/approve-a-plan.md",
                    "/docs/how-to/mark-attendees.md",
                    "/docs/how-to/act-when-a-meeting-has-ended.md",
                ],
                "tags": ["service"],
            }
        ],
        "operators": [
            {
                "integration-name": "Cal.com",
                "python-modules": [
                    "airflow_provider_calcom.operators.approval",
                    "airflow_provider_calcom.operators.bookings",
                    "airflow_provider_calcom.operators.no_shows",
                    "airflow_provider_calcom.operators.webhooks",
                ],
            }
        ],
        "sensors": [
            {
                "integration-name": "Cal.com",
                "python-modules": [
                    "airflow_provider_calcom.sensors.attendance",
                    "airflow_provider_calcom.sensors.bookings",
                ],
            }
        ],
        "triggers": [
            {
                "integration-name": "Cal.com",
                "python-modules": [
                    "airflow_provider_calcom.triggers.attendance",
                    "airflow_provider_calcom.triggers.bookings",
                    "airflow_provider_calcom.triggers.ended",
                ],
            }
        ],
        "notifications": ["airflow_provider_calcom.notifications.no_shows.NoShowNotifier"],
        "hooks": [{"integration-name": "Cal.com", "python-modules": ["airflow_provider_calcom.hooks.calcom"]}],
        "extra-links": [
            "airflow_provider_calcom.links.CalComBookingLink",
            "airflow_provider_calcom.links.NoShowReportLink",
        ],
        "config": {
            "calcom_no_shows": {
                "description": "What Airflow's interface shows of plans of no-shows and of their reports.",
                "options": {
                    "plan_folders": {
                        "description": (
                            "Folders below which plans are, as absolute paths or URLs of Airflow's object storage,"
                            " separated by commas. Airflow's view of no-shows has their reports, and nothing from"
                            " elsewhere. Empty: tasks have no link to a report."
                        ),
                        "version_added": "0.2.0",
                        "type": "string",
                        "example": "/srv/no-shows/plans,s3://aws_default@no-shows/plans",
                        "default": "",
                    },
                    "ledger_folders": {
                        "description": (
                            "Folders of ledgers, in the same form. The view lists what was written to Cal.com. Empty:"
                            " it lists plans only."
                        ),
                        "version_added": "0.2.0",
                        "type": "string",
                        "example": "/srv/no-shows/ledger",
                        "default": "",
                    },
                    "view_permission": {
                        "description": (
                            "Who may open the view, which shows the addresses of attendees: approve, users who may"
                            " respond to an approval of any DAG; connections, users who may read connections."
                        ),
                        "version_added": "0.2.0",
                        "type": "string",
                        "example": "connections",
                        "default": "approve",
                    },
                    "dag_tab": {
                        "description": "Whether the view is also a tab on the page of each DAG.",
                        "version_added": "0.2.0",
                        "type": "boolean",
                        "example": "False",
                        "default": "True",
                    },
                    "webhook_conn_id": {
                        "description": (
                            "The connection to Cal.com whose webhooks Airflow's API server receives. It receives none"
                            " unless the connection has a webhook_secret."
                        ),
                        "version_added": "0.2.0",
                        "type": "string",
                        "example": "calcom_default",
                        "default": "calcom_default",
                    },
                    "report_base_url": {
                        "description": (
                            "Before Airflow 3.1, which has no such view: the URL at which a web server of yours has the"
                            " content of plan_folders. Tasks link to their report below it."
                        ),
                        "version_added": "0.2.0",
                        "type": "string",
                        "example": "https://reports.example.com/no-shows",
                        "default": "",
                    },
                },
            }
        },
        "connection-types": [
            {
                "connection-type": "calcom",
                "hook-class-name": "airflow_provider_calcom.hooks.calcom.CalComHook",
                "hook-name": "Cal.com",
                "ui-field-behaviour": {
                    "hidden-fields": ["schema", "login"],
                    "relabeling": {
                        "password": "API key",
                        "host": "API URL",
                        "port": "Port",
                    },
                    "placeholders": {
                        "password": "cal_live_... from Cal.com: Settings > Developer > API keys",
                        "host": "Empty for Cal.com itself; else such as https://api.cal.example.com",
                        "port": "443 (Airflow 3.3.1 and 3.3.2 need one for Test)",
                        "extra": '{"max_attempts": 5, "max_retry_seconds": 180}',
                    },
                },
                "conn-fields": {
                    "region": {
                        "label": "Region of the account",
                        "description": (
                            "us if you open Cal.com at app.cal.com, eu if at app.cal.eu. A key works in its own region"
                            " only. Default: us. Leave it empty for a self-hosted server."
                        ),
                        "schema": {"type": ["string", "null"], "enum": ["us", "eu"]},
                    },
                    "web_url": {
                        "label": "Web app URL",
                        "description": (
                            "Only for a self-hosted server: where people open bookings, such as https://cal.example.com,"
                            " for the links from tasks and reports. Default: none; at Cal.com, that of the region."
                        ),
                        "schema": {"type": ["string", "null"]},
                    },
                    "ledger_secret": {
                        "label": "Secret for hashed addresses",
                        "description": (
                            "A text of 16 characters or more that you make up and keep, such as the output of: openssl"
                            " rand -hex 32. Only for plans and ledgers without addresses (plan_addresses or"
                            " ledger_addresses = hashed). Default: none."
                        ),
                        "schema": {"type": ["string", "null"], "format": "password"},
                    },
                    "webhook_secret": {
                        "label": "Secret of webhooks",
                        "description": (
                            "A text without spaces that you make up, such as the output of: openssl rand -hex 32."
                            " Cal.com signs deliveries of webhooks with it. Airflow's API server receives them only if"
                            " it is set. Default: none."
                        ),
                        "schema": {"type": ["string", "null"], "format": "password"},
                    },
                    "timeout": {
                        "label": "Timeout (seconds)",
                        "description": (
                            "How long to wait for a connection, and between two parts of a response. Default: 30."
                            " Example: 60 for a slow server."
                        ),
                        "schema": {"type": ["number", "null"], "minimum": 0.1, "maximum": 600},
                    },
                    "api_version": {
                        "label": "API version",
                        "description": (
                            "A cal-api-version date for all calls, such as 2024-08-13. Default: the version that each"
                            " call was made for, which is right unless Cal.com retires one."
                        ),
                        "schema": {"type": ["string", "null"], "pattern": "^\\d{4}-\\d{2}-\\d{2}$"},
                    },
                    "client_id": {
                        "label": "Platform client ID",
                        "description": (
                            "Only for Cal.com Platform, instead of an API key: the ID of an OAuth client, from the list"
                            " of OAuth clients in the Platform dashboard. Default: none."
                        ),
                        "schema": {"type": ["string", "null"]},
                    },
                    "client_secret": {
                        "label": "Platform client secret",
                        "description": "The secret of that OAuth client, from the same list. Default: none.",
                        "schema": {"type": ["string", "null"], "format": "password"},
                    },
                    "allow_http": {
                        "label": "Allow http://",
                        "description": (
                            "Send the API key unencrypted to a host that is not this machine, for tests within your own"
                            " network. Default: off."
                        ),
                        "schema": {"type": ["boolean", "null"], "default": False},
                    },
                },
            }
        ],
    }
