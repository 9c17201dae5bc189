"""What commands print."""

from __future__ import annotations

import os
import sys


def print_text(text: str) -> None:
    """Print any text, and ignore that a reader such as `head` closed the pipe."""
    if hasattr(sys.stdout, "reconfigure"):
        sys.stdout.reconfigure(errors="replace")
    try:
        sys.stdout.write(text)
        sys.stdout.flush()
    except BrokenPipeError:
        # Python would flush again at its end, and print an error.
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
