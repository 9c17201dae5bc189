"""Base class of the sensors: one check in the worker, and then a trigger, or Airflow's own pokes."""

from __future__ import annotations

from abc import abstractmethod
from collections.abc import Iterator
from contextlib import contextmanager
from datetime import timedelta
from typing import TYPE_CHECKING, Any

from airflow.providers.common.compat.sdk import (
    AirflowFailException,
    AirflowSkipException,
    BaseSensorOperator,
    PokeReturnValue,
)

from airflow_provider_calcom.errors import ProviderError
from airflow_provider_calcom.operators._base import CalComOperator, fail_without_retry

if TYPE_CHECKING:
    from airflow.providers.common.compat.sdk import Context
    from airflow.triggers.base import BaseTrigger


class CalComSensor(CalComOperator, BaseSensorOperator):
    """A sensor that can defer. A subclass sets ``deferrable`` itself, beside its other parameters.

    Airflow's parameters of sensors have their usual meaning, also where the sensor defers: ``timeout``, ``soft_fail``,
    ``never_fail`` and ``silent_fail``, which waits on after an error that is retryable.
    """

    deferrable: bool

    @abstractmethod
    def _check(self, context: Context) -> Any:
        """Return the sensor's result, or None if it has to wait.

        :param context: the task's context.
        """

    @abstractmethod
    def _trigger(self) -> BaseTrigger | None:
        """Return the trigger that waits after :meth:`_check`, or None if there can be none."""

    def poke(self, context: Context) -> PokeReturnValue:
        """Check once.

        :param context: the task's context.
        """
        with fail_without_retry():
            result = self._check(context)
        return PokeReturnValue(is_done=result is not None, xcom_value=result)

    def _execute(self, context: Context) -> Any:
        if not self._defers:
            return BaseSensorOperator.execute(self, context)
        result = None
        with self._failing_softly():
            # A first check here: a trigger that fires at once can get its task marked failed (apache/airflow#71580).
            result = self.poke(context).xcom_value
        return self._defer() if result is None else result

    @property
    def _defers(self) -> bool:
        return self.deferrable

    def _defer(self) -> None:
        trigger = self._trigger()
        if trigger is None:
            raise TypeError(f"{type(self).__name__} has no trigger for these parameters")
        self.defer(trigger=trigger, method_name="execute_complete", timeout=timedelta(seconds=self.timeout))

    def execute_complete(self, context: Context, event: Any = None) -> Any:
        """Return the result that the trigger brought, or raise its error.

        :param context: the task's context.
        :param event: the trigger's payload. If it can't be read, as after a change of versions, the sensor begins anew.
        """
        from airflow_provider_calcom.triggers._events import raise_failure

        with self._failing_softly(), fail_without_retry():
            raise_failure(event)
            result = self._result_of(event)
            if result is not None:
                return result
        with fail_without_retry():
            return self._execute(context)

    @abstractmethod
    def _result_of(self, event: Any) -> Any:
        """Return the result that an event of the trigger has, or None if it has none.

        :param event: the trigger's payload.
        """

    @contextmanager
    def _failing_softly(self) -> Iterator[None]:
        """Skip the task, or wait on, where Airflow's own loop of pokes would."""
        try:
            yield
        except AirflowSkipException:
            raise
        except ProviderError as error:
            is_final = isinstance(error, AirflowFailException)
            if self.never_fail or (self.soft_fail and is_final):
                raise AirflowSkipException("Skipped, as never_fail or soft_fail is set") from error
            if not self.silent_fail or is_final:
                raise
            self.log.error("The sensor waits on, as silent_fail is set: %s", error)
        except Exception as error:
            if not self.never_fail:
                raise
            why = type(error).__name__
            raise AirflowSkipException(f"Skipped, as never_fail is set ({why})") from None
