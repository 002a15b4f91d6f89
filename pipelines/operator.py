"""The operator of a step: KubernetesPodOperator, with what it gets wrong for a step that must not be lost or doubled.

It is durable, not deferrable: the pod's identity is kept in the task state store, so that a retry takes up a running
pod; deferring would hand each step through the scheduler twice more, and that costs seconds per step.
"""

import time
from collections.abc import Mapping, Sequence
from contextlib import suppress
from functools import cached_property
from typing import TYPE_CHECKING, Any

from airflow.providers.cncf.kubernetes.operators.pod import KubernetesPodOperator
from airflow.sdk import Asset, AssetAlias, BaseOperator, BaseOperatorLink
from airflow.sdk.exceptions import AirflowException, AirflowFailException
from kubernetes.client import models as k8s
from opentelemetry.trace.propagation.tracecontext import TraceContextTextMapPropagator

from molino.contracts.errors import NOT_AGAIN
from pipelines.links import airflow_link, mlflow_link, read_summary, tensorboard_link
from pipelines.pod_end import PodEnd
from pipelines.pod_spec import but_given, given_pod, mounts_of, variables_of, volumes_of
from pipelines.pods import CHANGES, MODEL_LABEL, RUN_LABEL, STEP_LABEL, PodSettings, StepPod, literal

if TYPE_CHECKING:
    from airflow.sdk import Context
    from airflow.sdk.types import TaskInstanceKey

RUN_TEMPLATE = "{{ molino_run_id(dag_run, params, triggering_asset_events) }}"
RUN_LABEL_TEMPLATE = "{{ molino_run_id(dag_run, params, triggering_asset_events)[:63].rstrip('-_.') }}"
STARTUP_TIMEOUT_SECONDS = 900
"""The first pull of a train image is large."""
START_CHECK_SECONDS = 0.3
ONE_AT_A_TIME = frozenset({"deploy", *CHANGES})
"""What changes the version that serves: of one model, the pod of one waits for the end of another's."""
ACTIVE = ("Pending", "Running")
"""Phases of a pod that hasn't ended."""
WAIT_SECONDS = 1.0
SUMMARY = "summary"
"""Key of the XCom by which a task tells of its end: those of `TELLING` of a good one, all of a bad one."""
TELLING = ("register", "deploy")
FAILED, PUT_BACK, REJECTED = "failed", "put-back", "rejected"
"""Statuses that a summary tells."""


class MlflowLink(BaseOperatorLink):
    """Opens what the step left in MLflow."""

    name = "MLflow"

    def get_link(self, operator: BaseOperator, *, ti_key: "TaskInstanceKey") -> str:  # noqa: ARG002
        """Return the page."""
        return mlflow_link(operator.settings.mlflow_url, operator.labels[MODEL_LABEL], operator.summary())


class TensorboardLink(BaseOperatorLink):
    """Opens the learning curves of the run."""

    name = "TensorBoard"

    def get_link(self, operator: BaseOperator, *, ti_key: "TaskInstanceKey") -> str:  # noqa: ARG002
        """Return the page."""
        return tensorboard_link(
            operator.settings.tensorboard_url, operator.labels[MODEL_LABEL], operator.run_id_template
        )


class StepOperator(KubernetesPodOperator):
    """Runs one step in a pod of its own image."""

    template_fields: Sequence[str] = (*KubernetesPodOperator.template_fields, "run_id_template")
    operator_extra_links: Sequence[BaseOperatorLink] = (MlflowLink(), TensorboardLink())

    def __init__(self, *, pod: StepPod, settings: PodSettings, asset: Asset | None = None, **options: Any) -> None:
        self.run_id_template = RUN_TEMPLATE
        self.asset = asset
        self.settings = settings
        spec, metadata = given_pod(settings, pod)
        base = spec.containers[0]
        super().__init__(
            name=options["task_id"],
            namespace=settings.namespace,
            image=pod.image,
            image_pull_policy=settings.image_pull_policy,
            image_pull_secrets=[k8s.V1LocalObjectReference(name=name) for name in settings.image_pull_secrets],
            arguments=list(pod.arguments),
            env_vars=but_given(base.env, "name", variables_of(pod)),
            env_from=[k8s.V1EnvFromSource(config_map_ref=k8s.V1ConfigMapEnvSource(name=settings.config_map))],
            labels={**pod.labels, RUN_LABEL: RUN_LABEL_TEMPLATE},
            container_resources=k8s.V1ResourceRequirements(requests=dict(pod.requests), limits=dict(pod.limits)),
            service_account_name=pod.service_account,
            automount_service_account_token=pod.automount_token,
            volumes=but_given(spec.volumes, "name", volumes_of(settings, pod)),
            volume_mounts=but_given(base.volume_mounts, "mount_path", mounts_of(settings, pod)),
            full_pod_spec=k8s.V1Pod(metadata=metadata, spec=spec),
            in_cluster=True,
            durable=True,
            deferrable=False,
            do_xcom_push=False,
            get_logs=True,
            termination_message_policy="FallbackToLogsOnError",
            log_events_on_failure=True,
            log_pod_spec_on_failure=False,
            startup_timeout_seconds=STARTUP_TIMEOUT_SECONDS,
            startup_check_interval_seconds=START_CHECK_SECONDS,
            base_container_status_polling_interval=0.5,
            on_finish_action="delete_pod",
            **options,
        )

    @cached_property
    def pod_manager(self) -> PodEnd:
        """What watches the pod."""
        return PodEnd(kube_client=self.client, callbacks=self.callbacks)

    def execute(self, context: "Context") -> Any:
        """Run the pod to its end, and leave what it says of a bad one.

        A step that was killed has failed, whatever its pod's end looks like; one that says that another try would end
        the same way isn't tried again.
        """
        try:
            return self._run(context)
        except BaseException as error:
            with suppress(Exception):  # what ended the task is worth more than what is told of it
                context["ti"].xcom_push(key=SUMMARY, value=self._failure(error))
            raise

    def _run(self, context: "Context") -> Any:
        self._reap()
        self._wait_for_others()
        self.env_vars: list[k8s.V1EnvVar] = [*(self.env_vars or ()), *_traced()]
        self.arguments: list[str] = [literal(argument) for argument in self.arguments or ()]
        try:
            result = super().execute(context)
        except AirflowException as error:
            if NOT_AGAIN in (ended.exit_code for ended in self._ended()):
                raise AirflowFailException(str(error)) from error
            raise
        if self._killed:
            raise AirflowException(f"{self.task_id} was killed before its step had ended; its pod is deleted")
        if self.task_id in TELLING:
            context["ti"].xcom_push(key=SUMMARY, value=self.summary())
        if self.asset is not None and self.asset in self.outlets:
            context["outlet_events"][self.asset].extra = {"run_id": self.run_id_template}
        elif self.asset is not None:
            announce(context, self.asset, self.run_id_template, self.summary())
        return result

    def summary(self) -> dict[str, Any]:
        """Return what the step said of its end; nothing before it has ended well."""
        ended = self._ended()
        return read_summary(ended[0].message if ended else None)

    def _failure(self, error: BaseException) -> dict[str, Any]:
        """Return what the step said of its bad end, or what is known of it where it could say nothing."""
        if (told := self.summary()).get("error"):
            return told
        ended = self._ended()
        if ended and ended[0].exit_code:
            cause = f"its container has ended with exit code {ended[0].exit_code} ({ended[0].reason})"
        else:
            cause = (str(error).strip().splitlines() or [type(error).__name__])[0]
        return {"status": FAILED, "error": cause}

    def _ended(self) -> list[k8s.V1ContainerStateTerminated]:
        """Return how the pod's containers have ended."""
        statuses = (self.remote_pod.status.container_statuses or []) if self.remote_pod else []
        return [status.state.terminated for status in statuses if status.state.terminated]

    def _reap(self) -> None:
        """Delete pods of this step that other runs have left: one run is active at a time, so they have no task.

        The chart's labels are asked for too: another release in the namespace may have a model of the same name.
        """
        own = self.labels[RUN_LABEL]
        for pod in self._pods(self.labels[STEP_LABEL]):
            if pod.metadata.labels.get(RUN_LABEL) != own:
                self.log.warning("deleting the orphaned pod %s", pod.metadata.name)
                self.process_pod_deletion(pod, reraise=False)

    def _wait_for_others(self) -> None:
        """Wait while another pod changes the version of this model that serves, where this one's is to change it too.

        A change that fails puts back what served before it, and so it would take back what came after.
        """
        own = self.labels[STEP_LABEL]
        for other in sorted(ONE_AT_A_TIME - {own}) if own in ONE_AT_A_TIME else ():
            while names := [pod.metadata.name for pod in self._pods(other) if pod.status.phase in ACTIVE]:
                self.log.info("waiting for the end of %s", ", ".join(names))
                time.sleep(WAIT_SECONDS)

    def _pods(self, step: str) -> list[Any]:
        """Return the pods of a step of this model."""
        labels = {name: value for name, value in self.labels.items() if name != RUN_LABEL} | {STEP_LABEL: step}
        selector = ",".join(f"{name}={value}" for name, value in labels.items())
        found: list[Any] = self.client.list_namespaced_pod(self.namespace, label_selector=selector).items
        return found


class ChangeOperator(StepOperator):
    """Changes the version that serves, as a person asks for it.

    It is tried once more for one thing alone: to take up the pod of a task whose worker was lost. What has failed, or
    may have been done halfway, a person looks at first.
    """

    operator_extra_links: Sequence[BaseOperatorLink] = (MlflowLink(),)

    def _run(self, context: "Context") -> Any:
        if context["ti"].try_number > 1 and not self._own_pods():
            raise AirflowFailException(
                f"the worker of {self.task_id} was lost, and its pod is gone: see which version serves, and start it "
                "again if need be"
            )
        try:
            return super()._run(context)
        except AirflowFailException:
            raise
        except AirflowException as error:
            raise AirflowFailException(str(error)) from error

    def _own_pods(self) -> list[Any]:
        """Return the pods that this task has started, however they have ended."""
        own = self.labels[RUN_LABEL]
        return [pod for pod in self._pods(self.labels[STEP_LABEL]) if pod.metadata.labels.get(RUN_LABEL) == own]


class NoticeOperator(StepOperator):
    """Tells people of a run that failed or was refused, as the last task of a DAG; of others it starts no pod.

    It is a teardown, which runs however the tasks before it have ended, and whose own end isn't that of the run. So it
    is one task of the run, which a callback per failed task, or one in each process that sees a failure, is not.
    """

    operator_extra_links: Sequence[BaseOperatorLink] = ()

    def execute(self, context: "Context") -> Any:
        """Look how the tasks have ended, and start the pod where there is something to tell."""
        ti, run = context["ti"], context["dag_run"]
        states = ti.get_task_states(dag_id=run.dag_id, run_ids=[run.run_id])[run.run_id]
        failed = next((one.task_id for one in self._before() if states.get(one.task_id) == FAILED), None)
        told = ti.xcom_pull(task_ids=failed or TELLING[-1], key=SUMMARY) or {}
        if failed is None and told.get("status") != REJECTED:
            self.log.info("nothing to tell")
            return None
        page = airflow_link(self.settings.airflow_url, run.dag_id, run.run_id)
        self.arguments: list[str] = [*(self.arguments or ()), *notice_arguments(failed, told, page)]
        return super().execute(context)

    def _before(self) -> list[BaseOperator]:
        """Return the DAG's other tasks, in order."""
        return [task for task in self.dag.topological_sort() if task.task_id != self.task_id]


def notice_arguments(failed: str | None, told: Mapping[str, Any], page: str) -> list[str]:
    """Return what the command of a notice is told beside model and run.

    Args:
        failed: the task that failed, if one did.
        told: its summary.
        page: of the DAG run.
    """
    arguments = [f"--link=Airflow={page}"]
    if failed is not None:
        arguments += [f"--failed={failed}", f"--reason={told.get('error') or ''}"]
    return [*arguments, *(["--put-back"] if told.get("status") == PUT_BACK else [])]


def announcement(asset: Asset) -> AssetAlias:
    """Return the outlet of a task that tells of an asset only where there is something new.

    An asset that is an outlet itself has an event whenever its task succeeds; an alias has those that are added.
    """
    return AssetAlias(name=f"{asset.name}-new")


def announce(context: "Context", asset: Asset, run_id: str, summary: Mapping[str, Any]) -> None:
    """Add the asset's event, unless the step says that what it made is what the newest event told of.

    Unchanged data whose revision no event has told of is announced too: the run that made it was lost, or Airflow's
    database is a new one.
    """
    revision = summary.get("revision")
    known = list(context["inlet_events"][asset]) if summary.get("created") is False else []
    if known and known[-1].extra.get("revision", revision) == revision:
        return
    extra = {"run_id": run_id} | ({"revision": revision} if revision else {})
    context["outlet_events"][announcement(asset)].add(asset, extra=extra)


def _traced() -> list[k8s.V1EnvVar]:
    """Return the variable by which a step is part of its task's trace; none where Airflow's traces are off."""
    carrier: dict[str, str] = {}
    TraceContextTextMapPropagator().inject(carrier)
    return [k8s.V1EnvVar(name="MOLINO_TRACEPARENT", value=carrier["traceparent"])] if carrier else []
