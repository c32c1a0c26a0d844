"""Imports as long work: what is asked for, done by a worker, and shown of it."""

from dataclasses import asdict, replace
from itertools import islice
from typing import TYPE_CHECKING, Any, Final

from django.conf import settings
from django.utils.translation import gettext as _

from backend.accounts.models import User
from backend.accounts.roles import Action, require
from backend.common import jobs
from backend.common.errors import Invalid
from backend.common.models import Job
from backend.curation import uploads
from backend.curation.content import sentence
from backend.curation.services.import_rows import reason
from backend.curation.services.imports import Wanted, file_import, invalid_file
from ml.formats import (
    DELIMITERS,
    ENCODINGS,
    ENDINGS,
    FIELDS,
    FormatError,
    ReadingOptions,
    inspect,
    read_rows,
)

if TYPE_CHECKING:
    from collections.abc import Mapping
    from pathlib import Path

    from backend.common.errors import DomainError
    from backend.common.jobs import Progress
    from backend.curation.services.imports import ImportResult

KIND: Final = "records.import"
# A result stays small, however long the file is.
WANTED: Final = Wanted(rows=1000, new_rows=200)
COUNT_EVERY: Final = 1000

Json = dict[str, Any]


def reading_options(given: "Mapping[str, Any]") -> ReadingOptions:
    """Options as they come from outside.

    Raises:
        Invalid: with the first that is wrong.
    """
    choices = {"format": tuple(ENDINGS), "encoding": ENCODINGS, "delimiter": DELIMITERS}
    for name, allowed in choices.items():
        if given.get(name) and given[name] not in allowed:
            if name == "format":
                problem = sentence(FormatError("unknown_format", kind=str(given[name])[:40]))
            else:
                shown = ", ".join(repr(choice) for choice in allowed)
                problem = _("Choose one of: %(choices)s.") % {"choices": shown}
            raise Invalid(problem, code="invalid_option", **{name: [problem]})
    columns = texts_of(given.get("columns"), "columns")
    if not set(columns.values()) <= {"", *FIELDS}:
        problem = _("Choose one of: %(choices)s.") % {"choices": ", ".join(FIELDS)}
        raise Invalid(problem, code="invalid_option", columns=[problem])
    return ReadingOptions(
        format=given.get("format") or None,
        encoding=given.get("encoding") or None,
        delimiter=given.get("delimiter") or None,
        sheet=given.get("sheet") or None,
        header=given.get("header") or None,
        columns=columns,
    )


def texts_of(value: object, name: str) -> dict[str, str]:
    """An object of texts.

    Raises:
        Invalid: it is something else, or too large.
    """
    if value in (None, ""):
        return {}
    if (
        not isinstance(value, dict)
        or len(value) > 300
        or not all(isinstance(text, str) and len(text) <= 2000 for text in value.values())
    ):
        problem = _("Send an object of texts.")
        raise Invalid(problem, code="invalid_option", **{name: [problem]})
    return {str(key): text for key, text in value.items()}


def is_large(path: "Path", filename: str, options: ReadingOptions) -> bool:
    """Whether a worker has to do it.

    Raises:
        Invalid: the file cannot be read.
    """
    if path.stat().st_size > settings.IMPORT_AT_ONCE_BYTES:
        return True
    try:
        rows = read_rows(path, filename=filename, options=options)
        limit = settings.IMPORT_AT_ONCE_ROWS
        return sum(1 for _row in islice(rows, limit + 1)) > limit
    except FormatError as error:
        raise invalid_file(sentence(error)) from error


def is_importing() -> bool:
    """Whether a worker imports at the moment: whoever imports now would wait for it."""
    return Job.objects.filter(kind=KIND, state=Job.State.RUNNING).exists()


def import_start(
    *,
    actor: User,
    upload: str,
    filename: str,
    options: "Mapping[str, Any]",
    placeholders: "Mapping[str, str]",
    dry_run: bool,
    keep_upload: bool = False,
    total: int | None = None,
) -> Job:
    """Have a worker import an uploaded file.

    Raises:
        NotAllowed: the person may not write records.
    """
    require(actor, Action.RECORDS_WRITE)
    params = import_params(
        upload=upload,
        filename=filename,
        options=options,
        placeholders=placeholders,
        dry_run=dry_run,
        keep_upload=keep_upload,
        total=total,
    )
    return jobs.job_start(kind=KIND, owner=actor, params=params)


def import_params(**given: Any) -> Json:
    given["filename"] = given["filename"].replace("\0", "")[:300]
    return given


def run(job: Job, progress: "Progress") -> Json:
    """What ``jobs.Kind.run`` says."""
    actor = User.objects.get(pk=job.owner_id)
    require(actor, Action.RECORDS_WRITE)
    params = job.params
    path = uploads.upload_path(params["upload"])
    if not path.is_file():
        raise Invalid(_("The file is no longer here. Choose it again."), code="file_gone")
    options = reading_options(params["options"])
    try:
        seen = inspected(path, params["filename"], options)
        total = params.get("total") or _count(path, params["filename"], options, progress)
    except FormatError as error:
        raise invalid_file(sentence(error)) from error
    progress(0, total)
    result = file_import(
        actor=actor,
        path=path,
        filename=params["filename"],
        options=options,
        placeholders=params["placeholders"],
        dry_run=params["dry_run"],
        wanted=WANTED,
        progress=progress,
        total=total,
    )
    return result_json(result) | {"inspection": seen}


def inspected(path: "Path", filename: str, options: ReadingOptions) -> Json:
    """What was recognised in a file, as JSON."""
    try:
        seen = inspect(path, filename=filename, options=options)
    except FormatError as error:
        raise invalid_file(sentence(error)) from error
    return asdict(replace(seen, mapping=dict(seen.mapping)))


def _count(path: "Path", filename: str, options: ReadingOptions, progress: "Progress") -> int:
    """How many rows there are; a file that is broken at its end is refused before any is stored."""
    number = 0
    for number, _row in enumerate(read_rows(path, filename=filename, options=options), start=1):
        if number % COUNT_EVERY == 0:
            progress(0, None)
    return number


def result_json(result: "ImportResult") -> Json:
    """A result as it is kept: reasons as codes, for each reader has a language."""
    return {
        "counts": result.counts,
        "rows": [
            {
                "row": row.row,
                "outcome": row.outcome.value,
                "code": row.code,
                "params": row.params,
                "question": row.question,
                "file": row.file,
            }
            for row in result.rows
        ],
        "samples": [asdict(fields) for fields in result.samples],
        "first_at": result.first_at,
        "last_at": result.last_at,
    }


def present(result: Json) -> Json:
    """What ``jobs.Kind.present`` says: the shape of an import's answer."""
    rows = [{"reason": reason(row["code"], row["params"]), **row} for row in result["rows"]]
    return {**result, "rows": rows}


def error_reason(error: "DomainError") -> Json:
    """What ``jobs.Kind.reason`` says: of a file that cannot be read, the code and its values."""
    refused = error.__cause__
    if not isinstance(refused, FormatError):
        return {}
    return {"code": refused.code, "params": refused.params, "file": refused.file}


def say(kept: Json) -> str:
    """What ``jobs.Kind.say`` says."""
    return sentence(FormatError(kept["code"], **kept["params"]).in_file(kept["file"]))


def ended(job: Job) -> None:
    """What ``jobs.Kind.ended`` says: the file stays only where it is imported next or again."""
    if job.params.get("keep_upload") or jobs.is_restartable(job) or not job.has_ended:
        return
    uploads.upload_remove(job.params["upload"])


def register() -> None:
    jobs.KINDS[KIND] = jobs.Kind(
        run=run, present=present, reason=error_reason, say=say, ended=ended
    )
