"""Configuration of Sphinx for ``make docs``. The pages are plain Markdown, which GitHub and the wheel show as well."""

from __future__ import annotations

import html
import re
from pathlib import Path
from typing import Any

from docutils import nodes
from pygments.lexers.special import TextLexer

ROOT = Path(__file__).resolve().parents[1]
PACKAGE = ROOT / "airflow_provider_calcom"

project = "airflow-provider-calcom"
author = "The airflow-provider-calcom developers"
project_copyright = f"{author}, Apache License 2.0"
(release,) = re.findall(r'^__version__ = "(.+)"$', (PACKAGE / "__init__.py").read_text(encoding="utf-8"), re.MULTILINE)
version = release

extensions = ["myst_parser", "sphinx_external_toc", "autoapi.extension", "sphinx_copybutton"]
exclude_patterns = ["_autoapi"]
external_toc_path = "_toc.yml"

myst_enable_extensions = ["alert", "deflist"]
myst_heading_anchors = 4

html_theme = "furo"
html_title = f"{project} {release}"
html_static_path = ["_static"]
html_css_files = ["site.css"]
html_js_files = ["pictures.js"]
html_show_sphinx = False
html_copy_source = False
html_theme_options = {
    "light_css_variables": {"color-brand-primary": "#0f5f8f", "color-brand-content": "#0f5f8f"},
    "dark_css_variables": {"color-brand-primary": "#7cc4ee", "color-brand-content": "#7cc4ee"},
}
# Whether a page exists that answers neither in time nor with 404 is not known: tools/check_site.py lists it.
linkcheck_timeout = 10
linkcheck_retries = 1
linkcheck_rate_limit_timeout = 10
linkcheck_anchors_ignore_for_url = [r"https://github\.com/.*"]
copybutton_exclude = ".linenos, .gp, .go"

# The reference of Python is read from the source: neither Airflow nor DuckDB need be installed here.
autoapi_dirs = [str(PACKAGE)]
autoapi_root = "api"
autoapi_keep_files = True  # for linkcheck after html; `make docs` removes them
autoapi_ignore = ["*/sandbox/*", "*/cli/*"]
autoapi_options = ["members", "imported-members", "show-inheritance"]
autoapi_member_order = "groupwise"
autoapi_python_class_content = "both"
autodoc_typehints = "signature"
python_maximum_signature_line_length = 100

# The modules that users import. A test checks that each exists, and that examples import from no other.
API_MODULES = (
    "airflow_provider_calcom",
    "airflow_provider_calcom.api.client",
    "airflow_provider_calcom.api.errors",
    "airflow_provider_calcom.api.webhooks",
    "airflow_provider_calcom.assets",
    "airflow_provider_calcom.attendance",
    "airflow_provider_calcom.attendance.engine",
    "airflow_provider_calcom.attendance.errors",
    "airflow_provider_calcom.attendance.explain",
    "airflow_provider_calcom.attendance.explain.reasons",
    "airflow_provider_calcom.attendance.feeds",
    "airflow_provider_calcom.attendance.feeds.conference_keys",
    "airflow_provider_calcom.attendance.feeds.errors",
    "airflow_provider_calcom.attendance.feeds.options",
    "airflow_provider_calcom.attendance.policy",
    "airflow_provider_calcom.attendance.suggest",
    "airflow_provider_calcom.errors",
    "airflow_provider_calcom.hooks.calcom",
    "airflow_provider_calcom.hooks.sql",
    "airflow_provider_calcom.links",
    "airflow_provider_calcom.no_shows.evidence",
    "airflow_provider_calcom.no_shows.guard_rails",
    "airflow_provider_calcom.no_shows.ledger.reader",
    "airflow_provider_calcom.no_shows.ledger.writer",
    "airflow_provider_calcom.no_shows.plan",
    "airflow_provider_calcom.notifications.no_shows",
    "airflow_provider_calcom.operators.approval",
    "airflow_provider_calcom.operators.bookings",
    "airflow_provider_calcom.operators.no_shows",
    "airflow_provider_calcom.sensors.attendance",
    "airflow_provider_calcom.sensors.bookings",
    "airflow_provider_calcom.triggers.attendance",
    "airflow_provider_calcom.triggers.bookings",
    "airflow_provider_calcom.triggers.ended",
    "airflow_provider_calcom.operators.webhooks",
    "airflow_provider_calcom.reports",
    "airflow_provider_calcom.reports.markdown",
    "airflow_provider_calcom.reports.overview",
    "airflow_provider_calcom.reports.page",
    "airflow_provider_calcom.retries",
)
# Of the modules of reports, because the package itself imports them only when they are used.
_OF_REPORTS = ("write_overview", "write_report", "changes_table")
add_module_names = False
autoapi_template_dir = "_autoapi"

# Every reference to a module above must be found. Types of other projects, and of modules that nobody imports, have no
# page here.
nitpicky = True
_ours = "|".join(re.escape(name) for name in API_MODULES)
nitpick_ignore_regex = [("py:mod", ".*"), ("py:(?!mod).*", rf"(?!({_ours})\.[^._]\w*$).*")]


def skip_member(app: Any, what: str, name: str, obj: Any, skip: bool, options: Any) -> bool:
    """Return whether a name is left out of the reference of Python."""
    if what in ("module", "package"):
        return name not in API_MODULES
    module, _, short = name.rpartition(".")
    if module.startswith("airflow_provider_calcom.reports.") and short not in _OF_REPORTS:
        return True
    # What is imported from a module of this reference is described there.
    described_there = obj.imported and obj.obj["original_path"].rpartition(".")[0] in API_MODULES
    return skip or obj.is_undoc_member or described_there


def describe_page(app: Any, page: str, template: str, context: dict[str, Any], doctree: nodes.document | None) -> None:
    """Make a page's first paragraph its description, which search engines show below the title."""
    paragraph = next(doctree.findall(nodes.paragraph), None) if doctree else None
    if paragraph:
        text = html.escape(" ".join(paragraph.astext().split()))
        context["metatags"] = context.get("metatags", "") + f'<meta name="description" content="{text}">'


def setup(app: Any) -> None:
    """Connect the functions above. Files of a vendor are shown as they are."""
    app.add_lexer("csv", TextLexer)
    app.connect("autoapi-skip-member", skip_member)
    app.connect("html-page-context", describe_page)
