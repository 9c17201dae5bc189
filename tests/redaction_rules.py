"""Rules about log lines and errors, checked on the package's source: a value is shown only through a redactor."""

from __future__ import annotations

import ast
import functools
import re
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

ROOT = Path(__file__).resolve().parents[1]
PACKAGE = ROOT / "airflow_provider_calcom"
# The sandbox is a server for tests, whose people are made up.
MODULES = sorted(path for path in PACKAGE.rglob("*.py") if "sandbox" not in path.parts)

REDACTORS = {
    *("redact", "redact_sql", "hide", "describe", "plain", "shape_of", "shown_word", "shown_time"),
    *("shown_column", "shown_columns", "shown_path"),
}
LEVELS = {"info", "warning", "error", "exception", "critical", "log"}
_PLACEHOLDER = re.compile(r"%[-0-9.]*([a-z])")


@dataclass(frozen=True)
class Finding:
    """A place in the source that breaks a rule, unless a test lists it.

    :param module: path below the package.
    :param line: of the statement.
    :param expression: the source of what is shown there.
    """

    module: str
    line: int
    expression: str

    @property
    def key(self) -> tuple[str, str]:
        """Module and expression, which stay when the line changes."""
        return self.module, self.expression


def shown_in_logs() -> Iterator[Finding]:
    """Yield each value, other than a number, that a log statement at INFO or above shows without a redactor."""
    for path in MODULES:
        for node in ast.walk(_tree(path)):
            if isinstance(node, ast.Call) and _is_log(node):
                for expression in _texts_of_log(node):
                    yield Finding(str(path.relative_to(PACKAGE)), node.lineno, ast.unparse(expression))


def foreign_errors_shown() -> Iterator[Finding]:
    """Yield each use of another library's error as a string, or as the cause of one of ours."""
    for path in MODULES:
        for handler in _handlers(path):
            for shown in _shown_of(handler):
                yield Finding(str(path.relative_to(PACKAGE)), shown.lineno, ast.unparse(shown))


def open_chains() -> Iterator[Finding]:
    """Yield ``raise X(...)`` without ``from`` where another library's error was caught: it stays as the context."""
    for path in MODULES:
        for handler in _handlers(path):
            for node in _own_nodes(handler):
                if isinstance(node, ast.Raise) and isinstance(node.exc, ast.Call) and node.cause is None:
                    yield Finding(str(path.relative_to(PACKAGE)), node.lineno, ast.unparse(node.exc.func))


def raw_reprs() -> Iterator[Finding]:
    """Yield each ``!r`` within ``raise`` whose value did not go through a redactor."""
    for path in MODULES:
        for node in ast.walk(_tree(path)):
            if not isinstance(node, ast.Raise) or _is_about_code(node):
                continue
            for part in ast.walk(node):
                if not isinstance(part, ast.FormattedValue) or part.conversion != ord("r"):
                    continue
                if not _is_redacted(part.value):
                    yield Finding(str(path.relative_to(PACKAGE)), node.lineno, ast.unparse(part.value))


def _is_about_code(node: ast.Raise) -> bool:
    """Return whether an error is about a name in a program, as that of a module's ``__getattr__``."""
    return isinstance(node.exc, ast.Call) and ast.unparse(node.exc.func) == "AttributeError"


@functools.cache
def _tree(path: Path) -> ast.Module:
    return ast.parse(path.read_text(encoding="utf-8"))


def _is_log(call: ast.Call) -> bool:
    function = call.func
    if not isinstance(function, ast.Attribute) or function.attr not in LEVELS:
        return False
    logger = ast.unparse(function.value)
    return logger == "log" or logger.endswith((".log", "logger", "logging")) or logger == "warnings"


def _texts_of_log(call: ast.Call) -> Iterator[ast.expr]:
    """Yield the values of a log line's ``%s``; all of its arguments if its message is not a literal."""
    arguments = list(call.args)
    if isinstance(call.func, ast.Attribute) and call.func.attr == "log":
        arguments = arguments[1:]
    template, values = arguments[0], arguments[1:]
    literals = [part for part in ast.walk(template) if isinstance(part, ast.Constant) and isinstance(part.value, str)]
    if isinstance(template, ast.Constant) or (isinstance(template, ast.IfExp) and len(literals) == 2):
        signs = _PLACEHOLDER.findall(str(literals[0].value))
    else:
        signs, values = [], [template, *values]
    numbers = {place for place, sign in enumerate(signs) if sign in "df"}
    yield from (
        value
        for place, value in enumerate(values)
        if place not in numbers and not _is_redacted(value) and not isinstance(value, ast.Constant)
    )


def _is_redacted(value: ast.expr) -> bool:
    """Return whether a value went through a redactor, or is a number."""
    if not isinstance(value, ast.Call):
        return False
    if isinstance(value.func, ast.Name):
        return value.func.id in REDACTORS | {"len", "sum"}
    return False


def _handlers(path: Path) -> Iterator[ast.ExceptHandler]:
    for node in ast.walk(_tree(path)):
        if isinstance(node, ast.ExceptHandler) and not _are_ours(node.type):
            yield node


INTERNAL_ERRORS = {
    *("UnreadableField", "UnreadableFile", "SkippedRecord", "BadTime", "BadWorkbook", "FailureEndsRun", "_WriteError"),
}
"""Errors that never reach users. Where they carry values, those are redacted when they are raised."""


@functools.cache
def _our_errors() -> frozenset[str]:
    """Return the names of all subclasses of ``ProviderError``, which redacts its text, and of their aliases."""
    names = INTERNAL_ERRORS | {"ProviderError"}
    nodes = [node for path in MODULES for node in ast.walk(_tree(path))]
    size = 0
    while size < len(names):
        size = len(names)
        for node in nodes:
            if isinstance(node, ast.ClassDef) and any(_last_name(base) in names for base in node.bases):
                names.add(node.name)
            elif isinstance(node, ast.Assign) and _last_name(node.value) in names:
                names |= {target.id for target in node.targets if isinstance(target, ast.Name)}
    return frozenset(names)


def _last_name(node: ast.expr) -> str:
    return node.id if isinstance(node, ast.Name) else node.attr if isinstance(node, ast.Attribute) else ""


def _are_ours(kinds: ast.expr | None) -> bool:
    names = kinds.elts if isinstance(kinds, ast.Tuple) else [kinds] if kinds is not None else []
    return bool(names) and all(_last_name(name) in _our_errors() for name in names)


def _own_nodes(handler: ast.ExceptHandler) -> Iterator[ast.AST]:
    """Yield the nodes of a handler, without those of nested handlers."""
    waiting: list[ast.AST] = list(handler.body)
    while waiting:
        node = waiting.pop()
        yield node
        waiting += [child for child in ast.iter_child_nodes(node) if not isinstance(child, ast.ExceptHandler)]


def _shown_of(handler: ast.ExceptHandler) -> Iterator[ast.expr]:
    """Yield where the caught error is formatted, or used after ``from``, without a redactor around it."""
    name = handler.name

    def is_error(node: ast.AST | None) -> bool:
        if isinstance(node, ast.Call) and isinstance(node.func, ast.Name) and node.func.id in ("str", "repr"):
            return any(map(is_error, node.args))
        return isinstance(node, ast.Name) and node.id == name

    for node in _own_nodes(handler) if name else ():
        if isinstance(node, ast.FormattedValue) and is_error(node.value):
            yield node.value
        elif isinstance(node, ast.Raise) and node.cause is not None and is_error(node.cause):
            yield node.cause
