"""Rate limits, with the sandbox's clock moved by hand."""

from typing import Any

from tests.sandbox.conftest import Client


def _limits(response: Any, name: str = "default") -> tuple[int, ...]:
    words = ("limit", "remaining", "reset")
    return tuple(int(response.headers[f"x-ratelimit-{word}-{name}"]) for word in words)


def test_the_call_after_the_limit_is_blocked_for_a_minute(newest: Client) -> None:
    """429 without Retry-After; Reset is the whole block, which ends after sixty seconds."""
    responses = [newest.get("/v2/me") for _ in range(121)]
    assert [response.status_code for response in responses[-2:]] == [200, 429]
    assert (_limits(responses[0]), _limits(responses[-2])[:2]) == ((120, 119, 60), (120, 0))
    assert _limits(responses[-1]) == (120, 0, 60)
    assert "retry-after" not in responses[-1].headers
    error = responses[-1].json()["error"]
    assert (error["code"], error["details"]) == ("ThrottlerException", error["message"])
    newest.post("/_sandbox/clock", json={"advance": 58})
    assert newest.get("/v2/me").status_code == 429
    newest.post("/_sandbox/clock", json={"advance": 2})
    assert _limits(newest.get("/v2/me"))[0] == 120


def test_a_blocked_write_writes_nothing() -> None:
    """429 comes before the handler, so a retry is safe."""
    client = Client(rate_limit=(1, 60))
    client.get("/v2/me")
    assert client.mark("sandbox-yesterday-1", {"host": True}).status_code == 429
    assert client.flags("sandbox-yesterday-1")[0] is False


def test_a_key_with_two_limits_is_blocked_when_both_are_over(newest: Client) -> None:
    """Exceeding 3 in 10 s alone does not block; exceeding 5 in 60 s blocks for 30 s."""
    headers = {"Authorization": "Bearer cal_sandbox_tiered"}
    responses = [newest.get("/v2/me", headers=headers) for _ in range(6)]
    assert [response.status_code for response in responses] == [200] * 5 + [429]
    assert [_limits(response, "short")[1] for response in responses] == [2, 1, 0, 0, 0, 0]
    assert _limits(responses[5], "long") == (5, 0, 30)


def test_keys_tokens_and_addresses_have_counters_of_their_own(newest: Client) -> None:
    """A second key of the same user has its own counter; a token that is not a key has a limit of 500."""
    newest.get("/v2/me")
    other = {"Authorization": "Bearer cal_sandbox_other"}
    assert _limits(newest.get("/v2/me", headers=other))[:2] == (120, 119)
    assert _limits(newest.get("/v2/me", headers={"Authorization": "Bearer x"}))[:2] == (500, 499)
    newest.headers.pop("Authorization")
    assert _limits(newest.get("/v2/me"))[:2] == (120, 119)


def test_the_default_limit_can_be_set() -> None:
    """As `--rate-limit 2/5` does."""
    client = Client(rate_limit=(2, 5))
    assert [client.get("/v2/me").status_code for _ in range(3)] == [200, 200, 429]


def test_the_block_of_the_default_limit_can_be_set() -> None:
    """As `--rate-limit 2/60/5` does: Reset of the third call is five seconds, not sixty."""
    client = Client(rate_limit=(2, 60, 5))
    responses = [client.get("/v2/me") for _ in range(3)]
    assert _limits(responses[-1]) == (2, 0, 5)
    client.post("/_sandbox/clock", json={"advance": 4})
    assert client.get("/v2/me").status_code == 429
    client.post("/_sandbox/clock", json={"advance": 57})
    assert client.get("/v2/me").status_code == 200


def test_a_window_ends_by_itself(newest: Client) -> None:
    """A minute after its first call the count is full again."""
    newest.get("/v2/me")
    newest.post("/_sandbox/clock", json={"advance": 61})
    assert _limits(newest.get("/v2/me"))[:2] == (120, 119)
