"""Ends tasks as a version step ends, in a real Airflow, and prints as JSON the asset events after each."""

import json
from typing import Any

from airflow.dag_processing.bundles.manager import DagBundlesManager
from airflow.dag_processing.dagbag import DagBag, sync_bag_to_db
from airflow.models.asset import AssetEvent
from airflow.sdk import DAG, Asset, task
from airflow.utils.session import create_session
from sqlalchemy import select

from pipelines.operator import announce, announcement

ENDS = (
    ("r1", {"created": True, "revision": "a"}),
    ("r2", {"created": False, "revision": "a"}),
    ("r3", {"created": False, "revision": "b"}),
)

data = Asset(name="rows-data", uri="molino://rows/data")
with DAG(dag_id="rows_data", schedule=None) as dag:

    @task(inlets=[data], outlets=[announcement(data)])
    def version(**context: Any) -> None:
        run_id, summary = context["dag_run"].conf["end"]
        announce(context, data, run_id, summary)

    version()

with DAG(dag_id="rows_model", schedule=[data]) as model_dag:

    @task
    def train() -> None:
        """Never run: its DAG is what makes the asset known."""

    train()


def events() -> list[dict[str, str]]:
    with create_session() as session:
        return [dict(event.extra) for event in session.scalars(select(AssetEvent).order_by(AssetEvent.id))]


if __name__ == "__main__":
    DagBundlesManager().sync_bundles_to_db()
    sync_bag_to_db(DagBag(__file__), "dags-folder", None)
    found = []
    for end in ENDS:
        ended = dag.test(run_conf={"end": end})
        assert str(ended.state) == "success", ended.state
        found.append(events())
    print("\n" + json.dumps(found))
