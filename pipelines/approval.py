"""How a person approves or refuses what the gate has let through: Airflow's human in the loop, before deploy."""

from collections.abc import Mapping
from typing import TYPE_CHECKING, Any

from airflow.providers.standard.operators.hitl import HITLOperator
from airflow.sdk import Param

from molino.contracts.approval import Approval
from molino.contracts.model_file import ModelFile
from pipelines.operator import SUMMARY

if TYPE_CHECKING:
    from airflow.sdk import Context

TASK = "approve"
APPROVE, REFUSE = "Approve", "Refuse"
REASON = "reason"
OVERRIDES = {"MOLINO_APPROVAL": f"{{{{ molino_approval(ti.xcom_pull(task_ids='{TASK}')) }}}}"}
"""The setting of the deploy step that the answer sets: the step leaves it on record, whatever it is."""
VERSION = f"{{{{ (ti.xcom_pull(task_ids='register', key='{SUMMARY}') or {{}}).get('version', '') }}}}"


class ApprovalOperator(HITLOperator):  # type: ignore[misc]  # Airflow is in its own image alone
    """Waits for a person's answer; where the gate has refused there is nothing to approve, and it asks nobody.

    Unlike Airflow's own one of this name it skips nothing: the deploy step records a refusal too.
    """

    def execute(self, context: "Context") -> Any:
        """Ask, and wait for the answer."""
        told = context["ti"].xcom_pull(task_ids="register", key=SUMMARY)
        if isinstance(told, Mapping) and told.get("status") == "rejected":
            self.log.info("nothing was registered, so there is nothing to approve")
            return None
        return super().execute(context)


def ask(model: ModelFile) -> ApprovalOperator:
    """Return the task that waits for a person."""
    return ApprovalOperator(
        task_id=TASK,
        subject=f"Put {model.name} version {VERSION} in service?",
        body="The gate has let it through and it is registered. Whoever answers stands on record, with the reason.",
        options=[APPROVE, REFUSE],
        params={REASON: Param("", type="string", description="Why, for the record")},
        doc_md="wait until a person has approved or refused what was registered",
    )


def approval(answer: Mapping[str, Any] | None) -> str:
    """Return what a person has answered in the form that the deploy step reads; nothing where nobody was asked."""
    if not answer:
        return ""
    user = answer.get("responded_by_user") or {}
    return Approval(
        approved=APPROVE in answer["chosen_options"],
        by=str(user.get("name") or user.get("id") or "airflow"),
        at=answer["responded_at"],
        reason=str((answer.get("params_input") or {}).get(REASON) or "") or None,
    ).model_dump_json()
