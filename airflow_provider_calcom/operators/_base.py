"""What all our operators share: the connection that they use, and what of their fields is rendered."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping, Sequence
from typing import TYPE_CHECKING, Any

from airflow.providers.common.compat.sdk import BaseOperator

if TYPE_CHECKING:
    from airflow.providers.common.compat.sdk import Context

    from airflow_provider_calcom.hooks.calcom import CalComHook


class CalComOperator(BaseOperator):
    """An operator with a connection to Cal.com.

    A subclass sets ``calcom_conn_id`` and ``api_version`` itself, beside its other parameters, so that each operator's
    own list of parameters is whole.

    What comes from another task is data, and is never rendered as a template. Airflow itself renders the texts within
    the lists and dicts that ``expand_kwargs(task_output)`` brings, so that a guest's name, typed into a booking form,
    could read connections or run code (apache/airflow#38745, #33733).
    """

    calcom_conn_id: str
    api_version: str | None
    _filters_of_the_dag: frozenset[str] = frozenset()
    # Template fields whose parameter has another name, because BaseOperator uses theirs.
    _parameter_of_field: Mapping[str, str] = {"is_dry_run": "dry_run"}

    @property
    def hook(self) -> CalComHook:
        """The hook of the connection."""
        from airflow_provider_calcom.hooks.calcom import CalComHook

        return CalComHook(calcom_conn_id=self.calcom_conn_id, api_version=self.api_version)

    def _do_render_template_fields(
        self,
        parent: Any,
        template_fields: Iterable[str],
        context: Any,
        jinja_env: Any,
        seen_oids: set[int],
        **options: Any,
    ) -> None:
        """Render the fields as Airflow does, but of a mapped task those alone whose values the DAG file has.

        Airflow calls this on the unmapped operator, whose fields hold by now what other tasks returned.

        :param parent: the object that has the fields; this operator, or one that is nested in a field.
        :param template_fields: names of the fields.
        :param context: the task's context.
        :param jinja_env: Jinja's environment.
        :param seen_oids: ids of values that Airflow does not render.
        :param options: what else Airflow's version gives; 2.11 gives a ``session``.
        """
        task: Any = self.dag.task_dict.get(self.task_id) if self.has_dag() else self  # type: ignore[no-untyped-call]
        if parent is self and not isinstance(task, BaseOperator):  # a MappedOperator, which is none
            template_fields = [name for name in template_fields if self._is_written_in_dag(task, name)]
            self.map_index_template = getattr(task, "map_index_template", None)  # Airflow renders it as well
            seen_oids = set()  # what is left to render stands in the DAG file; XComArgs within it are to be resolved
        super()._do_render_template_fields(parent, template_fields, context, jinja_env, seen_oids, **options)

    def _is_written_in_dag(self, mapped: Any, field: str) -> bool:
        """Tell whether a field of this mapped task has its value from the DAG file. In doubt it has not.

        :param mapped: the ``MappedOperator`` that this operator was made from, or None where it is not known.
        :param field: name of a template field.
        """
        expanded = getattr(getattr(mapped, "expand_input", None), "value", None)
        if expanded is None:
            return False
        name = self._parameter_of_field.get(field, field)
        if isinstance(expanded, Mapping) and name in expanded:  # expand(name=...)
            return not _comes_from_a_task(expanded[name])
        value = getattr(self, field)
        return any(name in source and source[name] is value for source in _written_values(self.dag, mapped, expanded))

    @staticmethod
    def _data_interval(context: Context, needed_by: str) -> dict[str, Any]:
        """Return the run's data interval as filters of bookings.

        :param context: the task's context.
        :param needed_by: what of the DAG needs it, for the error.
        :raises InvalidArgument: if the run has none.
        """
        from airflow_provider_calcom.api.errors import InvalidArgument

        start, end = context.get("data_interval_start"), context.get("data_interval_end")
        if start is None or end is None or start >= end:
            raise InvalidArgument(
                f"{needed_by} needs a run with a data interval, and this one has none: Airflow 3 makes none for a plain"
                " cron schedule, and no run has one that was started by hand, by the API or by an asset. Give"
                " after_start and before_start; or, for a cron, schedule the DAG by CronDataIntervalTimetable or set"
                " [scheduler] create_cron_data_intervals = True"
            )
        return {"after_start": start, "before_start": end}

    def _remember_filters(self, names: Sequence[str]) -> None:
        """Note at construction which filters the DAG gives, because after rendering None no longer tells.

        :param names: parameters that choose bookings.
        """
        self._filters_of_the_dag = frozenset(name for name in names if getattr(self, name) is not None)

    def _given_filters(self, names: Sequence[str]) -> dict[str, Any]:
        """Return the filters after rendering.

        :param names: parameters that choose bookings.
        :raises InvalidArgument: naming the one that the DAG gives and whose template, or upstream task, found nothing:
            without it all bookings would be chosen.
        """
        from airflow_provider_calcom._redact import describe
        from airflow_provider_calcom.api.errors import InvalidArgument

        filters = {name: getattr(self, name) for name in names}
        for name, value in filters.items():
            is_blank = isinstance(value, str) and value.strip() in ("", "None", "null")
            if is_blank or (value is None and name in self._filters_of_the_dag):
                raise InvalidArgument(
                    f"{name} is {describe(value)}: its template, or the task that it comes from, found nothing. Give"
                    f" a value,"
                    " or leave it out; where there may be none, skip this task"
                )
        return filters


def _comes_from_a_task(value: Any) -> bool:
    """Tell an XComArg, or what a mapped task group gives, from a list or dict that the DAG file has."""
    return not isinstance(value, (Mapping, Sequence))


def _written_values(dag: Any, mapped: Any, expanded: Any) -> Iterator[Mapping[str, Any]]:
    """Yield the parameters of a mapped operator that stand in the DAG file.

    :param expanded: what ``expand`` or ``expand_kwargs`` was given.
    """
    yield mapped.partial_kwargs
    group = getattr(mapped, "task_group", None)
    for holder in (mapped.partial_kwargs.get("default_args"), getattr(group, "default_args", None), dag.default_args):
        yield holder or {}
    if isinstance(expanded, Sequence):  # expand_kwargs([{...}, ...]); an entry may be another task's output
        yield from (entry for entry in expanded if isinstance(entry, Mapping))
