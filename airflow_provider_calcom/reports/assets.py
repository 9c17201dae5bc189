"""Pages of templates, styles and scripts, whole in one file, with a policy that lets a browser load and run no more."""

from __future__ import annotations

import base64
import hashlib
import json
from collections.abc import Sequence
from functools import cache
from importlib.resources import files
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from jinja2 import Environment
    from markupsafe import Markup

_VENDORED = ("d3.min.js", "plot.umd.min.js")
_ESCAPED = {"<": "\\u003c", ">": "\\u003e", "&": "\\u0026", "\u2028": "\\u2028", "\u2029": "\\u2029"}


def render(template: str, scripts: Sequence[str], data: Any, *, blocks: Sequence[str] = (), **values: Any) -> str:
    """Return a page.

    Whatever people typed is in it as text of the template, which escapes it, or as JSON, which no browser runs.

    :param template: which one.
    :param scripts: files of ``static/js``, in their order; they run after the vendored ones, in a scope of their own.
    :param data: what the scripts read as ``DATA``.
    :param blocks: Base64, which the scripts read on demand.
    :param values: what the template shows.
    """
    style = static("report.css")
    own = '(function () {\n"use strict";\n' + "\n".join(static("js", name) for name in scripts) + "})();\n"
    run = [*(static("vendored", name) for name in _VENDORED), own]
    return (
        _environment()
        .get_template(template)
        .render(
            style=_unescaped(style),
            scripts=[_unescaped(one) for one in run],
            data=_unescaped(embedded(data)),
            blocks=[_unescaped(one) for one in blocks],
            policy=content_policy(style, run),
            **values,
        )
    )


def _unescaped(text: str) -> Markup:
    """Return what the template must leave as it is: files of ours, Base64, and JSON that is escaped already."""
    from markupsafe import Markup

    return Markup(text)  # noqa: S704 (nothing that people typed)


def embedded(data: Any) -> str:
    """Return compact JSON that can be within a ``<script>`` element: nothing in it ends the element."""
    text = json.dumps(data, ensure_ascii=False, separators=(",", ":"))
    for sign, escaped in _ESCAPED.items():
        text = text.replace(sign, escaped)
    return text.encode(errors="replace").decode()


def content_policy(style: str, scripts: Sequence[str]) -> str:
    """Return the Content-Security-Policy: these scripts and this style, by their hashes, and nothing else."""
    run = " ".join(_hash(one) for one in scripts)
    return (
        f"default-src 'none'; script-src {run}; style-src {_hash(style)}; img-src data:; base-uri 'none';"
        " form-action 'none'"
    )


def _hash(text: str) -> str:
    return f"'sha256-{base64.b64encode(hashlib.sha256(text.encode()).digest()).decode()}'"


@cache
def static(*path: str) -> str:
    """Return a file of the folder ``static``, with the line ends that its hash is of.

    :param path: its name, after those of the folders that it is in.
    """
    return files(__package__).joinpath("static", *path).read_text(encoding="utf-8").replace("\r\n", "\n")


@cache
def _environment() -> Environment:
    from jinja2 import Environment, PackageLoader, StrictUndefined

    return Environment(
        loader=PackageLoader(__package__),
        autoescape=True,
        undefined=StrictUndefined,
        trim_blocks=True,
        lstrip_blocks=True,
        keep_trailing_newline=True,
    )
