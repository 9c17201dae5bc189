"""Pages of an API: all of them are taken together, and a source that lacks one is refused."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest

from airflow_provider_calcom.attendance.feeds import FeedUnreadable, read_feed


def row(name: str) -> dict[str, str]:
    return {"email": f"{name}@example.com", "joined_at": "2026-01-15T10:00:00Z"}


def emails(source: Any, **options: Any) -> list[str | None]:
    return [one["email"] for one in read_feed("canonical", source, max_unreadable=0, **options)]


FIRST = {"rows": [row("amy")], "next_page_token": "Tva2"}
LAST = {"rows": [row("ben")], "next_page_token": ""}


@pytest.mark.parametrize(
    ("beside", "parameter"),
    [
        ({"next_page_token": "Tva2"}, "next_page_token says .* Fetch it with next_page_token"),
        ({"nextPageToken": "A:17"}, "nextPageToken says .* Fetch it with pageToken"),
        ({"@odata.nextLink": "https://graph.example/x?$skiptoken=1"}, r"nextLink says .*\$skiptoken"),
        ({"Link": '<https://api.example/x?max=10>; rel="next"'}, "Link says .* rel=next"),
        ({"links": {"next": "https://api.example/x"}}, r"links\.next says"),
        ({"pagination": {"hasNextPage": True}}, r"pagination\.hasNextPage says"),
        ({"has_more": True}, "has_more says"),
        ({"total_records": 2}, "total_records says that there are 2 records, and 1 came"),
        ({"totalSize": "2"}, "totalSize says .* pageToken"),
        ({"@odata.count": 2}, r"@odata\.count says .*\$skiptoken"),
    ],
)
def test_a_page_without_the_ones_that_follow_is_refused(beside: dict[str, Any], parameter: str) -> None:
    """Who is on the missing page would look absent; the error names what fetches the rest."""
    with pytest.raises(FeedUnreadable, match=parameter):
        emails({"rows": [row("amy")], **beside})


@pytest.mark.parametrize(
    "beside",
    [
        {"next_page_token": None},
        {"nextPageToken": ""},
        {"Link": '<https://api.example/x>; rel="first"'},
        {"has_more": False},
        {"total_records": 1},
        {"pagination": {"hasNextPage": False, "next": None}},
    ],
)
def test_a_last_page_is_whole(beside: dict[str, Any]) -> None:
    """What says that nothing follows refuses nothing."""
    assert emails({"rows": [row("amy")], **beside}) == ["amy@example.com"]


def test_pages_together_are_whole(tmp_path: Path) -> None:
    """In a list, in lines of one file, in several files and in a folder of them, in the order of the pages' numbers."""
    assert emails([FIRST, LAST]) == ["amy@example.com", "ben@example.com"]
    lines = tmp_path / "pages.jsonl"
    lines.write_text(json.dumps(FIRST) + "\n" + json.dumps(LAST) + "\n")
    assert len(emails(lines)) == 2
    folder = tmp_path / "pages"
    folder.mkdir()
    pages = [*[FIRST] * 9, LAST]
    paths = [folder / f"page-{number}.json" for number in range(1, 11)]
    for path, page in zip(paths, pages, strict=True):
        path.write_text(json.dumps(page))
    (folder / "_SUCCESS").write_text("")
    assert len(emails(folder)) == len(emails([str(path) for path in reversed(paths)])) == 10
    with pytest.raises(FeedUnreadable, match=r"page-9\.json"):
        emails(paths[:9])


def test_pages_of_another_request_end_nothing() -> None:
    """Two meetings' pages in one source: the one's last page is not the other's."""

    def page(meeting: int, token: str) -> dict[str, Any]:
        one = {"name": "Amy Adams", "join_time": "2026-01-15T10:00:00Z"}
        return {"meeting_id": meeting, "participants": [one], "next_page_token": token}

    with pytest.raises(FeedUnreadable, match="next_page_token"):
        list(read_feed("zoom", [page(81200001111, "x"), page(81200002222, "")]))
    rows = read_feed("zoom", [page(81200001111, "x"), page(81200002222, ""), page(81200001111, "")])
    assert len(list(rows)) == 3


def test_totals_are_those_of_all_pages() -> None:
    """They count over the pages of a request, also where the files came in another order than the pages."""
    pages = [{"rows": [row("amy")], "total_records": 3, "next_page_token": token} for token in ("x", "", "y")]
    assert len(emails(pages)) == 3
    with pytest.raises(FeedUnreadable, match="3 records, and 2 came"):
        emails(pages[:2])


def test_an_answer_with_its_headers_is_taken_apart() -> None:
    """The header Link of an answer is where Webex says that there is more."""
    whole = {"status": 200, "headers": {"link": "<https://api.example>; rel=self"}, "body": {"rows": [row("amy")]}}
    assert emails(whole) == ["amy@example.com"]
    cut = {**whole, "headers": {"link": '<https://api.example?max=1>; rel="next"'}}
    with pytest.raises(FeedUnreadable, match=r"headers\.link says"):
        emails(cut)
    assert len(emails([cut, whole])) == 2


@pytest.mark.parametrize(
    "wrapped",
    [
        {"_airbyte_raw_id": "1", "_airbyte_data": row("amy")},
        {"_AIRBYTE_RAW_ID": "1", "_AIRBYTE_DATA": json.dumps(row("amy"))},
        {"_airbyte_data": json.dumps(json.dumps(row("amy"))), "_airbyte_extracted_at": "x"},
        {"type": "RECORD", "stream": "participants", "record": row("amy"), "time_extracted": "x"},
        {"topic": "t", "partition": 1, "offset": 7, "key": None, "value": json.dumps(row("amy"))},
        {"RAW": json.dumps({"rows": [row("amy")]}), "filename": "x.json"},
        {"payload": json.dumps([row("amy")]), "received_at": "x"},
    ],
)
def test_what_loaders_put_around_a_record_is_taken_off(wrapped: dict[str, Any]) -> None:
    """As an object, or as JSON text, which may be encoded twice."""
    assert emails([wrapped]) == ["amy@example.com"]


def test_broken_json_in_a_wrapper_is_unreadable() -> None:
    """The error says what it is."""
    with pytest.raises(FeedUnreadable, match="column _airbyte_data: holds JSON that is cut or broken"):
        emails([{"_airbyte_data": '{"email": "amy@exam'}])
    with pytest.raises(FeedUnreadable, match="column _airbyte_data: holds an empty list, where a record should be"):
        emails([{"_airbyte_data": row("amy")}, {"_airbyte_data": []}])


def test_a_record_with_columns_of_its_own_is_not_a_wrapper() -> None:
    """A column of the name payload beside others that are not a loader's is the record's own."""
    assert emails([{**row("amy"), "payload": json.dumps(row("ben"))}]) == ["amy@example.com"]
