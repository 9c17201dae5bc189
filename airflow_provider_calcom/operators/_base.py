"""Base class of the operators: their connection, errors that are not retried, and which fields are rendered."""

from __future__ import annotations

from abc import abstractmethod
from collections.abc import Iterable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from typing import TYPE_CHECKING, Any

from airflow.providers.common.compat.sdk import AirflowFailException, BaseOperator

from airflow_provider_calcom.errors import ProviderError

if TYPE_CHECKING:
    from airflow.providers.common.compat.sdk import Context

    from airflow_provider_calcom.hooks.calcom import CalComHook


class CalComOperator(BaseOperator):
    """An operator with a connection to Cal.com.

    A subclass sets ``calcom_conn_id`` and ``api_version`` itself, beside its other parameters, so that the signature
    of each operator lists all of its parameters. It implements :meth:`_execute` instead of ``execute``.

    Data from another task is never rendered as a template. Airflow itself renders the strings within lists and dicts
    that ``expand_kwargs(task_output)`` brings, so a guest's name, typed into a booking form, could read connections or
    run code (apache/airflow#38745, #33733).
    """

    calcom_conn_id: str
    api_version: str | None
    _filters_of_the_dag: frozenset[str] = frozenset()
    # Template fields whose parameter has another name: BaseOperator has a method dry_run.
    _parameter_of_field: Mapping[str, str] = {"is_dry_run": "dry_run"}

    def execute(self, context: Context) -> Any:
        """Run the task. Airflow retries it only after an error that is retryable.

        :param context: the task's context.
        :return: what the operator's docstring says under "Returns".
        """
        if self._has_calcom_retry_policy():
            return self._execute(context)
        with fail_without_retry():
            return self._execute(context)

    def _has_calcom_retry_policy(self) -> bool:
        """Return whether a policy fails the task as well: Airflow consults none about an AirflowFailException."""
        policy = getattr(self, "retry_policy", None)
        if policy is None:
            return False
        from airflow_provider_calcom.retries import CalComRetryPolicy

        return isinstance(policy, CalComRetryPolicy)

    @abstractmethod
    def _execute(self, context: Context) -> Any:
        """Do the operator's work and return the task's result.

        :param context: the task's context.
        """

    @property
    def hook(self) -> CalComHook:
        """Hook of the Cal.com connection."""
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
        """Render the fields as Airflow does, except that a mapped task renders only values from the DAG file.

        Airflow calls this on the unmapped operator, whose fields already hold what other tasks returned.

        :param parent: the object that has the fields: this operator, or an object that is nested in a field.
        :param template_fields: names of the fields.
        :param context: the task's context.
        :param jinja_env: Jinja's environment.
        :param seen_oids: ids of values that Airflow does not render.
        :param options: further arguments of some Airflow versions; 2.11 passes a ``session``.
        """
        task: Any = self.dag.task_dict.get(self.task_id) if self.has_dag() else self  # type: ignore[no-untyped-call]
        if parent is self and not isinstance(task, BaseOperator):  # a MappedOperator is not a BaseOperator
            template_fields = [name for name in template_fields if self._is_written_in_dag(task, name)]
            self.map_index_template = getattr(task, "map_index_template", None)  # Airflow renders it as well
            seen_oids = set()  # the remaining fields come from the DAG file, and XComArgs in them must be resolved
        super()._do_render_template_fields(parent, template_fields, context, jinja_env, seen_oids, **options)

    def _is_written_in_dag(self, mapped: Any, field: str) -> bool:
        """Return whether a field of this mapped task has its value from the DAG file; False where that is uncertain.

        :param mapped: the ``MappedOperator`` that this operator was made from, or None if it is not known.
        :param field: name of a template field.
        """
        expanded = getattr(getattr(mapped, "expand_input", None), "value", None)
        if expanded is None:
            return False
        name = self._parameter_of_field.get(field, field)
        if isinstance(expanded, Mapping) and name in expanded:  # expand(name=...)
            return not _comes_from_a_task(expanded[name])
        value = getattr(self, field)
        return any(name in source and source[name] is value for source in _dag_file_kwargs(self.dag, mapped, expanded))

    @staticmethod
    def _data_interval(context: Context, needed_by: str) -> dict[str, Any]:
        """Return the run's data interval as filters of bookings.

        :param context: the task's context.
        :param needed_by: the parameter or operator that needs it, for the error.
        :raises InvalidArgument: if the run has no data interval.
        """
        from airflow_provider_calcom.api.errors import InvalidArgument

        start, end = context.get("data_interval_start"), context.get("data_interval_end")
        if start is None or end is None or start >= end:
            raise InvalidArgument(
                f"{needed_by} needs a run with a data interval, and this run has none: Airflow 3 makes none for a plain"
                " cron schedule, or for runs that are started by hand, by the API or by an asset. Set after_start and"
                " before_start; or, for a cron, schedule the DAG by CronDataIntervalTimetable or set"
                " [scheduler] create_cron_data_intervals = True"
            )
        return {"after_start": start, "before_start": end}

    def _remember_filters(self, names: Sequence[str]) -> None:
        """Remember at construction which filters the DAG sets: after rendering, None can also be a template's result.

        :param names: parameters that choose bookings.
        """
        self._filters_of_the_dag = frozenset(name for name in names if getattr(self, name) is not None)

    def _given_filters(self, names: Sequence[str]) -> dict[str, Any]:
        """Return the filters after rendering.

        :param names: parameters that choose bookings.
        :raises InvalidArgument: naming the filter that the DAG sets and whose template, or upstream task, found
            nothing: without it all bookings would be chosen.
        """
        from airflow_provider_calcom._redact import describe
        from airflow_provider_calcom.api.errors import InvalidArgument

        filters = {name: getattr(self, name) for name in names}
        for name, value in filters.items():
            is_blank = isinstance(value, str) and value.strip() in ("", "None", "null")
            if is_blank or (value is None and name in self._filters_of_the_dag):
                raise InvalidArgument(
                    f"{name} is {describe(value)}: its template, or the task that it comes from, found nothing. Set a"
                    " value, or leave it out; if there may be no value, skip this task"
                )
        return filters


class PlanField:
    """An operator with a template field ``plan``: the result of ``PlanNoShowsOperator``, or a plan's folder.

    Of the result it keeps the folder and the hash, which is what it needs, so that its rendered page shows no more.
    """

    plan: Any

    def _do_render_template_fields(self, parent: Any, *args: Any, **options: Any) -> None:
        """Render the fields.

        :param parent: the object that has the fields: this operator, or an object that is nested in a field.
        :param args: the other arguments of the base class, which differ between versions of Airflow.
        :param options: the same.
        """
        super()._do_render_template_fields(parent, *args, **options)  # type: ignore[misc]
        if parent is self:
            self.plan = _folder_and_hash(self.plan)


def _folder_and_hash(plan: Any) -> Any:
    """Return the folder and the hash of a result, which may be the string of a dict; a path is returned as it is."""
    if isinstance(plan, str) and plan.lstrip().startswith("{"):
        from airflow_provider_calcom.operators._readers import unrendered

        plan = unrendered(plan)
    if not isinstance(plan, Mapping) or "plan_path" not in plan:
        return plan
    return {name: plan[name] for name in ("plan_path", "sha256") if name in plan}


@contextmanager
def fail_without_retry() -> Iterator[None]:
    """Let retryable errors through, and turn the others into failures that Airflow does not retry.

    The error keeps its class, so that ``except BookingNotFound`` and a failure callback see what they expect: it is
    raised as a subclass of both its class and :class:`AirflowFailException`. Wrapping it in one exception of our own
    was rejected, because it would hide the class, which says what the user can do.
    """
    try:
        yield
    except ProviderError as error:
        if error.retryable or isinstance(error, AirflowFailException):
            raise
        raise _as_failure(error).with_traceback(error.__traceback__) from error.__cause__


def _as_failure(error: Exception) -> Exception:
    kind = type(error)
    names = {"__doc__": kind.__doc__, "__module__": kind.__module__, "__reduce__": _reduce_to_original_class}
    failure_class = type(kind.__name__, (kind, AirflowFailException), names)
    failure: Exception = failure_class.__new__(failure_class, *error.args)
    failure.__dict__.update(error.__dict__)
    return failure


def _reduce_to_original_class(error: Exception) -> tuple[Any, ...]:
    """Pickle a failure as its original class: the class made at run time can't be imported."""
    return _unpickle, (type(error).__mro__[1], error.args, error.__dict__)


def _unpickle(kind: type[Exception], arguments: tuple[Any, ...], fields: dict[str, Any]) -> Exception:
    error = kind.__new__(kind, *arguments)
    error.__dict__.update(fields)
    return error


def _comes_from_a_task(value: Any) -> bool:
    """Return whether a value is an XComArg or the input of a mapped task group, not a list or dict of the DAG file."""
    return not isinstance(value, (Mapping, Sequence))


def _dag_file_kwargs(dag: Any, mapped: Any, expanded: Any) -> Iterator[Mapping[str, Any]]:
    """Yield the parameters of a mapped operator that the DAG file sets.

    :param expanded: the argument of ``expand`` or ``expand_kwargs``.
    """
    yield mapped.partial_kwargs
    group = getattr(mapped, "task_group", None)
    for holder in (mapped.partial_kwargs.get("default_args"), getattr(group, "default_args", None), dag.default_args):
        yield holder or {}
    if isinstance(expanded, Sequence):  # expand_kwargs([{...}, ...]); an entry may be another task's output
        yield from (entry for entry in expanded if isinstance(entry, Mapping))
