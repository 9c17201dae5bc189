"""Measure the report of plans of 100, 1,000 and 10,000 bookings: how long it takes to write, its size, and to open.

Its time is that of a fresh interpreter's second report, so without imports. Where Playwright and a Chromium are
installed, the report is opened in it: until its tables are there, and until a row's picture is.
"""

from __future__ import annotations

import importlib.util
import shutil
import statistics
import sys
import tempfile
import time
from pathlib import Path
from typing import Any

from airflow_provider_calcom.no_shows.plan_files import read_summary
from airflow_provider_calcom.reports import write_report
from benchmarks.report_plans import write_report_plan

SIZES = (100, 1_000, 10_000)
RUNS = 3
MOST_SECONDS, MOST_BYTES, MOST_SECONDS_TO_OPEN = 5.0, 10 * 10**6, 1.0
CHROMIUM = shutil.which("chromium") or shutil.which("chromium-browser") or shutil.which("google-chrome")
_OPTIONS = ["--no-sandbox", "--disable-gpu", "--disable-background-networking", "--disable-component-update"]


def seconds_to_write(folder: Path) -> float:
    """Return the median time of several reports."""
    times = []
    for _ in range(RUNS):
        begin = time.perf_counter()
        write_report(folder)
        times.append(time.perf_counter() - begin)
    return statistics.median(times)


def seconds_to_open(path: Path) -> tuple[float, float] | None:
    """Return the median times until the page has its tables, and until a row that is opened has its picture.

    :return: None where Playwright or Chromium is not installed.
    """
    if CHROMIUM is None or importlib.util.find_spec("playwright") is None:
        return None
    from playwright.sync_api import sync_playwright

    with sync_playwright() as playwright:
        browser = playwright.chromium.launch(executable_path=CHROMIUM, args=_OPTIONS)
        found = [_opened(browser, path) for _ in range(RUNS)]
        browser.close()
    return statistics.median(one[0] for one in found), statistics.median(one[1] for one in found)


def _opened(browser: Any, path: Path) -> tuple[float, float]:
    page = browser.new_page()
    begin = time.perf_counter()
    page.goto(path.as_uri())
    page.wait_for_function("document.documentElement.dataset.ready === 'true'", polling=10)
    ready = time.perf_counter()
    page.locator("[data-testid=expand]").first.click()
    page.wait_for_selector("[data-testid=picture] svg")
    drawn = time.perf_counter()
    page.close()
    return ready - begin, drawn - ready


def main() -> int:
    """Print a line for each size; 1 if the largest misses a limit."""
    is_over = False
    print("bookings  changes  pictured  written in  size      opens in  row opens in")
    with tempfile.TemporaryDirectory() as temporary:
        write_report(_plan(Path(temporary), 10))  # imports and caches
        for bookings in SIZES:
            folder = _plan(Path(temporary), bookings)
            seconds = seconds_to_write(folder)
            path = folder / "report.html"
            size = path.stat().st_size
            opened = seconds_to_open(path)
            shown = f"{opened[0]:5.2f} s   {opened[1]:5.2f} s" if opened else "no browser"
            summary = read_summary(folder)
            print(
                f"{bookings:8,}  {summary['changes']['total']:7,}  {_pictured(path):8,}  {seconds:8.2f} s"
                f"  {size / 1e6:5.2f} MB  {shown}"
            )
            is_slow_to_open = opened is not None and opened[0] > MOST_SECONDS_TO_OPEN
            is_over = seconds > MOST_SECONDS or size > MOST_BYTES or is_slow_to_open
    print(
        f"bench-report: at most {MOST_SECONDS:.0f} s, {MOST_BYTES / 1e6:.0f} MB and {MOST_SECONDS_TO_OPEN:.0f} s to"
        f" open: {'missed' if is_over else 'kept'}"
    )
    return int(is_over)


def _plan(folder: Path, bookings: int) -> Path:
    write_report_plan(folder / str(bookings), bookings, rails={"max_absent_share": 1})
    return folder / str(bookings)


def _pictured(path: Path) -> int:
    """Return about how many bookings the report has a picture of."""
    from airflow_provider_calcom.reports.pictures import IN_A_BLOCK

    return path.read_text(encoding="utf-8").count('id="pictures-') * IN_A_BLOCK


if __name__ == "__main__":
    sys.exit(main())
