"""`python -m tests.conformance DIR [DIR ...]`: does the sandbox answer as these recordings of the real servers?"""

import argparse
import sys
from pathlib import Path

from tests.conformance.recordings import SERVERS
from tests.conformance.replay import report


def main() -> int:
    parser = argparse.ArgumentParser("python -m tests.conformance", description=__doc__)
    parser.add_argument("directories", nargs="+", type=Path, metavar="DIR", help="holds <server>.jsonl files")
    parser.add_argument("--server", choices=SERVERS, help="only this one")
    given = parser.parse_args()
    if missing := [path for path in given.directories if not path.is_dir()]:
        parser.error(f"not a directory: {', '.join(map(str, missing))}")
    lines, ok = report(given.directories, (given.server,) if given.server else SERVERS)
    print("\n".join(lines))
    return 0 if ok else 1


if __name__ == "__main__":
    sys.exit(main())
