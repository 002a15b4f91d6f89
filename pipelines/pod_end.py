"""How a task sees its step's pod come to its end: Airflow's pod manager, with shorter looks where that one sleeps."""

import time

from airflow.providers.cncf.kubernetes.utils.container import container_is_completed, container_is_succeeded
from airflow.providers.cncf.kubernetes.utils.pod_manager import (
    PodManager,
    PodPhase,
    detect_pod_terminate_early_issues,
)
from kubernetes.client.models import V1Pod

LOOK_SECONDS = 0.2
END_SECONDS = 5.0
"""A node tells of a container's end within so long of the end of its log."""


class PodEnd(PodManager):
    """Sees the end of a pod within a fraction of a second.

    The original (provider 10.25) asks for the container at the moment its log ends, when the node hasn't told yet,
    sleeps a second, and reads and shows the last lines again; then it asks every two seconds for the pod's end, of
    which a node tells a second after its container's.
    """

    def container_is_running(self, pod: V1Pod, container_name: str) -> bool:
        """Tell whether the container still runs; it is asked for when its log has ended."""
        end = time.monotonic() + END_SECONDS
        while super().container_is_running(pod, container_name):
            if time.monotonic() > end:
                return True
            time.sleep(LOOK_SECONDS)
        return False

    def await_pod_completion(
        self,
        pod: V1Pod,
        istio_enabled: bool = False,  # noqa: ARG002  # one container is the whole pod
        container_name: str = "base",
        do_xcom_push: bool = False,  # noqa: ARG002
    ) -> V1Pod:
        """Return the pod once its container has ended, in the phase that follows from its exit, or can't start."""
        while True:
            found: V1Pod = self.read_pod(pod)
            phase = found.status.phase if found.status else None
            if phase in PodPhase.terminal_states or detect_pod_terminate_early_issues(found):
                return found
            if found.status and container_is_completed(found, container_name):
                well = container_is_succeeded(found, container_name)
                found.status.phase = PodPhase.SUCCEEDED if well else PodPhase.FAILED
                return found
            time.sleep(LOOK_SECONDS)
