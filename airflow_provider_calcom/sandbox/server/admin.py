"""The routes under `/_sandbox/` to inspect and control the sandbox, without authentication and rate limits."""

import json
from collections.abc import Callable
from typing import Any

from airflow_provider_calcom.sandbox.clock import iso, parse_instant
from airflow_provider_calcom.sandbox.responses import ApiResponse
from airflow_provider_calcom.sandbox.server.fault_injection import Fault
from airflow_provider_calcom.sandbox.server.state import Sandbox


def handle_admin(sandbox: Sandbox, method: str, path: str, content: bytes) -> ApiResponse:
    """Handle a request: 400 with a `message` for an invalid body, 404 for an unknown route, 405 for other methods."""
    name = path.removeprefix("/_sandbox/").strip("/")
    if method not in ("GET", "POST"):
        return ApiResponse({"message": f"{method} is neither GET nor POST"}, 405)
    try:
        given = json.loads(content) if content else {}
        if method == "GET":
            shown: dict[str, Callable[[], Any]] = {
                "state": sandbox.describe,
                "counts": sandbox.count,
                "calls": lambda: {"calls": sandbox.calls},
                "deliveries": lambda: {"deliveries": sandbox.webhooks.deliveries},
                "faults": lambda: {"faults": [vars(fault) for fault in sandbox.faults]},
            }
            return ApiResponse(shown[name]())
        if not isinstance(given, dict):
            return ApiResponse({"message": "the body must be a JSON object"}, 400)
        return ApiResponse(_change(sandbox, name, given))
    except KeyError as error:
        return ApiResponse({"message": f"unknown or missing: {error}"}, 404 if str(error) == repr(name) else 400)
    except RecursionError:
        return ApiResponse({"message": "the body is nested too deeply"}, 400)
    except (ValueError, TypeError, AttributeError, OverflowError, StopIteration) as error:
        return ApiResponse({"message": str(error) or type(error).__name__}, 400)


def _change(sandbox: Sandbox, name: str, given: Any) -> Any:
    if name == "faults" and given == {"clear": True}:
        sandbox.faults.clear()
    elif name == "faults":
        sandbox.faults.append(Fault.read(given))
    elif name == "reset":
        sandbox.reset()
    elif name == "world" and "world" in given:
        sandbox.reset(given["world"])
    elif name == "world":
        for change in given["bookings"]:
            sandbox.world.patch(change)
    elif name == "clock":
        now = parse_instant(given["now"]) if "now" in given else None
        sandbox.move_clock(now, float(given.get("advance", 0)))
    elif name == "keys":
        sandbox.change_key(given["key"], given.get("expired", False), given.get("removed", False))
    elif name == "latency":
        sandbox.set_latency(float(given["seconds"]))
    else:
        raise KeyError(name)
    return {"status": "ok", "now": iso(sandbox.clock.now())}
