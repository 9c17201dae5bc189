"""A notifier for callbacks of DAGs and tasks, which hands its message to one of Airflow's own notifiers."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import TYPE_CHECKING, Any, Literal

from airflow.providers.common.compat.sdk import BaseNotifier

from airflow_provider_calcom.notifications._wrapped import WrappedNotifier, checked_fields

if TYPE_CHECKING:
    from airflow.providers.common.compat.sdk import Context

    from airflow_provider_calcom.reports.messages import Message

_ONLY_WHEN = ("always", "changes", "problems")


class NoShowNotifier(BaseNotifier):
    """Send one message about a plan, or about changes that were applied, through another notifier.

    The message has the counts, the guard rails that failed, the changes that failed, the error of a failed task, the
    DAG, task and run, and a link to the report. It has no name, no address and no key.

    A callback of a task is about the result of that task. A callback of a DAG is about the results of the DAG's
    ``ApplyNoShowsOperator``, or, if these have none, of its ``PlanNoShowsOperator``. Without a result, as after a task
    that failed early, the message says so, with the error.

    The other notifier's templates can use ``{{ no_shows.title }}``, ``{{ no_shows.text }}`` and
    ``{{ no_shows.html }}``. If they use none of them, its fields are filled: see ``fields``.

    Deadline alerts are not supported: Airflow calls them without the run's context.

    :param notifier: the notifier that sends: an object such as ``SlackNotifier(channel="#ops")``; a class, or the
        import path of one, which is then imported when there is something to send; or any callable of the context.
    :param notifier_kwargs: parameters of the class. Only for a class or an import path.
    :param fields: which fields of the notifier get which part of the message, such as ``{"text": "text"}``. The parts
        are ``title``, ``text`` and ``html``. Defaults to the fields of this kind that Airflow's notifiers have:
        ``text``, ``message``, ``message_body`` and ``body`` get the text, ``html_content`` the HTML, and ``subject``,
        ``title`` and ``summary`` the title, unless you set it. An empty dict fills none.
    :param plan_task_id: the task that makes the plan. Defaults to what the paragraph above says.
    :param apply_task_id: the task that applies it. Defaults likewise.
    :param only_when: ``always``; ``changes``, if there are changes or problems; or ``problems``, if a guard rail
        rejected the plan, changes failed, or the task or run did. Defaults to ``always``.
    :param base_url: the root URL of Airflow's web server, for the link to the report. Defaults to ``[api] base_url``;
        without either there is no link.
    :param kwargs: of Airflow's ``BaseNotifier``.

    :raises InvalidArgument: naming the invalid parameter.
    """

    def __init__(
        self,
        notifier: Callable[[Any], Any] | type | str,
        notifier_kwargs: Mapping[str, Any] | None = None,
        *,
        fields: Mapping[str, str] | None = None,
        plan_task_id: str | None = None,
        apply_task_id: str | None = None,
        only_when: Literal["always", "changes", "problems"] = "always",
        base_url: str | None = None,
        **kwargs: Any,
    ) -> None:
        super().__init__(**kwargs)
        self.notifier = WrappedNotifier(notifier, notifier_kwargs, checked_fields(fields))
        self.plan_task_id = plan_task_id
        self.apply_task_id = apply_task_id
        self.only_when = only_when
        self.base_url = base_url
        self._check()

    def _check(self) -> None:
        from airflow_provider_calcom._redact import describe
        from airflow_provider_calcom.api.errors import InvalidArgument

        if self.only_when not in _ONLY_WHEN:
            known = ", ".join(_ONLY_WHEN)
            raise InvalidArgument(f"only_when must be one of {known}, but is {describe(self.only_when)}")
        if self.base_url is not None and not str(self.base_url).startswith(("https://", "http://")):
            raise InvalidArgument(f"base_url must begin with https:// or http://, but is {describe(self.base_url)}")

    def notify(self, context: Context) -> None:
        """Send the message, unless ``only_when`` leaves it out.

        :param context: of the callback.
        """
        message = self.message(context)
        if not self._is_wanted(message):
            self.log.info("Nothing is sent: there are no %s", self.only_when)
            return
        self.notifier.send(context, message)

    def message(self, context: Context) -> Message:
        """Return the message for a callback.

        :param context: of the callback.
        """
        from airflow_provider_calcom.configuration import absolute_report_url
        from airflow_provider_calcom.notifications._runs import about_run, has_failed, results_of
        from airflow_provider_calcom.reports.messages import message, words_of

        results = results_of(context, plan_task_id=self.plan_task_id, apply_task_id=self.apply_task_id)
        found = [words for words in map(words_of, results) if words is not None]
        plans = {words.plan_path for words in found}
        report = absolute_report_url(plans.pop(), self.base_url) if len(plans) == 1 else None
        return message(found, about=about_run(context), report=report, failed=has_failed(context))

    def _is_wanted(self, message: Message) -> bool:
        wanted = message.has_problem or (message.has_changes and self.only_when == "changes")
        return wanted or self.only_when == "always"
