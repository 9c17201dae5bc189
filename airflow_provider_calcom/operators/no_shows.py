"""Operators that set no-show flags."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import fields
from typing import TYPE_CHECKING, Any, Literal, NoReturn

from airflow.providers.common.compat.sdk import AirflowSkipException, conf

from airflow_provider_calcom.links import CalComBookingLink, NoShowReportLink
from airflow_provider_calcom.operators._asset_events import with_alias
from airflow_provider_calcom.operators._base import CalComOperator, PlanField, fail_without_retry
from airflow_provider_calcom.operators._lineage import LineageReporter

if TYPE_CHECKING:
    from airflow.providers.common.compat.sdk import Context

    from airflow_provider_calcom.no_shows.apply.application import Application
    from airflow_provider_calcom.no_shows.apply.result import ApplyResult
    from airflow_provider_calcom.no_shows.plan_files import Summary

_OF_LISTS = ("organization_id", "team_id", "user_id", "event_type_ids")
_BOOKING_FILTERS = ("after_start", "before_start", *_OF_LISTS)
_NOT_OF_UIDS = ("bookings", "people", "after_start", "before_start", "event_type_ids")
_CHOOSE_BOOKINGS = (*_BOOKING_FILTERS, "zone", "bookings", "people", "booking_uids")


class MarkAbsentOperator(CalComOperator):
    """Mark attendees or the host of one booking absent, or remove the mark.

    The booking is read first, only changes are sent, in one call, and the response is checked. A second run therefore
    sends nothing.

    .. warning::
        Each mark-absent call that names attendees makes Cal.com send webhooks, e-mail and SMS, also to people whose
        flag it does not change.

    :param booking_uid: uid of a booking, or of one occurrence of a recurring series. (templated)
    :param attendees: a list of addresses, ``{"email": ..., "absent": ...}`` objects and Cal.com's attendee objects,
        mixed, or a JSON string of such a list. An entry without ``absent`` means absent; ``absent: False`` removes the
        mark. Addresses are compared without case and surrounding white space. An empty list does nothing. Defaults to
        None: only the host is marked. (templated)
    :param host_absent: True marks the host. False states that the host came; it fails if the host is marked, because
        Cal.com's API does not reliably remove that mark. Defaults to None: the host's flag is not changed. (templated)
    :param calcom_conn_id: id of a connection of type ``calcom``. Defaults to ``calcom_default``. (templated)
    :param api_version: a ``cal-api-version`` date (YYYY-MM-DD). Defaults to the connection's, or else to the version
        that each call needs. (templated)
    :param on_unknown_attendee: what to do with an entry that is not an attendee of the booking: ``fail`` before
        anything is sent, or ``skip`` the entry and report it in the result. Defaults to ``fail``.
    :param on_not_started: what to do if the booking has not started by the server's clock: ``fail``, or ``skip`` the
        task. Defaults to ``fail``. With ``deferrable``, ``fail`` waits instead.
    :param allowed_statuses: statuses that the booking may have. Defaults to ``("accepted",)``. Cal.com itself also
        marks people of cancelled, rejected and pending bookings.
    :param allow_cohosts: also mark attendees who may be co-hosts of a team's booking, because they neither booked nor
        are guests of the booker. Cal.com lists co-hosts among the attendees. Defaults to False.
    :param allow_foreign_booking: also mark people of a booking that the key's user neither hosts nor administers.
        Defaults to False. Cal.com lets any key mark the host of any booking, and attendees of many foreign bookings.
    :param dry_run: report the changes without sending any. The result is that of a run, except that ``calls`` is 0.
        Defaults to False. (templated, as ``is_dry_run``)
    :param deferrable: if the booking has not started by the server's clock, wait in the triggerer until it has, and
        then read it again and mark. ``execution_timeout`` limits the wait. Defaults to Airflow's ``[operators]
        default_deferrable``.

    Returns a dict ``{booking_uid, marked, unmarked, unchanged, unknown, absent_host, calls}``. The lists have addresses
    as the booking spells them (``unknown``: as they were passed). ``absent_host`` is the host's flag afterwards, and
    ``calls`` the number of mark-absent calls that were sent.

    :raises CalComError: one of :mod:`airflow_provider_calcom.api.errors`. Errors that are not retryable are also an
        ``AirflowFailException``, so that Airflow does not retry the task.
    """

    template_fields: Sequence[str] = (
        "booking_uid",
        "attendees",
        "host_absent",
        "calcom_conn_id",
        "api_version",
        "is_dry_run",
    )
    template_fields_renderers = {"attendees": "json"}
    ui_color = "#292929"
    ui_fgcolor = "#ffffff"
    operator_extra_links = (CalComBookingLink(),)

    def __init__(
        self,
        *,
        booking_uid: str,
        attendees: Sequence[Any] | str | None = None,
        host_absent: bool | str | None = None,
        calcom_conn_id: str = "calcom_default",
        api_version: str | None = None,
        on_unknown_attendee: Literal["fail", "skip"] = "fail",
        on_not_started: Literal["fail", "skip"] = "fail",
        allowed_statuses: Sequence[str] = ("accepted",),
        allow_cohosts: bool = False,
        allow_foreign_booking: bool = False,
        dry_run: bool | str = False,
        deferrable: bool = conf.getboolean("operators", "default_deferrable", fallback=False),
        **kwargs: Any,
    ) -> None:
        super().__init__(**kwargs)
        self.booking_uid = booking_uid
        self.attendees = attendees
        self.host_absent = host_absent
        self.calcom_conn_id = calcom_conn_id
        self.api_version = api_version
        self.on_unknown_attendee = on_unknown_attendee
        self.on_not_started = on_not_started
        self.allowed_statuses = allowed_statuses
        self.allow_cohosts = allow_cohosts
        self.allow_foreign_booking = allow_foreign_booking
        self.is_dry_run = dry_run  # BaseOperator has a method dry_run, which Airflow's own --dry-run calls.
        self.deferrable = deferrable

    def _execute(self, context: Context) -> dict[str, Any]:
        from airflow_provider_calcom._rendered import choice
        from airflow_provider_calcom.api.arguments import parse_argument
        from airflow_provider_calcom.api.errors import BookingNotStarted
        from airflow_provider_calcom.api.mark_request import MarkRequest

        options = {one.name: getattr(self, one.name) for one in fields(MarkRequest) if one.name != "dry_run"}
        request = MarkRequest.parse(**options, dry_run=self.is_dry_run)
        skips = parse_argument("on_not_started", choice, self.on_not_started, "fail", "skip") == "skip"
        try:
            with self.hook as hook:
                CalComBookingLink.persist(context, self, hook.booking_page(booking_uid=request.booking_uid))
                result = hook.run_mark_request(request)
        except BookingNotStarted as error:
            if skips:
                raise AirflowSkipException(str(error)) from error
            if not self.deferrable:
                raise
            self.log.info("Waiting for the start of the booking: %s", error)
            self._wait_for_start(request.booking_uid)
        self._log_result(result, request.dry_run)
        return result

    def _wait_for_start(self, booking_uid: str) -> NoReturn:
        """Defer until the booking has started, or will not: then the task finds out what to do."""
        from airflow_provider_calcom.triggers.bookings import BookingsTrigger

        trigger = BookingsTrigger(
            bookings={booking_uid: None},
            moment="start",
            on_cancelled="succeed",
            on_rescheduled="succeed",
            calcom_conn_id=self.calcom_conn_id,
            api_version=self.api_version,
        )
        self.defer(trigger=trigger, method_name="execute_complete", timeout=self.execution_timeout)
        raise AssertionError("defer raises an exception")

    def execute_complete(self, context: Context, event: Any = None) -> dict[str, Any]:
        """Read the booking again and mark, after the wait; or wait on, if it was moved.

        :param context: the task's context.
        :param event: what the trigger found. Only an error in it counts: the booking is read again before any write.
        """
        from airflow_provider_calcom.triggers._events import raise_failure

        with fail_without_retry():
            raise_failure(event)
            return self._execute(context)

    def _log_result(self, result: dict[str, Any], dry_run: bool) -> None:
        """Log the counts at INFO. Addresses are in the result, and in the log at DEBUG only."""
        self.log.info(
            "%s %s: marked absent %d, un-marked %d, unchanged %d, unknown %d, host absent %s, mark-absent calls %d",
            "Dry run, nothing was sent. It would be for booking" if dry_run else "Booking",
            result["booking_uid"],
            *(len(result[name]) for name in ("marked", "unmarked", "unchanged", "unknown")),
            result["absent_host"],
            result["calls"],
        )
        self.log.debug("Identities: %s", result)


class PlanNoShowsOperator(LineageReporter, CalComOperator):
    """Decide who was absent, and write a plan of the no-show flags to change. Nothing is written to Cal.com.

    The plan is a folder: ``plan.jsonl`` (one change per line), ``decisions.parquet`` (every participant, with the
    reason), ``held-back.jsonl``, ``summary.json`` (policy, counts, guard rails, hash) and ``report.html``, which shows
    who and why and which the task links to. A person can read, approve or discard it. An uncertain decision is
    ``undetermined``, never ``absent``. If a guard rail fails, the task fails after the report was written. A second run
    replaces the whole plan.

    A string that a template rendered from a list, an object, a number or a boolean is parsed as that value. Airflow
    stores and shows rendered parameters and XCom: to keep addresses out of them, pass a path or SQL instead of rows.

    :param attendance: the attendance data. One feed or a list of feeds, as ``{"feed": "zoom", "path": ...}``: ``path``
        is a file, a list of files, or a pattern with ``*``. Instead of ``path`` a feed has ``rows`` (from XCom), or
        ``sql`` with ``conn_id``. ``options`` are the feed's. ``{"feed": "cal_video"}`` alone fetches sessions from
        Cal.com, with one call for each booking in Cal Video that the other feeds leave undecided; ``sessions_path`` is
        a folder in which they are kept for later runs, and ``unfetched`` is ``fail`` or ``undetermined``. Several feeds
        are complete only until the earliest of their ends. Or the table ``attendance`` of
        docs/reference/attendance-tables.md: a path, a list of paths, rows, or ``{"table": "schema.name"}`` on
        ``rules_conn_id``. (templated)
    :param plan_path: the folder of the plan: a path, or a URL of Airflow's object storage. (templated)
    :param policy: fields of the attendance policy, as a dict or JSON. Defaults to the default policy. (templated)
    :param guard_rails: limits beyond which the plan is rejected, as a dict or JSON. Defaults to the default limits.
        (templated)
    :param bookings: a file that ``ListBookingsOperator`` wrote, its result, or rows of Cal.com's bookings; with
        ``people``, the table ``bookings`` as a path, a list of paths, rows, or ``{"table": ...}``. Defaults to None:
        the bookings are read from Cal.com. (templated)
    :param people: the table ``people``, in the forms of ``bookings``. Used only if ``bookings`` is a table. (templated)
    :param after_start: only bookings that start at this time or later: ISO 8601 with ``Z`` or an offset, or a date,
        which means the beginning of that day in ``zone``. Without ``after_start`` and ``before_start``, bookings that
        start within the run's data interval, its end excluded. (templated)
    :param before_start: only bookings that start before this time. (templated)
    :param booking_uids: decide on these bookings alone: a list of at most 5,000 uids, one uid, or the result of
        ``BookingEndedSensor``; for instance of events. Those that Cal.com does not return are left out. Not together
        with other filters. (templated)
    :param organization_id: decide on the bookings of this organisation. Defaults to the bookings of the key's user.
        (templated)
    :param team_id: decide on the bookings of this team. (templated)
    :param user_id: decide on the bookings of this member of ``organization_id``. (templated)
    :param event_type_ids: decide only on bookings of these event types. (templated)
    :param conference_patterns: regular expressions that find the conference key in a booking's location. Defaults to
        the patterns of the known feeds alone.
    :param protect_cohosts: do not decide on co-hosts, whom Cal.com lists among the attendees of a team's booking:
        people who neither booked nor are guests of the booker. Tables of bookings and people do not show them.
        Defaults to True.
    :param include_attended: also decide on bookings that the key's user only attends, which Cal.com lists among the
        user's own. Ignored for tables and for lists of an organisation or a team. Defaults to False.
    :param plan_addresses: ``plain``, or ``hashed``: all files of the plan, and the outcomes beside it, then have hashes
        instead of addresses, whose key is the connection's extra field ``ledger_secret``. A person can't read in such a
        plan who will be marked. Defaults to ``plain``.
    :param zone: the time zone, such as ``Europe/Berlin``, of times without an offset in files of the rules' tables, and
        of dates in ``after_start`` and ``before_start``. Defaults to None: such times are rejected, and dates are days
        in UTC. (templated)
    :param correct: which marks are removed from attendees who came: ``ledger`` for marks that this provider wrote,
        ``all``, or ``none``. Defaults to ``ledger``. (templated)
    :param ledger_path: the folder in which ``ApplyNoShowsOperator`` records its writes. The ledger shows which marks
        this provider wrote, and which flags a person changed after that. Defaults to the connection's own folder below
        ``AIRFLOW_HOME``. (templated)
    :param force: also plan changes of flags that a person set by hand after our last write. Defaults to False.
        (templated)
    :param rules_conn_id: run the rules on this SQL connection. ``decisions.parquet`` then has only bookings with a
        change. Defaults to None: the rules run on the worker. (templated)
    :param scratch_schema: the schema for scratch tables, on a server without temporary tables. (templated)
    :param storage_conn_id: id of the object storage's connection, if paths need one. (templated)
    :param calcom_conn_id: id of a connection of type ``calcom``. If neither bookings nor attendance come from Cal.com,
        it is only used to find the ledger, and the connection need not exist. Defaults to ``calcom_default``.
        (templated)
    :param api_version: a ``cal-api-version`` date (YYYY-MM-DD). Defaults to the connection's, or else to the version
        that each call needs. (templated)
    :param memory_limit: the memory that the rules may use on the worker before they use the disk. Defaults to ``2GB``.
    :param threads: threads of the rules on the worker. Defaults to one for each core.
    :param mask_addresses: mask addresses and names in ``report.html``. ``ApplyNoShowsOperator`` writes the report
        anew: set it there, too. Defaults to False. (templated)

    Returns a dict ``{plan_path, state, changes, outcomes, held_back, guard_rails, sha256}`` of counts, without
    addresses.

    :raises PlanRefused: if a guard rail fails, with its figure and limit.
    :raises InvalidArgument: naming the invalid parameter, before any call.
    :raises InputMissing: if a file does not exist. Airflow retries the task, because reports come late.
    :raises AttendanceError: one of :mod:`airflow_provider_calcom.attendance.errors`, or of the feeds, naming the file,
        row and column. Errors that are not retryable are also an ``AirflowFailException``, so that Airflow does not
        retry the task.
    :raises CalComError: if the bookings can't be read.
    """

    template_fields: Sequence[str] = (
        "attendance",
        "plan_path",
        "policy",
        "guard_rails",
        "bookings",
        "people",
        *_BOOKING_FILTERS,
        "booking_uids",
        "zone",
        "correct",
        "ledger_path",
        "force",
        "rules_conn_id",
        "scratch_schema",
        "storage_conn_id",
        "calcom_conn_id",
        "api_version",
        "mask_addresses",
    )
    template_fields_renderers = {"attendance": "json", "policy": "json", "guard_rails": "json"}
    ui_color = "#d1fae5"
    operator_extra_links = (NoShowReportLink(),)

    def __init__(
        self,
        *,
        attendance: Any,
        plan_path: str,
        policy: Mapping[str, Any] | str | None = None,
        guard_rails: Mapping[str, Any] | str | None = None,
        bookings: Any = None,
        people: Any = None,
        after_start: str | None = None,
        before_start: str | None = None,
        booking_uids: Sequence[str] | Mapping[str, Any] | str | None = None,
        organization_id: int | str | None = None,
        team_id: int | str | None = None,
        user_id: int | str | None = None,
        event_type_ids: Sequence[int] | str | None = None,
        conference_patterns: Sequence[str] = (),
        protect_cohosts: bool = True,
        include_attended: bool = False,
        plan_addresses: Literal["plain", "hashed"] = "plain",
        zone: str | None = None,
        correct: Literal["ledger", "all", "none"] | str = "ledger",
        ledger_path: str | None = None,
        force: bool | str = False,
        rules_conn_id: str | None = None,
        scratch_schema: str | None = None,
        storage_conn_id: str | None = None,
        calcom_conn_id: str = "calcom_default",
        api_version: str | None = None,
        memory_limit: str = "2GB",
        threads: int | None = None,
        mask_addresses: bool | str = False,
        **kwargs: Any,
    ) -> None:
        super().__init__(**kwargs)
        self.attendance = attendance
        self.plan_path = plan_path
        self.policy = policy
        self.guard_rails = guard_rails
        self.bookings = bookings
        self.people = people
        self.after_start = after_start
        self.before_start = before_start
        self.booking_uids = booking_uids
        self.organization_id = organization_id
        self.team_id = team_id
        self.user_id = user_id
        self.event_type_ids = event_type_ids
        self.conference_patterns = conference_patterns
        self.protect_cohosts = protect_cohosts
        self.include_attended = include_attended
        self.plan_addresses = plan_addresses
        self.zone = zone
        self.correct = correct
        self.ledger_path = ledger_path
        self.force = force
        self.rules_conn_id = rules_conn_id
        self.scratch_schema = scratch_schema
        self.storage_conn_id = storage_conn_id
        self.calcom_conn_id = calcom_conn_id
        self.api_version = api_version
        self.memory_limit = memory_limit
        self.threads = threads
        self.mask_addresses = mask_addresses
        self._remember_filters(_CHOOSE_BOOKINGS)

    def _execute(self, context: Context) -> dict[str, Any]:
        from airflow_provider_calcom.attendance.errors import PlanRefused
        from airflow_provider_calcom.no_shows.plan_files import read_summary
        from airflow_provider_calcom.no_shows.planner import plan_no_shows
        from airflow_provider_calcom.operators._lineage import plan_lineage
        from airflow_provider_calcom.operators._plan_parameters import plan_request
        from airflow_provider_calcom.operators._readers import flag_of
        from airflow_provider_calcom.operators._report import write_and_link_report
        from airflow_provider_calcom.operators._task import keep_failed_result

        masks = flag_of("mask_addresses", self.mask_addresses)
        with self.hook as hook:
            request = plan_request(vars(self), self._filters(context), hook)
            try:
                summary = plan_no_shows(request, hook)
            except PlanRefused:
                write_and_link_report(context, self, request.plan, mask_addresses=masks)
                keep_failed_result(context, lambda: self._counts(read_summary(request.plan)))
                raise
        self._report_lineage(hook, lambda: plan_lineage(request, hook, self.rules_conn_id))
        write_and_link_report(context, self, request.plan, mask_addresses=masks)
        return self._result(summary)

    def _filters(self, context: Context) -> dict[str, Any]:
        """Return the filters of the bookings to request: the data interval, unless bounds are set."""
        given = self._given_filters(_CHOOSE_BOOKINGS)
        if self.booking_uids is not None:
            self._check_uids_are_alone(given)
            return {name: given[name] for name in ("organization_id", "team_id", "user_id")}
        filters = {name: given[name] for name in (*_BOOKING_FILTERS, "zone")}
        if self.bookings is not None:
            self._check_no_list_is_chosen(given)
            return {}
        if self.after_start is not None or self.before_start is not None:
            return filters
        return {**filters, **self._data_interval(context, "PlanNoShowsOperator without after_start and before_start")}

    @staticmethod
    def _check_uids_are_alone(given: Mapping[str, Any]) -> None:
        from airflow_provider_calcom.api.errors import InvalidArgument

        for name in _NOT_OF_UIDS:
            if given[name] is not None:
                raise InvalidArgument(
                    f"booking_uids is set together with {name}, but names the bookings to decide on. Omit one of them"
                )

    @staticmethod
    def _check_no_list_is_chosen(given: Mapping[str, Any]) -> None:
        from airflow_provider_calcom.api.errors import InvalidArgument

        for name in _OF_LISTS:
            if given[name] is not None:
                raise InvalidArgument(
                    f"{name} is set together with bookings, but it filters only Cal.com's lists. Leave {name} out, and"
                    " pass only the bookings to decide on"
                )

    def _result(self, summary: Summary) -> dict[str, Any]:
        from airflow_provider_calcom._redact import shown_path
        from airflow_provider_calcom.no_shows.plan import format_plan

        self.log.info("Plan %s\n%s", shown_path(self.plan_path), format_plan(summary))
        return self._counts(summary)

    def _counts(self, summary: Summary) -> dict[str, Any]:
        return {
            "plan_path": str(self.plan_path),
            "state": summary["state"],
            "changes": summary["changes"],
            "outcomes": summary["outcomes"],
            "held_back": summary["held_back"],
            "guard_rails": summary["guard_rails"],
            "sha256": summary["sha256"],
        }


class ApplyNoShowsOperator(LineageReporter, PlanField, CalComOperator):
    """Apply a plan of no-show flags: each real change once, as fast as Cal.com's rate limit allows.

    The flags are read again first, in pages. Flags that are already set are skipped. The others are sent with one call
    per booking, each response is checked, and each write is recorded in the ledger before and after it. If a run is
    killed, the next attempt continues: it reads before it writes, so that no change is lost or made twice.

    .. warning::
        Each mark-absent call that names attendees makes Cal.com send webhooks, e-mail and SMS. Review the plan, or its
        ``dry_run``, before it is applied.

    :param plan: the folder of a plan, or the result of ``PlanNoShowsOperator``. With a result, the folder must still
        have the plan with that hash. (templated)
    :param calcom_conn_id: id of a connection of type ``calcom``. Defaults to ``calcom_default``. (templated)
    :param ledger_path: the folder of the ledger: a path, or a URL of Airflow's object storage. Defaults to the
        connection's own folder below ``AIRFLOW_HOME``, which only tasks on the same machine see. (templated)
    :param ledger_addresses: ``plain``, or ``hashed``: the ledger has hashes instead of addresses, whose key is the
        connection's extra field ``ledger_secret``. Defaults to ``plain``.
    :param concurrency: bookings that are written at the same time, 1 to 64, within Cal.com's rate limit. Defaults to 8.
        (templated)
    :param dry_run: report what would be done, and write neither to Cal.com nor to the ledger. Defaults to False.
        (templated, as ``is_dry_run``)
    :param max_changes: reject a plan with more changes. Defaults to no limit. (templated)
    :param on_error: ``continue`` with the other changes after a failure, or ``stop``. The task fails at the end in both
        cases. Defaults to ``continue``.
    :param claim_timeout: seconds to wait while another run applies the same plan, or a plan with one of the same
        bookings, with the same ledger. Then this run skips what that one applied. Defaults to 3600. (templated)
    :param expected_hash: the sha256 of the approved plan; another plan is rejected. Defaults to the hash of the result
        passed as ``plan``, if any. (templated)
    :param organization_id: read the flags from the bookings of this organisation. Bookings that are not in the list are
        read one by one. Defaults to the bookings of the key's user. (templated)
    :param team_id: read the flags from the bookings of this team. (templated)
    :param user_id: read the flags from the bookings of this member of ``organization_id``. (templated)
    :param allow_cohosts: also mark attendees who may be co-hosts, see ``MarkAbsentOperator``. Defaults to False.
    :param allow_foreign_booking: also mark people of bookings that the key's user neither hosts nor administers.
        Defaults to False.
    :param skip_if_nothing_to_do: skip the task if there was nothing to change. Defaults to False: it succeeds.
    :param storage_conn_id: id of the object storage's connection, if paths need one. (templated)
    :param api_version: a ``cal-api-version`` date (YYYY-MM-DD). Defaults to the connection's, or else to the version
        that each call needs. (templated)
    :param mask_addresses: mask addresses and names in the plan's ``report.html``, which is written anew with the
        outcomes, whatever the plan's task had chosen. Defaults to False. (templated)

    Returns a dict ``{plan_path, sha256, dry_run, changes, bookings, outcomes, marked, unmarked, calls, outcomes_path,
    ledger_path}`` without addresses. ``outcomes`` counts the changes: ``applied``; ``already`` set;
    ``unknown_attendee``, no longer on the booking; ``not_permitted``; ``not_started``; ``moved`` to another time than
    the plan's; ``gone``, such as cancelled bookings; ``human_override``, changed by a person after our last write;
    ``failed``. ``outcomes.jsonl`` beside the plan lists all of them, one per line. ``marked`` and ``unmarked`` count
    the flags that were set and removed, also by earlier attempts of the task.

    If there are any, the task also makes one event of the asset ``calcom://no-shows/<calcom_conn_id>``, with these
    counts, the plan's path and its hash: see :func:`airflow_provider_calcom.assets.no_shows_asset`.

    :raises ChangesFailed: at the end, if changes failed or were not permitted.
    :raises PlanRefused: if a guard rail rejected the plan.
    :raises PlanHashMismatch: if the plan is not the expected one.
    :raises TooManyChanges: if it has more than ``max_changes``.
    :raises CorruptPlan: if its files are not as they were written.
    :raises AlreadyApplying: if the other run had not ended after ``claim_timeout``.
    :raises ClaimLost: if the storage of the ledger could not be reached for a minute; another run may write then.
    :raises LedgerNotWritten: if the ledger can't be written; then nothing is written to Cal.com either.
    :raises CalComError: if no booking can be read, the key is not valid any more, or Cal.com can't be reached.
    """

    template_fields: Sequence[str] = (
        "plan",
        "calcom_conn_id",
        "ledger_path",
        "concurrency",
        "is_dry_run",
        "max_changes",
        "claim_timeout",
        "expected_hash",
        "organization_id",
        "team_id",
        "user_id",
        "storage_conn_id",
        "api_version",
        "mask_addresses",
    )
    template_fields_renderers = {"plan": "json"}
    ui_color = "#292929"
    ui_fgcolor = "#ffffff"
    operator_extra_links = (NoShowReportLink(),)

    def __init__(
        self,
        *,
        plan: Any,
        calcom_conn_id: str = "calcom_default",
        ledger_path: str | None = None,
        ledger_addresses: Literal["plain", "hashed"] = "plain",
        concurrency: int | str = 8,
        dry_run: bool | str = False,
        max_changes: int | str | None = None,
        on_error: Literal["continue", "stop"] = "continue",
        claim_timeout: int | str = 3600,
        expected_hash: str | None = None,
        organization_id: int | str | None = None,
        team_id: int | str | None = None,
        user_id: int | str | None = None,
        allow_cohosts: bool = False,
        allow_foreign_booking: bool = False,
        skip_if_nothing_to_do: bool = False,
        storage_conn_id: str | None = None,
        api_version: str | None = None,
        mask_addresses: bool | str = False,
        **kwargs: Any,
    ) -> None:
        super().__init__(**kwargs)
        self.plan = plan
        self.calcom_conn_id = calcom_conn_id
        self.ledger_path = ledger_path
        self.ledger_addresses = ledger_addresses
        self.concurrency = concurrency
        self.is_dry_run = dry_run  # as in MarkAbsentOperator
        self.max_changes = max_changes
        self.on_error = on_error
        self.claim_timeout = claim_timeout
        self.expected_hash = expected_hash
        self.organization_id = organization_id
        self.team_id = team_id
        self.user_id = user_id
        self.allow_cohosts = allow_cohosts
        self.allow_foreign_booking = allow_foreign_booking
        self.skip_if_nothing_to_do = skip_if_nothing_to_do
        self.storage_conn_id = storage_conn_id
        self.api_version = api_version
        self.mask_addresses = mask_addresses
        self.outlets = with_alias(self.outlets)
        self._application: Application | None = None

    def _execute(self, context: Context) -> dict[str, Any]:
        from airflow_provider_calcom.api.client import AsyncCalComClient
        from airflow_provider_calcom.no_shows.apply.application import Application
        from airflow_provider_calcom.operators._apply_parameters import apply_request
        from airflow_provider_calcom.operators._asset_events import add_no_shows_event
        from airflow_provider_calcom.operators._lineage import apply_lineage
        from airflow_provider_calcom.operators._readers import flag_of
        from airflow_provider_calcom.operators._report import link_report
        from airflow_provider_calcom.operators._task import TaskState, keep_failed_result, task_run

        skips = flag_of("skip_if_nothing_to_do", self.skip_if_nothing_to_do)
        masks = flag_of("mask_addresses", self.mask_addresses)
        hook = self.hook
        settings = hook.settings  # read here: the thread of the event loop can't get connections from Airflow
        request = apply_request({**vars(self), "dry_run": self.is_dry_run}, hook, task_run(context))
        link_report(context, self, request.plan)
        self._application = Application(request, lambda: AsyncCalComClient(settings), progress_store=TaskState(context))
        try:
            result = self._run(self._application, request.plan, masks)
        except Exception:
            keep_failed_result(context, lambda: self._application and self._application.result)
            raise
        finally:
            if self._application.has_outcomes:
                self._report_lineage(hook, lambda: apply_lineage(request, hook))
        if skips and not result["marked"] + result["unmarked"] + result["outcomes"].get("would_apply", 0):
            raise AirflowSkipException("There was nothing to change")
        add_no_shows_event(context, hook.calcom_conn_id, result)
        return dict(result)

    def _run(self, application: Application, folder: Any, masks: bool) -> ApplyResult:
        """Apply the plan, and write its report anew once there are outcomes, also if changes failed."""
        from airflow_provider_calcom.operators._report import write_report

        try:
            return application.run(lambda progress: self.log.info("Applying: %s", progress))
        finally:
            if application.has_outcomes:
                write_report(folder, mask_addresses=masks)

    def on_kill(self) -> None:
        """Stop accepting work, and let requests in flight finish."""
        if self._application is not None:
            self._application.stop()
