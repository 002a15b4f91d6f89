"""Makes a task's pod and a pool in a real Airflow and prints them as JSON: run by an interpreter that has Airflow."""

import json
import sys

import start
from airflow.models.pool import Pool
from airflow.providers.cncf.kubernetes.pod_generator import PodGenerator
from airflow.utils.db import initdb
from kubernetes.client import ApiClient

ARGUMENTS = ["python", "-m", "airflow.sdk.execution_time.execute_workload", "--json-string", "{}"]


def main() -> None:
    """Print the pod that the executor makes of a template, and the pools after two starts of the chart's Job."""
    template, pools = sys.argv[1], json.loads(sys.argv[2])
    pod = PodGenerator.construct_pod(
        dag_id="housing_model", task_id="train", pod_id="housing-model-train", try_number=1, kube_image=None, date=None,
        args=ARGUMENTS, pod_override_object=None, base_worker_pod=PodGenerator.deserialize_model_file(template),
        namespace="molino", scheduler_job_id="1",
    )  # fmt: skip
    initdb()
    for slots in (1, 3):
        start.make_pools({name: {**pool, "slots": slots} for name, pool in pools.items()})
    known = {pool.pool: pool.slots for pool in Pool.get_pools()}
    print(json.dumps({"pod": ApiClient().sanitize_for_serialization(pod), "pools": known}))


if __name__ == "__main__":
    main()
