"""Find words that this project does not use, and print what to write instead.

``python tools/check_words.py [PATH ...]``. CONTRIBUTING.md has the glossary behind it: one word for each thing. The
exit status is 1 if any is found. A line that has to quote one has the comment ``word: quoted``.
"""

from __future__ import annotations

import argparse
import re
import sys
from collections.abc import Iterator
from pathlib import Path

ROOT = Path(__file__).resolve().parents[1]
SEARCHED = (
    "airflow_provider_calcom",
    "benchmarks",
    "dags_examples",
    "demo",
    "docs",
    "tests",
    "tools",
    "README.md",
    "CHANGELOG.md",
    "CONTRIBUTING.md",
    "SECURITY.md",
)
NOT_SEARCHED = ("tests/recordings", "tools/check_words.py")
SUFFIXES = (".md", ".py", ".sql", ".toml")
QUOTED = "word: quoted"

# Regular expressions of whole words (also within identifiers: may_heal, test_it_tells), and what to write instead.
WORDS = {
    r"told|tells?(?!\(\))|telling": "report, state, return, distinguish",
    r"ask|asks|asked|asking": "request",
    r"mend\w*": "fix",
    r"heal|heals|healed|healing": "retryable",
    r"bearings": "context",
    r"verdicts?": "decision, outcome",
    r"whoever": "anyone who, any caller",
    r"in place of": "instead of",
    r"what became of": "result of",
    r"of the way": "transport",
    r"workshop": "session, temporary database",
    r"colleagues?": "internal participant",
    r"stands? for": "represents",
    r"stands (in|at|on)": "is in, is at",
    r"(?<!there[\x20_])is no (?!longer\b|more than\b)[a-z]+": "is not a",
    r"so many": "the number of, that many",
    r"dear": "expensive",
    r"taken for": "treated as",
    r"let be": "left unchanged",
    r"held to": "checked against",
    r"only grow": "monotonic",
    r"whole numbers?": "integer",
    r"half a character": "unpaired surrogate",
    r"(?:the|of|two|three|four|five|\d+|all|more|between|many|such|these|those|\w+'s) tries": "attempts",
    r"a try": "an attempt",
}
DOCSTRING = re.compile(r'^\s*[rf]?"""(Give|Gives|Tell|Tells|Say|Says|Whether|Take|Takes|Have|Has)\b', re.MULTILINE)
# An underscore or a digit ends a word too, as in may_heal and test_what_is_told_once.
PATTERNS = {
    re.compile(rf"(?<![a-zA-Z])(?:{word})(?![a-zA-Z])".replace(" ", r"[\s_]+(?:#\s+)?"), re.IGNORECASE): instead
    for word, instead in WORDS.items()
}


def findings(text: str) -> Iterator[tuple[int, str, str]]:
    """Yield line number, word and replacement of each unwanted word, in no particular order."""
    for pattern, instead in PATTERNS.items():
        for match in pattern.finditer(text):
            yield text.count("\n", 0, match.start()) + 1, " ".join(match[0].split()), instead
    for match in DOCSTRING.finditer(text):
        yield (
            text.count("\n", 0, match.start(1)) + 1,
            f'"""{match[1]}',
            '"""Return ..., """Parse ..., or a noun phrase',
        )


def files(paths: list[Path]) -> Iterator[Path]:
    """Yield the files to search below the given files and folders."""
    for path in paths:
        below = sorted(path.rglob("*")) if path.is_dir() else [path]
        for one in below:
            name = one.resolve().relative_to(ROOT).as_posix()
            if one.suffix in SUFFIXES and one.is_file() and not name.startswith(NOT_SEARCHED):
                yield one


def main() -> int:
    """Print what is found; return the exit status."""
    parser = argparse.ArgumentParser(description=__doc__.partition("\n")[0] if __doc__ else None)
    parser.add_argument("paths", nargs="*", type=Path, help="files and folders to search (default: the project)")
    paths = parser.parse_args().paths or [ROOT / name for name in SEARCHED if (ROOT / name).exists()]
    count = 0
    for path in files(paths):
        text = path.read_text(encoding="utf-8")
        lines = text.splitlines()
        for line, word, instead in sorted(findings(text)):
            if QUOTED not in lines[line - 1]:
                count += 1
                print(f"{path.resolve().relative_to(ROOT)}:{line}: {word} -> {instead}")
    print(f"{count} words to replace" if count else "No words to replace")
    return 1 if count else 0


if __name__ == "__main__":
    sys.exit(main())
