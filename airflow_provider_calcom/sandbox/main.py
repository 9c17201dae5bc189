"""The command `calcom-sandbox`."""

import argparse
import gc
import json
import re
from collections.abc import Sequence
from datetime import datetime
from pathlib import Path
from typing import Any

from airflow_provider_calcom.sandbox.app import create_app
from airflow_provider_calcom.sandbox.builds import BUILDS
from airflow_provider_calcom.sandbox.clock import parse_instant
from airflow_provider_calcom.sandbox.practice import demo_world
from airflow_provider_calcom.sandbox.running import make_server
from airflow_provider_calcom.sandbox.server.state import Sandbox
from airflow_provider_calcom.sandbox.world import load_world


def _instant(text: str) -> datetime:
    try:
        return parse_instant(text)
    except ValueError:
        raise argparse.ArgumentTypeError(f"{text!r} is not a timestamp such as 2026-11-22T05:30:00Z") from None


def _rate_limit(text: str) -> tuple[int, float] | tuple[int, float, float]:
    match = re.fullmatch(r"([1-9]\d*)/([1-9]\d*)(?:/(\d+(?:\.\d+)?))?", text)
    if not match:
        raise argparse.ArgumentTypeError(f"{text!r} is not calls/seconds such as 120/60, or with a block 120/60/30")
    calls, window = int(match[1]), float(match[2])
    return (calls, window) if match[3] is None else (calls, window, float(match[3]))


def _latency(text: str) -> float:
    if not re.fullmatch(r"\d+(\.\d+)?", text):
        raise argparse.ArgumentTypeError(f"{text!r} is not a number of seconds such as 0.03")
    return float(text)


def _world(text: str) -> dict[str, Any]:
    if text == "demo":
        return demo_world()
    try:
        source = json.loads(Path(text).read_text(encoding="utf-8"))
        load_world(source)
    except OSError as error:
        raise argparse.ArgumentTypeError(f"can't read {text}: {error.strerror}") from None
    except (ValueError, KeyError, TypeError, AttributeError) as error:
        raise argparse.ArgumentTypeError(f"{text} is not a world file: {type(error).__name__}: {error}") from None
    return source  # type: ignore[no-any-return]


def parser() -> argparse.ArgumentParser:
    """Return the parser of the command line."""
    made = argparse.ArgumentParser("calcom-sandbox", description=__import__(__package__ or "", fromlist=[""]).__doc__)
    made.add_argument("--host", default="127.0.0.1", help="address to listen on (default %(default)s)")
    made.add_argument("--port", type=int, default=5555, help="port to listen on (default %(default)s)")
    made.add_argument(
        "--allow-host",
        action="append",
        default=[],
        metavar="NAME",
        help="host name that clients may use, besides IP addresses, localhost and HOST; may be repeated",
    )
    made.add_argument("--server", choices=BUILDS, default="2026-07", help="build to behave as (default %(default)s)")
    made.add_argument(
        "--world", type=_world, metavar="FILE", help="world file, or demo (default: a built-in practice world)"
    )
    made.add_argument("--now", type=_instant, metavar="ISO", help="time that the clock starts at; it keeps running")
    made.add_argument(
        "--rate-limit",
        type=_rate_limit,
        default=(120, 60.0),
        metavar="CALLS/SECONDS[/BLOCK]",
        help="default 120/60/60; BLOCK is for how many seconds every call gets 429 after one call too many",
    )
    made.add_argument(
        "--latency", type=_latency, default=0.0, metavar="SECONDS", help="delay of each response (default 0)"
    )
    return made


def banner(sandbox: Sandbox, url: str) -> str:
    """Return what is printed at the start: the URL, the API keys, and two lines to copy into a shell."""
    keys = list(sandbox.world.keys.values())
    lines = [f"Cal.com sandbox {sandbox.build.name} on {url}/v2 with {len(sandbox.world.bookings)} bookings", "Keys:"]
    lines += [f"  {key.name:<10}{key.value}  ({key.user.name})" for key in keys]
    connection = json.dumps({"conn_type": "calcom", "host": url, "password": keys[0].value}) if keys else ""
    lines += [
        "Try:",
        f"  curl -H 'Authorization: Bearer {keys[0].value}' -H 'cal-api-version: 2024-08-13' "
        f"'{url}/v2/bookings?status=past'"
        if keys
        else "",
        f"  export AIRFLOW_CONN_CALCOM_DEFAULT='{connection}'",
    ]
    return "\n".join(lines)


def main(arguments: Sequence[str] | None = None) -> None:
    """Run the sandbox until it is interrupted."""
    given = parser().parse_args(arguments)
    app = create_app(
        world=given.world,
        server=given.server,
        now=given.now,
        rate_limit=given.rate_limit,
        latency=given.latency,
        hosts=(given.host, *given.allow_host),
    )
    gc.collect()
    gc.freeze()  # otherwise each collection walks a large world while calls wait
    print(banner(app.sandbox, f"http://{given.host}:{given.port}"), flush=True)
    make_server(app, given.host, given.port).run()


if __name__ == "__main__":
    main()
