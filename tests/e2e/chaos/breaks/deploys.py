"""Several changes of what serves, at once."""

from collections.abc import Sequence
from functools import partial

from tests.e2e.chaos.contract import Break
from tests.e2e.chaos.scene import RUN_LIMIT, Scene
from tests.e2e.installed.broken import hold_before_deploy
from tests.e2e.installed.runs import StartedRun


class TwoDeploys(Break):
    """Of two models, each of which changes the pods of both."""

    name = "two-deploys"
    what = "the deploy steps of two models started at the same moment"
    promised = "both runs end well, and both versions serve"
    models = ("homes", "rooms")

    def harm(self, scene: Scene, started: Sequence[StartedRun]) -> None:
        try:
            list(scene.executor.map(partial(hold_before_deploy, scene.installation, scene.pods), started))
            scene.mark()
        finally:
            self._go_on(scene)

    def heal(self, scene: Scene) -> None:
        self._go_on(scene)

    def _go_on(self, scene: Scene) -> None:
        for model in self.models:
            scene.airflow.pause(f"{model}_model", False)


class ChangesDuringDeploy(Break):
    """By two people, of the model that is deployed at that moment."""

    name = "changes-during-deploy"
    what = "`molino promote` and `molino rollback` of a model, by their DAGs, while its deploy step works"
    promised = "one after the other, and champion and served version agree"

    def harm(self, scene: Scene, started: Sequence[StartedRun]) -> None:
        (run,) = started
        scene.reach(run, "deploy", at_work=False)
        scene.mark()
        asked = {"model": run.model, "reason": "chaos"}
        changes = {
            "promote": scene.airflow.trigger("promote", **asked, version="1"),
            "rollback": scene.airflow.trigger("rollback", **asked),
        }
        for change, dag_run in changes.items():
            scene.notes.append(f"{change}: {scene.airflow.wait(change, dag_run, RUN_LIMIT)['state']}")
