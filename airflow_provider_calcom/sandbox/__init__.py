"""A small local Cal.com API v2 server that behaves as three recorded builds of the real one, and as one documented."""

try:
    from airflow_provider_calcom.sandbox.app import create_app
    from airflow_provider_calcom.sandbox.running import RunningSandbox, running_sandbox
except ModuleNotFoundError as error:
    if error.name not in ("httptools", "starlette", "uvicorn"):
        raise
    raise ModuleNotFoundError(
        f"The sandbox needs {error.name}: pip install 'airflow-provider-calcom[sandbox]'", name=error.name
    ) from None

__all__ = ["RunningSandbox", "create_app", "running_sandbox"]
