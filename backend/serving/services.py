"""Writes of what is live: promotion and rollback, in force for the next message."""

from typing import TYPE_CHECKING

from django.db import IntegrityError, transaction
from django.utils.translation import gettext as _

from backend.accounts.roles import Action, require, require_other_eyes
from backend.assistants.base_models import served_name
from backend.common import model_server
from backend.common.audit import audit_write
from backend.common.errors import Conflict, Invalid
from backend.serving.evaluation_selectors import check_gate, standing
from backend.serving.models import Deployment
from backend.serving.proof import Compared, compare_prompts
from backend.serving.selectors import base_check, deployment_current

if TYPE_CHECKING:
    from backend.accounts.models import User
    from backend.assistants.models import Assistant
    from backend.serving.evaluation_selectors import Standing
    from backend.training.models import Adapter


def adapter_promote(
    *, user: "User", adapter: "Adapter", assistant: "Assistant", override_reason: str = ""
) -> Deployment:
    """Put an adapter into service for an assistant; promoting what is live changes nothing.

    Args:
        user: an approver or administrator, under ``FOUR_EYES`` not who trained it.
        adapter: of the assistant's own base model.
        assistant: who answers with it from the next message on.
        override_reason: why it may answer although the gate is against it, nothing was
            evaluated, or the server makes another prompt than ours.

    Returns:
        What is now in production.

    Raises:
        NotAllowed: the person may not, or it is their own run.
        Conflict: another base, no server with that base, no passed gate or a different prompt
            without a reason, or somebody else switched at the same moment.
        Invalid: the model server cannot use the adapter.
        Unavailable: the model server does not answer.
    """
    require(user, Action.ADAPTERS_PROMOTE)
    require_other_eyes(user, adapter.run.started_by_id)
    base_check(adapter=adapter, assistant=assistant)
    current = deployment_current(assistant=assistant)
    if current is not None and current.adapter_id == adapter.pk:
        return current
    if override_reason.strip():
        stands = standing(adapter=adapter, assistant=assistant)
    else:
        stands = check_gate(adapter=adapter, assistant=assistant)
    adapter_ensure_loaded(adapter=adapter)
    compared = compare_prompts(adapter=adapter)
    if compared.proof == Deployment.Proof.DIFFERENT and not override_reason.strip():
        raise Conflict(
            _(
                "The model server makes another prompt than the one this adapter was trained "
                "under. Give a reason to promote it all the same."
            ),
            code="prompt_differs",
            note=compared.note,
        )
    return _switch(
        user=user,
        assistant=assistant,
        current=current,
        adapter=adapter,
        action=Deployment.Action.PROMOTE,
        previous=current,
        override_reason=override_reason.strip(),
        compared=compared,
        stands=stands,
    )


def assistant_rollback(*, user: "User", assistant: "Assistant") -> Deployment:
    """Step back to what answered before; a second time one further, at last to the base model.

    Adapters of another base than the assistant has now are passed over.

    Raises:
        NotAllowed: the person may not.
        Conflict: the base model answers already, or somebody else switched at the same moment.
        Unavailable: the model server does not answer.
    """
    require(user, Action.ADAPTERS_PROMOTE)
    current = deployment_current(assistant=assistant)
    if current is None or (current.adapter is None and current.previous is None):
        raise Conflict(
            _("There is nothing to roll back: the base model answers."),
            code="nothing_to_roll_back",
        )
    target = current.previous
    while target and target.adapter and target.adapter.base_model != assistant.base_model:
        target = target.previous
    adapter = target.adapter if target else None
    if adapter is not None:
        require_other_eyes(user, adapter.run.started_by_id)
        adapter_ensure_loaded(adapter=adapter)
    return _switch(
        user=user,
        assistant=assistant,
        current=current,
        adapter=adapter,
        action=Deployment.Action.ROLLBACK,
        previous=target.previous if target else None,
        compared=Compared(target.proof, target.proof_note) if target else None,
    )


def adapter_ensure_loaded(*, adapter: "Adapter") -> None:
    """Make the model server answer to the adapter's name.

    Raises:
        Conflict: the server has another base, or the adapter's files are gone.
        Invalid: the server cannot use the adapter.
        Unavailable: the server does not answer.
    """
    names = model_server.model_list()
    base = served_name(adapter.base_model)
    if base not in names:
        raise Conflict(
            _("No model server has the base model %(base)s of this adapter.") % {"base": base},
            code="base_not_served",
            served=names,
        )
    if not (adapter.folder / "adapter_config.json").is_file():
        raise Conflict(_("The files of this adapter are gone."), code="adapter_missing")
    # Even where the name is known: an adapter of an earlier database may have had it, and our
    # server then takes these files.
    try:
        model_server.adapter_load(name=adapter.name, path=str(adapter.folder))
    except Invalid as refused:
        # vLLM's words for a name that it has.
        if adapter.name not in names or "already been loaded" not in refused.message:
            raise


@transaction.atomic
def _switch(
    *,
    user: "User",
    assistant: "Assistant",
    current: Deployment | None,
    adapter: "Adapter | None",
    action: Deployment.Action,
    previous: Deployment | None,
    compared: Compared | None,
    override_reason: str = "",
    stands: "Standing | None" = None,
) -> Deployment:
    """Replace ``current`` by a new deployment, or nothing at all."""
    ours = Deployment.objects.filter(assistant=assistant, is_current=True)
    if current is not None and ours.filter(pk=current.pk).update(is_current=False) != 1:
        raise _switched_meanwhile()
    try:
        with transaction.atomic():
            deployment = Deployment.objects.create(
                assistant=assistant,
                adapter=adapter,
                action=action,
                previous=previous,
                by=user,
                override_reason=override_reason,
                proof=compared.proof if compared else Deployment.Proof.UNPROVEN,
                proof_note=compared.note if compared else "",
                evaluation=stands.evaluation if stands else None,
                gate=(
                    stands.verdict.as_json(stands.thresholds) if stands and stands.verdict else None
                ),
            )
    except IntegrityError as error:  # the constraint: one deployment in production
        raise _switched_meanwhile() from error
    audit_write(
        actor=user,
        action=f"assistant.{action.value}",
        entity=assistant,
        assistant=assistant.slug,
        adapter=adapter.name if adapter else None,
        before=current.adapter.name if current and current.adapter else None,
        override_reason=override_reason,
        evaluation=str(stands.evaluation.pk) if stands and stands.evaluation else None,
        gate_passed=stands.verdict.passed if stands and stands.verdict else None,
        card_created_at=adapter.card.get("created_at") if adapter else None,
    )
    return deployment


def _switched_meanwhile() -> Conflict:
    return Conflict(
        _("Somebody else has just switched this assistant. Look at it again."),
        code="switched_meanwhile",
    )
