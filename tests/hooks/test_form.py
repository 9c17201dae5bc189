"""What Airflow reads from the provider: metadata, the connection form of old and new versions, and links."""

from __future__ import annotations

import inspect
import json
import pkgutil
from importlib.metadata import entry_points, version
from pathlib import Path
from typing import Any

import airflow
import pytest

import airflow_provider_calcom
from airflow_provider_calcom import links
from airflow_provider_calcom.get_provider_info import get_provider_info
from airflow_provider_calcom.hooks.calcom import CalComHook
from tests.conftest import ROOT

PACKAGE = Path(airflow_provider_calcom.__file__).parent

INFO = get_provider_info()
(CONNECTION_TYPE,) = INFO["connection-types"]
FIELDS = {
    "region",
    "api_version",
    "timeout",
    "client_id",
    "client_secret",
    "allow_http",
    "ledger_secret",
    "web_url",
} | {"webhook_secret"}
MAJOR, MINOR = (int(part) for part in version("apache-airflow").split(".")[:2])
from_3_3 = pytest.mark.skipif((MAJOR, MINOR) < (3, 3), reason="Airflow draws the form from metadata since 3.2")
before_3 = pytest.mark.skipif(MAJOR >= 3, reason="wtforms and Flask-AppBuilder come with Airflow 2 only")


@pytest.mark.parametrize("schema", ["provider_info.schema.json", "provider.yaml.schema.json"])
def test_the_metadata_fit_airflows_schema(schema: str) -> None:
    """A provider whose metadata don't fit is ignored by Airflow, or breaks the others."""
    import jsonschema

    path = Path(airflow.__file__).parent / schema
    if not path.is_file():
        pytest.skip(f"this Airflow has no {schema}")
    definition = json.loads(path.read_text(encoding="utf-8"))
    if schema == "provider.yaml.schema.json":
        # Airflow does not validate packages against this schema, but it alone describes the form's fields.
        items = definition["properties"]["connection-types"]["items"]
        if "conn-fields" not in items["properties"]:
            pytest.skip("this Airflow's schema does not know conn-fields")
        # Only 3.3 reads hook-name; the schema of 3.2 does not know it.
        unknown = {"hook-name"} - items["properties"].keys()
        known = {name: value for name, value in CONNECTION_TYPE.items() if name not in unknown}
        jsonschema.validate(known, {**definition, **items, "required": []})
    else:
        jsonschema.validate(INFO, definition)


def test_the_package_name_is_the_distributions() -> None:
    """Another name makes the provider manager fail for every provider that is installed."""
    (entry_point,) = (
        one for one in entry_points(group="apache_airflow_provider") if one.value.startswith("airflow_provider_calcom.")
    )
    assert entry_point.dist is not None
    assert entry_point.dist.name == INFO["package-name"] == "airflow-provider-calcom"
    assert entry_point.load()() == INFO


def test_everything_that_the_metadata_name_exists() -> None:
    """Hook, links and modules can be imported by the names that Airflow is given."""
    assert pkgutil.resolve_name(CONNECTION_TYPE["hook-class-name"]) is CalComHook
    for name in (*INFO["extra-links"], *INFO["notifications"]):
        assert pkgutil.resolve_name(name)
    for kind in ("hooks", "operators", "sensors", "triggers"):
        for entry in INFO[kind]:
            for module in entry["python-modules"]:
                if (MAJOR, MINOR) < (3, 1) and module.endswith(".approval"):
                    continue  # which says that it needs Airflow 3.1
                assert pkgutil.resolve_name(module)


def test_the_metadata_name_all_modules_and_links() -> None:
    """What is added to the package is listed, as Airflow's own providers list theirs; logo and guides exist."""
    for kind in ("hooks", "operators", "sensors", "triggers"):
        found = {path.stem for path in (PACKAGE / kind).glob("[!_]*.py")} - {"sql"}  # of other connection types
        listed = {module.rpartition(".")[2] for entry in INFO[kind] for module in entry["python-modules"]}
        assert listed == found
    own = (one for one in vars(links).values() if isinstance(one, type) and one.__module__ == links.__name__)
    named = {f"{links.__name__}.{one.__name__}" for one in own if not one.__name__.startswith("_")}
    assert named == set(INFO["extra-links"])
    (integration,) = INFO["integrations"]
    for path in (integration["logo"], *integration["how-to-guide"]):
        assert (ROOT / path.removeprefix("/")).is_file()


def test_each_field_of_the_form_is_explained() -> None:
    """Each of our fields says what it is and its default; a URL, a version and a secret have an example."""
    for name, field in CONNECTION_TYPE["conn-fields"].items():
        assert len(field["description"]) > 40, name
        assert "Default: " in field["description"], name
    hints = CONNECTION_TYPE["ui-field-behaviour"]["placeholders"]
    assert "Settings > Developer > API keys" in hints["password"]
    assert json.loads(hints["extra"]).keys() == {"max_attempts", "max_retry_seconds"}


def test_the_metadata_and_the_hook_agree() -> None:
    """The type, its label and the default id are the same in both places."""
    assert CONNECTION_TYPE["connection-type"] == CalComHook.conn_type == "calcom"
    assert CONNECTION_TYPE["hook-name"] == CalComHook.hook_name == "Cal.com"
    assert CalComHook.default_conn_name == "calcom_default"
    assert CalComHook.conn_name_attr in inspect.signature(CalComHook).parameters


def test_each_field_may_be_left_empty() -> None:
    """Airflow's form marks a field as required, and will not save without it, unless its type allows null."""
    assert set(CONNECTION_TYPE["conn-fields"]) == FIELDS
    for field in CONNECTION_TYPE["conn-fields"].values():
        assert "null" in field["schema"]["type"]


def test_secret_fields_have_names_that_airflow_masks() -> None:
    """Airflow blanks extra fields by their names; one that holds a secret must have such a name."""
    secret = {name for name, field in CONNECTION_TYPE["conn-fields"].items() if field["schema"].get("format")}
    assert secret == {"client_secret", "ledger_secret", "webhook_secret"}
    assert all("secret" in name or "token" in name for name in secret)


def test_a_saved_form_with_a_key_alone_is_valid(connect: Any) -> None:
    """The form writes every field, with defaults and nulls; a key alone must be enough."""
    saved = {name: field["schema"].get("default") for name, field in CONNECTION_TYPE["conn-fields"].items()}
    connect(password="cal_x", host="", port=0, login="", schema="", extra=saved)
    assert CalComHook().settings.region == "us"


def test_airflow_lists_the_connection_type() -> None:
    """The provider manager finds the provider, its hook and its link."""
    from airflow.providers_manager import ProvidersManager

    manager = ProvidersManager()
    assert "airflow-provider-calcom" in manager.providers
    info = manager.hooks["calcom"]
    assert info is not None
    assert (info.hook_class_name, info.hook_name) == (CONNECTION_TYPE["hook-class-name"], "Cal.com")
    assert set(INFO["extra-links"]) <= set(manager.extra_links_class_names)


@from_3_3
def test_the_form_of_airflow_3() -> None:
    """The web form has our label, our fields, and the standard fields under our names."""
    from airflow.api_fastapi.core_api.services.ui.connections import HookMetaService

    (form,) = (one for one in HookMetaService.hook_meta_data() if one.connection_type == "calcom")
    assert form.hook_name == "Cal.com"
    fields: Any = form.standard_fields
    assert (fields.password.title, fields.host.title) == ("API key", "API URL")
    assert fields.login.hidden
    assert set(form.extra_fields or {}) == FIELDS
    assert (form.extra_fields or {})["client_secret"]["schema"]["format"] == "password"


@before_3
def test_the_form_of_airflow_2() -> None:
    """The two form methods make a widget of the right kind for each field."""
    import wtforms

    widgets = CalComHook.get_connection_form_widgets()
    assert set(widgets) == FIELDS
    kinds = {name: field.field_class for name, field in widgets.items()}
    assert kinds["client_secret"] is wtforms.PasswordField
    assert kinds["allow_http"] is wtforms.BooleanField
    assert kinds["region"] is wtforms.StringField


@before_3
def test_the_form_as_airflow_2_merges_it() -> None:
    """The provider manager of Airflow 2 has the widgets and the behaviour."""
    from airflow.providers_manager import ProvidersManager

    manager = ProvidersManager()
    assert {f"extra__calcom__{name}" for name in FIELDS} <= set(manager.connection_form_widgets)
    behaviour = manager.field_behaviours["calcom"]
    assert behaviour["relabeling"]["password"] == "API key"
    assert set(behaviour["hidden_fields"]) == {"schema", "login"}


def test_field_behaviour_is_the_same_for_old_and_new() -> None:
    """The method for old versions returns the metadata's values."""
    behaviour = CalComHook.get_ui_field_behaviour()
    assert behaviour["hidden_fields"] == CONNECTION_TYPE["ui-field-behaviour"]["hidden-fields"]
    assert behaviour["relabeling"] == CONNECTION_TYPE["ui-field-behaviour"]["relabeling"]
    assert behaviour["placeholders"] == CONNECTION_TYPE["ui-field-behaviour"]["placeholders"]
