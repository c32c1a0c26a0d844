"""An uploaded file of records: imported at once where it is small, else by a worker."""

from typing import TYPE_CHECKING, Any

from django.conf import settings

from backend.accounts.roles import Action, require
from backend.curation import import_jobs, uploads
from backend.curation.services.imports import file_import, too_large

if TYPE_CHECKING:
    from collections.abc import Mapping

    from django.core.files.uploadedfile import UploadedFile

    from backend.accounts.models import User
    from backend.common.models import Job
    from backend.curation.services.imports import ImportResult


def records_import_upload(
    *,
    actor: "User",
    file: "UploadedFile",
    given: "Mapping[str, Any]",
) -> "ImportResult | Job":
    """Import, or only look: the result, or the job of a worker.

    Args:
        actor: becomes the author.
        file: as it was sent.
        given: ``dry_run``, ``placeholders`` and the names of ``ReadingOptions``.

    Raises:
        NotAllowed: the person may not write records.
        Invalid: an option is wrong, or the file as a whole cannot be read.
    """
    require(actor, Action.RECORDS_WRITE)
    if (file.size or 0) > settings.MAX_UPLOAD_BYTES:
        raise too_large()
    names = ("format", "encoding", "delimiter", "sheet", "header", "columns")
    chosen = {name: given[name] for name in names if given.get(name)}
    options = import_jobs.reading_options(chosen)
    placeholders = import_jobs.texts_of(given.get("placeholders"), "placeholders")
    dry_run = bool(given.get("dry_run"))
    filename = file.name or ""
    upload = uploads.upload_keep(file)
    handed_on = False
    try:
        path = uploads.upload_path(upload)
        busy = not dry_run and import_jobs.is_importing()
        if import_jobs.is_large(path, filename, options) or busy:
            job = import_jobs.import_start(
                actor=actor,
                upload=upload,
                filename=filename,
                options=chosen,
                placeholders=placeholders,
                dry_run=dry_run,
            )
            handed_on = True
            return job
        return file_import(
            actor=actor,
            path=path,
            filename=filename,
            options=options,
            placeholders=placeholders,
            dry_run=dry_run,
        )
    finally:
        if not handed_on:
            uploads.upload_remove(upload)
