"""Operators that set no-show flags."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING, Any, Literal

from airflow.providers.common.compat.sdk import AirflowSkipException, BaseOperator

from airflow_provider_calcom.exceptions import without_useless_retries
from airflow_provider_calcom.links import CalComBookingLink

if TYPE_CHECKING:
    from airflow.providers.common.compat.sdk import Context

    from airflow_provider_calcom.hooks.calcom import CalComHook


class MarkAbsentOperator(BaseOperator):
    """Mark attendees, or the host, of one booking absent, or take the mark away.

    The booking is read first; only what differs is sent, in one call, and the answer is checked. So a second run
    changes nothing and sends nothing. That matters because each mark-absent call that names attendees makes Cal.com
    send webhooks, mail and SMS, changed or not.

    :param booking_uid: uid of a booking, or of one occurrence of a recurring series. (templated)
    :param attendees: any mixture of addresses, ``{"email": ..., "absent": ...}`` and Cal.com's own attendee objects,
        from XCom or templates, or a JSON text of such a list. An entry without ``absent`` means absent;
        ``absent: False`` takes the mark away. Case and white space of an address don't matter. An empty list does
        nothing. (templated)
    :param host_absent: True marks the organiser. False says that the organiser came; where the organiser is marked,
        it is refused, because Cal.com's API can't be relied on to un-mark. (templated)
    :param calcom_conn_id: id of a connection of type ``calcom``. (templated)
    :param api_version: a ``cal-api-version`` date (YYYY-MM-DD) in place of the connection's and of each call's own.
        (templated)
    :param on_unknown_attendee: what to do with an entry that fits nobody on the booking: ``fail`` before anything is
        sent, or ``skip`` it and name it in the result.
    :param on_not_started: what to do where the booking has not started by the server's clock: ``fail``, or ``skip``
        the task.
    :param allowed_statuses: statuses of bookings that may be touched; only ``accepted`` by default. Cal.com itself
        would mark people of cancelled, rejected and pending bookings too.
    :param allow_cohosts: also touch hosts of a team's booking, whom Cal.com lists among the attendees.
    :param allow_foreign_booking: also mark the host of a booking that the key's user can't list. Cal.com lets any key
        mark the host of any booking.
    :param dry_run: find out what would change, and send no writing call; the result is the same but for ``calls``,
        which is 0. (templated, as ``is_dry_run``)

    Returns ``{booking_uid, marked, unmarked, unchanged, unknown, absent_host, calls}``: addresses as the booking spells
    them (``unknown``: as given), the host's flag, and the mark-absent calls that were sent.

    :raises CalComError: one of :mod:`airflow_provider_calcom.api.errors`. Those that can't heal are also an
        ``AirflowFailException``, so that Airflow does not retry.
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

    @property
    def hook(self) -> CalComHook:
        """The hook of the connection."""
        from airflow_provider_calcom.hooks.calcom import CalComHook

        return CalComHook(calcom_conn_id=self.calcom_conn_id, api_version=self.api_version)

    def execute(self, context: Context) -> dict[str, Any]:
        """Set the flags.

        :param context: the task's context.
        """
        with without_useless_retries():
            return self._mark(context)

    def _mark(self, context: Context) -> dict[str, Any]:
        from airflow_provider_calcom.api.errors import BookingNotStarted
        from airflow_provider_calcom.api.mark_request import fail_or_skip, mark_request

        request = mark_request(
            booking_uid=self.booking_uid,
            attendees=self.attendees,
            host_absent=self.host_absent,
            on_unknown_attendee=self.on_unknown_attendee,
            allowed_statuses=self.allowed_statuses,
            allow_cohosts=self.allow_cohosts,
            allow_foreign_booking=self.allow_foreign_booking,
            dry_run=self.is_dry_run,
        )
        skips = fail_or_skip(self.on_not_started, "on_not_started") == "skip"
        try:
            with self.hook as hook:
                CalComBookingLink.persist(context, hook.booking_page(booking_uid=request.booking_uid))
                result = hook.run_mark_request(request)
        except BookingNotStarted as error:
            if skips:
                raise AirflowSkipException(str(error)) from error
            raise
        self._log_result(result, request.dry_run)
        return result

    def _log_result(self, result: dict[str, Any], dry_run: bool) -> None:
        """Say how many; who they are stands in the result, and here at DEBUG only."""
        self.log.info(
            "%s %s: marked absent %d, un-marked %d, unchanged %d, unknown %d, host absent %s, mark-absent calls %d",
            "Dry run, nothing was sent. It would be for booking" if dry_run else "Booking",
            result["booking_uid"],
            *(len(result[name]) for name in ("marked", "unmarked", "unchanged", "unknown")),
            result["absent_host"],
            result["calls"],
        )
        self.log.debug("Addresses: %s", result)
