"""CalComHook as tools of an agent, by HookToolset of Airflow's provider common.ai, unchanged."""

from __future__ import annotations

import asyncio
import importlib.util
import inspect
import json
import re
from collections.abc import Iterator
from dataclasses import fields
from pathlib import Path
from typing import Any

import pytest

from airflow_provider_calcom.api.errors import CalComError
from airflow_provider_calcom.api.mark_request import MarkRequest
from airflow_provider_calcom.hooks.calcom import CalComHook
from tests.pages import blocks
from tests.support import SandboxDriver

# Not of JSON: clients, an iterator, a request of Python objects, and the form of Airflow before 3.2.
NOT_FOR_AGENTS = {
    *("close", "get_async_conn", "get_conn", "iterate_bookings", "run_mark_request"),
    *("get_connection_form_widgets", "get_ui_field_behaviour"),
}
METHODS = sorted(
    name
    for name, method in vars(CalComHook).items()
    if inspect.isfunction(method) and not name.startswith("_") and name not in NOT_FOR_AGENTS
)
PAGE = Path(__file__).resolve().parents[2] / "docs" / "how-to" / "use-from-an-agent.md"
UID = "sandbox-yesterday-5"


def parameters(method: str) -> list[inspect.Parameter]:
    return [one for one in inspect.signature(getattr(CalComHook, method)).parameters.values() if one.name != "self"]


@pytest.mark.parametrize("method", METHODS)
def test_arguments_are_named_and_documented(method: str) -> None:
    """An agent passes arguments by name, and knows of each only its type and docstring; it can't follow a reference."""
    docstring = inspect.getdoc(getattr(CalComHook, method)) or ""
    for one in parameters(method):
        assert one.kind is one.KEYWORD_ONLY, f"{one.name} has no name or no position of its own"
        (text,) = re.findall(rf":param {one.name}: (.+?)(?=\n:|\Z)", docstring, re.DOTALL)
        assert "as for" not in text
        assert ":meth:" not in text


def test_all_options_of_a_mark_are_named() -> None:
    """mark_absent has each field of a request with its default: as ``**options``, none of them could be pinned."""
    expected = {
        one.name: None if one.name in ("attendees", "allowed_statuses") else one.default
        for one in fields(MarkRequest)
        if one.metadata
    }
    found = {one.name: one.default for one in parameters("mark_absent")}
    assert found == {"booking_uid": inspect.Parameter.empty, **expected}


@pytest.fixture
def toolset_of() -> Any:
    """HookToolset, where common.ai is installed: ``make test-agents`` installs it."""
    # find_spec of a dotted name fails where a parent is missing.
    if importlib.util.find_spec("pydantic_ai") is None or importlib.util.find_spec("airflow.providers.common") is None:
        pytest.skip("apache-airflow-providers-common-ai is missing; make test-agents installs it")
    from airflow.providers.common.ai.toolsets.hook import HookToolset

    return HookToolset


@pytest.fixture
def context() -> Any:
    """Context of a run of an agent with a model that is never called."""
    from pydantic_ai import RunContext
    from pydantic_ai.models.test import TestModel
    from pydantic_ai.usage import RunUsage

    return RunContext(deps=None, model=TestModel(), usage=RunUsage())


def leaves(schema: Any) -> Iterator[Any]:
    """Yield a schema and all those in it."""
    yield schema
    for one in [*schema.get("anyOf", []), *([schema["items"]] if "items" in schema else [])]:
        yield from leaves(one)


def test_every_method_has_a_complete_schema(toolset_of: Any, context: Any) -> None:
    """Each argument has a type that JSON has and a description, none is open, and names and texts reach the model."""
    tools = asyncio.run(toolset_of(CalComHook(), allowed_methods=METHODS, tool_prefix="calcom").get_tools(context))
    assert set(tools) == {f"calcom_{name}" for name in METHODS}
    for name, tool in tools.items():
        schema = tool.tool_def.parameters_json_schema
        json.dumps(schema)
        assert len(tool.tool_def.description) > 15, name
        assert "additionalProperties" not in schema, f"{name} has arguments without a name"
        wanted = {one.name: one.default is inspect.Parameter.empty for one in parameters(name.removeprefix("calcom_"))}
        assert set(schema["properties"]) == set(wanted)
        assert set(schema.get("required", [])) == {one for one, is_required in wanted.items() if is_required}
        for argument, one in schema["properties"].items():
            assert one.get("description"), f"{name}: {argument}"
            types = list(leaves({key: value for key, value in one.items() if key != "description"}))
            assert all("type" in leaf or "anyOf" in leaf for leaf in types), f"{name}: {argument} has no type: {one}"


def call(toolset: Any, context: Any, name: str, arguments: dict[str, Any]) -> Any:
    """Call a tool as an agent does: arguments as a model writes them, validated, and the result as it reads it."""

    async def run() -> Any:
        tool = (await toolset.get_tools(context))[name]
        valid = tool.args_validator.validate_json(json.dumps(arguments))
        if tool.args_validator_func:
            tool.args_validator_func(context, **valid)
        return await toolset.call_tool(name, valid, context, tool)

    return asyncio.run(run())


def test_an_agent_reads_bookings(toolset_of: Any, context: Any, calcom: SandboxDriver) -> None:
    """Through the toolset the methods return the same as without it, as JSON."""
    hook = CalComHook()
    toolset = toolset_of(hook, allowed_methods=["list_bookings", "get_booking", "test_connection", "booking_page"])
    booking = json.loads(call(toolset, context, "get_booking", {"booking_uid": UID}))
    assert booking == hook.get_booking(booking_uid=UID)
    filters: dict[str, Any] = {
        "status": ["past"],
        "after_start": "2026-11-18T09:00:00Z",
        "before_start": "2026-11-18T11:00:00Z",
    }
    listed = json.loads(call(toolset, context, "list_bookings", filters))
    assert listed == hook.list_bookings(**filters)
    assert len(listed) > 1
    assert json.loads(call(toolset, context, "test_connection", {}))[0] is True
    with pytest.raises(CalComError):
        call(toolset, context, "get_booking", {"booking_uid": "there-is-none"})


def test_a_pinned_dry_run_can_not_be_lifted(toolset_of: Any, context: Any, calcom: SandboxDriver) -> None:
    """With ``pinned_arguments={"dry_run": True}`` an agent finds out what would change, and no call notifies anyone."""
    from pydantic_ai.exceptions import ModelRetry

    toolset = toolset_of(CalComHook(), allowed_methods=["mark_absent"], pinned_arguments={"dry_run": True})
    arguments = {"booking_uid": UID, "attendees": ["bob@example.org", {"email": "carol@example.org", "absent": False}]}
    assert json.loads(call(toolset, context, "mark_absent", arguments))["calls"] == 0
    with pytest.raises(ModelRetry, match="dry_run is fixed"):
        call(toolset, context, "mark_absent", {**arguments, "dry_run": False})
    assert calcom.writes() == []


def test_a_mark_waits_for_approval(toolset_of: Any, context: Any, calcom: SandboxDriver) -> None:
    """A call that needs approval sends nothing before; the page recommends it."""
    from pydantic_ai.exceptions import ApprovalRequired

    toolset = toolset_of(CalComHook(), allowed_methods=["mark_absent"]).approval_required()
    with pytest.raises(ApprovalRequired):
        call(toolset, context, "mark_absent", {"booking_uid": UID, "attendees": ["bob@example.org"]})
    assert calcom.calls() == []


def test_the_examples_of_the_page_run(toolset_of: Any) -> None:
    """The DAG of the page is made, with the methods that the page calls reading only; nothing is called."""
    namespace: dict[str, Any] = {"__name__": "an_example"}
    for block in blocks(PAGE):
        if block.language == "python":
            exec(compile(block.text, f"{PAGE.name}, line {block.line}", "exec"), namespace)
    assert namespace["preview"].conn_id == "calcom_default"


def test_every_method_is_on_the_page() -> None:
    """The page says of each method whether an agent may have it, and allows none in its example that writes."""
    text = PAGE.read_text(encoding="utf-8")
    assert {name for name in METHODS if f"`{name}`" not in text} == set()
    (allowed,) = re.findall(r'allowed_methods=(\["list_bookings".*?\])', text)
    (read_only,) = re.findall(r"^\| (`list_bookings`.*?) \| read \|$", text, re.MULTILINE)
    assert set(json.loads(allowed)) <= set(re.findall(r"`(\w+)`", read_only))
