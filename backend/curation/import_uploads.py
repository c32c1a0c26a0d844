"""An uploaded file of records: imported at once where it is small, else by a worker."""

from typing import TYPE_CHECKING, Any

from django.conf import settings
from django.db import transaction
from django.utils.translation import gettext as _

from backend.accounts.roles import Action, require
from backend.common import jobs
from backend.common.errors import Invalid
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
    file: "UploadedFile[bytes]",
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


def import_preview(
    *,
    actor: "User",
    upload: str,
    filename: str,
    options: "Mapping[str, Any]",
    placeholders: "Mapping[str, str]",
) -> "Job":
    """What would become of a kept file's rows; the file stays for the import that may follow.

    A file that cannot be read is a failed job, so that it can be read differently.

    Raises:
        NotAllowed: the person may not write records.
        Invalid: an option is wrong, or the file is gone.
    """
    given: dict[str, Any] = {
        "upload": upload,
        "filename": filename,
        "options": dict(options),
        "placeholders": dict(placeholders),
        "dry_run": True,
    }
    try:
        return _at_once_or_later(actor=actor, **given)
    except Invalid as error:
        if error.code != "invalid_file":
            raise
        return jobs.job_record(
            kind=import_jobs.KIND,
            owner=actor,
            params=import_jobs.import_params(**given, keep_upload=True),
            result=None,
            error=jobs.error_json(import_jobs.KIND, error),
        )


def import_confirm(*, actor: "User", preview: "Job") -> "Job":
    """Import what a preview showed.

    Raises:
        NotAllowed: the person may not write records.
        Invalid: the file cannot be read any more.
    """
    params = preview.params
    return _at_once_or_later(
        actor=actor,
        upload=params["upload"],
        filename=params["filename"],
        options=params["options"],
        placeholders=params["placeholders"],
        dry_run=False,
    )


def _at_once_or_later(
    *,
    actor: "User",
    upload: str,
    filename: str,
    options: "Mapping[str, Any]",
    placeholders: "Mapping[str, str]",
    dry_run: bool,
) -> "Job":
    require(actor, Action.RECORDS_WRITE)
    path = uploads.upload_path(upload)
    if not path.is_file():
        raise Invalid(_("The file is no longer here. Choose it again."), code="file_gone")
    chosen = import_jobs.reading_options(options)
    given: dict[str, Any] = {
        "upload": upload,
        "filename": filename,
        "options": dict(options),
        "placeholders": dict(placeholders),
        "dry_run": dry_run,
        "keep_upload": dry_run,
    }
    busy = not dry_run and import_jobs.is_importing()
    if import_jobs.is_large(path, filename, chosen) or busy:
        return import_jobs.import_start(actor=actor, **given)
    with transaction.atomic():
        result = file_import(
            actor=actor,
            path=path,
            filename=filename,
            options=chosen,
            placeholders=placeholders,
            dry_run=dry_run,
            wanted=import_jobs.WANTED,
        )
        kept = import_jobs.result_json(result)
        if dry_run:
            kept["inspection"] = import_jobs.inspected(path, filename, chosen)
        job = jobs.job_record(
            kind=import_jobs.KIND,
            owner=actor,
            params=import_jobs.import_params(**given),
            result=kept,
        )
    if not dry_run:
        uploads.upload_remove(upload)
    return job
