"""What a person has said of a version that waits for them, on record like a promotion."""

import socket
from datetime import UTC, datetime

from molino.contracts.approval import Approval, approval_key
from molino.contracts.errors import ApprovalError
from molino.contracts.promotion import Promotion, waiting_for_approval
from training.deploy.promotion import keep_promotion
from training.step import Context


def take_approval(context: Context, version: str) -> Approval | None:
    """Keep what was said of a run's version beside its records, and return it.

    Where the model file doesn't want to know it is nothing.

    Raises:
        ApprovalError: it does, and nobody has said anything.
    """
    if context.model.gate.approval == "none":
        return None
    if context.settings.approval is None:
        raise ApprovalError(waiting_for_approval(context.model.name, version))
    said = context.settings.approval
    context.store.write(approval_key(context.model.name, context.run_id), said.model_dump_json(indent=2).encode())
    return said


def keep_approval(
    context: Context, said: Approval, version: str, previous: str | None, answered: list[float | str] | None
) -> None:
    """Write what was said beside the promotions; a step that does so again writes the same object.

    Args:
        context: of the deploy step.
        said: by the person.
        version: the version that waited.
        previous: what served before, and after a refusal still does.
        answered: what the server answered to the release's own example, where it was asked.
    """
    record = Promotion(
        model=context.model.name,
        action="approve" if said.approved else "refuse",
        version=version,
        previous_version=previous,
        run_id=context.run_id,
        target=context.settings.deploy_target,
        by=said.by,
        reason=said.reason,
        answered=answered,
        code_revision=context.settings.code_revision,
        started=said.at,
        ended=datetime.now(UTC),
        host=socket.gethostname(),
    )
    keep_promotion(context.store, record)
