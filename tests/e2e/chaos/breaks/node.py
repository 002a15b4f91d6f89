"""The node itself."""

from collections.abc import Sequence

from tests.cluster.waits import until
from tests.e2e.chaos.contract import Break
from tests.e2e.chaos.scene import Scene
from tests.e2e.installed.installation import Installation
from tests.e2e.installed.runs import StartedRun

NOTICE_SECONDS = 300


class NodeRestart(Break):
    """The only node, as if it had lost its power."""

    name = "node-restart"
    what = "the only node restarted without warning while train runs: every process killed, its disks kept"
    promised = "`/predict` answers again without a hand, and the run ends well"
    answers = False

    def harm(self, scene: Scene, started: Sequence[StartedRun]) -> None:
        (run,) = started
        scene.reach(run, "train")
        before = _containers(scene.installation)
        scene.mark()
        scene.installation.cluster.restart()
        # What the API says of pods is from before the restart until the node has told anew.
        until("the pods told anew", lambda: not before & _containers(scene.installation), NOTICE_SECONDS, interval=1)


def _containers(installation: Installation) -> set[str]:
    """Return the containers of the components that run."""
    pods = installation.pods("app.kubernetes.io/component notin (step,test,doctor)")
    states = [state for pod in pods for state in pod["status"].get("containerStatuses", [])]
    return {state["containerID"] for state in states if "running" in state["state"]}
