"""A small local Cal.com API v2 server that behaves as three recorded builds of the real one did."""

from airflow_provider_calcom.sandbox.app import create_app
from airflow_provider_calcom.sandbox.running import RunningSandbox, running_sandbox

__all__ = ["RunningSandbox", "create_app", "running_sandbox"]
