"""Print the longest chain of imports within the package below one of its modules.

``python tools/import_chain.py [--limit N] [MODULE]``. It counts the modules that a reader may have to go through.
Imports inside functions count; those under ``if TYPE_CHECKING`` are counted apart. The exit status is 1 if it
is above the limit.
"""

from __future__ import annotations

import argparse
import sys

import grimp

PACKAGE = "airflow_provider_calcom"
START = f"{PACKAGE}.operators.no_shows"


def longest_chain(graph: grimp.ImportGraph, start: str) -> list[str]:
    """Return the modules on the longest path of direct imports, ``start`` first.

    :raises ValueError: if modules import each other in a circle; the message names them.
    """
    chains: dict[str, list[str]] = {}

    def chain_below(module: str, above: tuple[str, ...]) -> list[str]:
        if module in above:
            raise ValueError(f"import cycle: {' -> '.join([*above[above.index(module) :], module])}")
        if module not in chains:
            imported = sorted(graph.find_modules_directly_imported_by(module))
            below = [chain_below(one, (*above, module)) for one in imported]
            chains[module] = [module, *max(below, key=len, default=[])]
        return chains[module]

    return chain_below(start, ())


def main() -> int:
    """Print the chain; return the exit status."""
    parser = argparse.ArgumentParser(description=__doc__.partition("\n")[0] if __doc__ else None)
    parser.add_argument("module", nargs="?", default=START, help=f"where the chain starts (default: {START})")
    parser.add_argument("--limit", type=int, metavar="N", help="fail if the chain has more than N modules")
    args = parser.parse_args()

    try:
        chain = longest_chain(
            grimp.build_graph(PACKAGE, exclude_type_checking_imports=True, cache_dir=None), args.module
        )
    except ValueError as error:
        print(error)
        return 1
    print(f"Longest import chain: {len(chain)} modules")
    for depth, module in enumerate(chain, 1):
        print(f"{depth:4} {module}")
    print(f"With imports for type checkers alone: {_length_with_types(args.module)}")
    if args.limit is not None and len(chain) > args.limit:
        print(f"{len(chain)} modules, the limit is {args.limit}: move what they share downwards, or merge two of them")
        return 1
    return 0


def _length_with_types(module: str) -> str:
    try:
        return f"{len(longest_chain(grimp.build_graph(PACKAGE, cache_dir=None), module))} modules"
    except ValueError as error:
        return str(error)


if __name__ == "__main__":
    sys.exit(main())
