"""Exports of an adapter: asked for, listed, taken away, deleted. The work is a job of its own."""

import shutil
from pathlib import PurePosixPath
from typing import TYPE_CHECKING, Any, Final

from django.db import transaction
from django.utils.translation import gettext as _
from django.utils.translation import gettext_noop

from backend.accounts.roles import Action, require
from backend.common.audit import audit_write
from backend.common.errors import Conflict, Invalid, NotFound
from backend.training.jobs import adapter_job_start
from backend.training.models import AdapterJob
from ml.export import parts

if TYPE_CHECKING:
    import uuid
    from collections.abc import Sequence
    from pathlib import Path

    from django.db.models import QuerySet

    from backend.accounts.models import User
    from backend.training.models import Adapter

Kind, State = AdapterJob.Kind, AdapterJob.State

# What the process says, for the catalogue; a test compares it with ``ml.export.parts``.
SENTENCES: Final = (
    gettext_noop("Choose at least one of merged, gguf and ollama."),
    gettext_noop("An export may hold merged, gguf and ollama, and nothing else."),
    gettext_noop("Ollama's Modelfile needs weights beside it: choose merged or gguf as well."),
    gettext_noop(
        "Merging holds the base model in float32, four bytes for each parameter. Export the GGUF "
        "of the adapter alone, or merge on a machine with more memory."
    ),
    gettext_noop("Export the merged model without the GGUF."),
    gettext_noop(
        "Export the GGUF of the adapter alone, or train on the base as it was before it was "
        "quantised."
    ),
    gettext_noop("Try once more; if it happens again, report it with the log."),
    gettext_noop("Export without Ollama's Modelfile."),
)


def export_list(*, user: "User", adapter: "Adapter") -> "QuerySet[AdapterJob]":
    """Exports of the adapter, newest first, each with who asked for it."""
    require(user, Action.ADAPTERS_EXPORT)
    return AdapterJob.objects.filter(adapter=adapter, kind=Kind.EXPORT).select_related(
        "adapter", "started_by"
    )


def export_get(*, user: "User", adapter: "Adapter", export_id: "uuid.UUID") -> AdapterJob:
    """One of them.

    Raises:
        NotAllowed: the person may not export.
        NotFound: the adapter has none with that id.
    """
    found = export_list(user=user, adapter=adapter).filter(pk=export_id).first()
    if found is None:
        raise NotFound(_("There is no such export."))
    return found


def export_start(*, user: "User", adapter: "Adapter", what: "Sequence[str]") -> AdapterJob:
    """Queue an export; it is done when a device is free.

    Args:
        user: a trainer, an approver or an administrator.
        adapter: what is exported.
        what: some of ``ml.export.parts.PARTS``.

    Raises:
        NotAllowed: the person may not export.
        Invalid: that cannot be exported.
        Conflict: an export of this adapter waits or runs already.
    """
    require(user, Action.ADAPTERS_EXPORT)
    if problem := parts.problem_of(what):
        raise Invalid(_(problem), code="invalid_parts", what=[_(problem)])
    request = {
        "what": list(parts.parts_of(what)),
        "name": adapter.name,
        "temperature": adapter.assistant.temperature,
    }
    return adapter_job_start(user=user, adapter=adapter, kind=Kind.EXPORT, request=request)


@transaction.atomic
def export_delete(*, user: "User", export: AdapterJob) -> None:
    """Forget an export and free what it takes on the disk.

    Raises:
        NotAllowed: the person may not export.
        Conflict: it waits or runs; it has to be stopped first.
    """
    require(user, Action.ADAPTERS_EXPORT)
    locked = AdapterJob.objects.select_for_update().filter(pk=export.pk).first()
    if locked is None:
        return
    if locked.state in {State.QUEUED, *AdapterJob.ACTIVE}:
        raise Conflict(_("This export is not finished yet. Stop it first."), code="not_finished")
    audit_write(
        actor=user,
        action="adapter.export.delete",
        entity=export.adapter,
        adapter=export.adapter.name,
        number=export.number,
    )
    folder = locked.folder
    locked.delete()
    transaction.on_commit(lambda: shutil.rmtree(folder, ignore_errors=True))


def export_files(*, export: AdapterJob) -> "list[tuple[str, Path]]":
    """Name in the archive and place on the disk of every file of a finished export.

    Raises:
        Conflict: it has not succeeded.
        NotFound: its files are not on this machine, or not as they were written.
    """
    if export.state != State.SUCCEEDED:
        raise Conflict(_("This export has not succeeded."), code="not_finished", state=export.state)
    root = export.folder / parts.FOLDER
    found = []
    for file in written_files(export):
        name = PurePosixPath(file["path"])
        path = root / name
        is_inside = path.resolve().is_relative_to(root.resolve())
        if not is_inside or not path.is_file() or path.stat().st_size != file["bytes"]:
            raise NotFound(
                _("The files of this export are no longer on this machine. Export again."),
                code="files_gone",
            )
        found.append((name.as_posix(), path))
    return found


def written_files(export: AdapterJob) -> list[dict[str, Any]]:
    """Path, bytes and sha256 of each file, as the process told them."""
    files: list[dict[str, Any]] = (export.result or {}).get("files") or []
    return files
