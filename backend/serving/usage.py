"""Where a record is used: the versions that contain it and the adapters that learnt from them."""

from collections import defaultdict
from dataclasses import dataclass
from typing import TYPE_CHECKING

from django.db.models import F

from backend.accounts.roles import Action, require
from backend.curation.models import DatasetVersionItem
from backend.curation.selectors import record_versions
from backend.serving.models import Deployment
from backend.serving.selectors import adapter_list

if TYPE_CHECKING:
    import uuid
    from datetime import datetime

    from backend.accounts.models import User

Split = DatasetVersionItem.Split


@dataclass(frozen=True)
class VersionUse:
    """One version that contains the record."""

    id: "uuid.UUID"
    number: int
    revision: int
    split: str


@dataclass(frozen=True)
class AdapterUse:
    """One adapter of a run on such a version."""

    id: "uuid.UUID"
    name: str
    created_at: "datetime"
    version: int
    split: str  # where the record stood
    learnt: bool  # it was trained on the record: forgetting it means to retrain
    in_production: list[str]  # names of the assistants that answer with it


@dataclass(frozen=True)
class RecordUsage:
    """Versions newest first; adapters those in production first, then those that learnt."""

    versions: list[VersionUse]
    adapters: list[AdapterUse]


def record_usage(*, user: "User", record_id: "uuid.UUID") -> RecordUsage:
    """Which versions and adapters contain a record.

    Raises:
        NotAllowed: the person may not read records and runs.
        NotFound: there is no such record.
    """
    require(user, Action.RUNS_READ)
    items = list(record_versions(user=user, record_id=record_id))
    split_in = {item.version_id: item.split for item in items}
    trained = (
        adapter_list(user=user)
        .filter(run__dataset_version__in=split_in)
        .select_related("run__dataset_version")
    )
    live_in: defaultdict[uuid.UUID | None, list[str]] = defaultdict(list)
    live = Deployment.objects.filter(is_current=True, adapter__run__dataset_version__in=split_in)
    # An adapter of another base than the assistant's does not answer.
    answering = live.filter(assistant__base_model=F("adapter__base_model"))
    for adapter_id, name in answering.values_list("adapter_id", "assistant__name"):
        live_in[adapter_id].append(name)
    adapters = [
        AdapterUse(
            id=adapter.pk,
            name=adapter.name,
            created_at=adapter.created_at,
            version=adapter.run.dataset_version.number,
            split=split_in[adapter.run.dataset_version_id],
            learnt=split_in[adapter.run.dataset_version_id] == Split.TRAIN,
            in_production=sorted(live_in[adapter.pk]),
        )
        for adapter in trained
    ]
    adapters.sort(key=lambda use: (not use.in_production, not use.learnt))
    versions = [
        VersionUse(item.version_id, item.version.number, item.revision.number, item.split)
        for item in items
    ]
    return RecordUsage(versions, adapters)
