"""Reads of what is live: adapters, who answers for an assistant now, and what did before."""

from dataclasses import dataclass
from typing import TYPE_CHECKING

from django.conf import settings
from django.db.models import Prefetch
from django.utils.translation import gettext as _

from backend.accounts.roles import Action, may, require
from backend.assistants.base_models import served_name
from backend.assistants.models import Assistant
from backend.common.errors import Conflict, NotFound
from backend.serving.models import Deployment
from backend.training.models import Adapter

if TYPE_CHECKING:
    import uuid
    from collections.abc import Iterable
    from pathlib import Path

    from django.db.models import QuerySet

    from backend.accounts.models import User


@dataclass(frozen=True, kw_only=True)
class Production:
    """Who answers for an assistant at the moment.

    ``served_name`` is what a request to the model server names; ``path`` is where the adapter
    lies, for a server that has forgotten it; None where the base model answers alone.
    """

    adapter: Adapter | None
    served_name: str
    path: "Path | None"

    @property
    def thinking(self) -> bool | None:
        """What the adapter's chat template was told when it was trained; None for nothing."""
        return thinking_of(self.adapter) if self.adapter else None


def thinking_of(adapter: Adapter) -> bool | None:
    """What its chat template was told when it was trained; None for nothing."""
    said = adapter.card.get("thinking")
    return said if isinstance(said, bool) else None


def base_check(*, adapter: Adapter, assistant: Assistant) -> None:
    """Raises Conflict where the adapter was trained on another base than the assistant has."""
    if adapter.base_model != assistant.base_model:
        raise Conflict(
            _("This adapter was trained on %(adapter)s, but the assistant uses %(assistant)s.")
            % {"adapter": adapter.base_model, "assistant": assistant.base_model},
            code="base_mismatch",
        )


def production(*, assistant: Assistant) -> Production:
    """Who answers the assistant's next message."""
    return production_of([assistant])[assistant.pk]


def production_of(assistants: "Iterable[Assistant]") -> "dict[uuid.UUID, Production]":
    """Who answers for each of them, in one query.

    An adapter of another base than the assistant's (which was changed after the promotion)
    cannot answer, so the base does.
    """
    wanted = {assistant.pk: assistant for assistant in assistants}
    current = Deployment.objects.filter(assistant__in=wanted, is_current=True)
    adapters = {
        deployment.assistant_id: deployment.adapter
        for deployment in current.select_related("adapter")
    }
    return {key: _production(one, adapters.get(key)) for key, one in wanted.items()}


def _production(assistant: Assistant, adapter: Adapter | None) -> Production:
    if adapter is None or adapter.base_model != assistant.base_model:
        return Production(adapter=None, served_name=served_name(assistant.base_model), path=None)
    return Production(adapter=adapter, served_name=adapter.name, path=adapter.folder)


def deployment_current(*, assistant: Assistant) -> Deployment | None:
    """The newest switch of the assistant; None where there was none yet."""
    return (
        Deployment.objects.filter(assistant=assistant, is_current=True)
        .select_related("adapter", "previous__adapter")
        .first()
    )


def deployment_list(*, user: "User", assistant: Assistant) -> "QuerySet[Deployment]":
    """What was switched for the assistant, newest first."""
    require(user, Action.RUNS_READ)
    return Deployment.objects.filter(assistant=assistant).select_related("adapter", "by")


def adapter_list(*, user: "User") -> "QuerySet[Adapter]":
    """All adapters, newest first, each with its run and ``live_deployments``."""
    require(user, Action.RUNS_READ)
    live = Deployment.objects.filter(is_current=True)
    return Adapter.objects.select_related("run", "assistant").prefetch_related(
        Prefetch("deployments", queryset=live, to_attr="live_deployments")
    )


def adapter_get(*, user: "User", adapter_id: "uuid.UUID | str") -> Adapter:
    """One adapter.

    Raises:
        NotFound: there is none with that id.
    """
    found = adapter_list(user=user).filter(pk=adapter_id).first()
    if found is None:
        raise NotFound(_("There is no such adapter."))
    return found


def may_promote(*, user: "User", adapter: Adapter) -> bool:
    """Whether this person may put this adapter into service, four-eyes review included."""
    own = adapter.run.started_by_id == user.pk
    return may(user, Action.ADAPTERS_PROMOTE) and not (settings.FOUR_EYES and own)
