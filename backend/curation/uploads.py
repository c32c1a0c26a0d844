"""Files that wait for a worker: private, in the data folder, gone when nobody needs them."""

import logging
import shutil
import time
import uuid
from pathlib import Path
from typing import TYPE_CHECKING, Final

from django.conf import settings

from backend.common.models import Job

if TYPE_CHECKING:
    from django.core.files.base import File

logger = logging.getLogger(__name__)

KEPT_S: Final = 24 * 3600


def folder() -> Path:
    path: Path = settings.DATA_DIR / "imports"
    path.mkdir(mode=0o700, parents=True, exist_ok=True)
    return path


def upload_keep(file: "File[bytes]") -> str:
    """Keep a file; its id finds it again."""
    name = uuid.uuid4().hex
    with (folder() / name).open("xb") as kept:
        for chunk in file.chunks():
            kept.write(chunk)
    return name


def upload_copy(path: Path) -> str:
    """Keep a copy of a file."""
    name = uuid.uuid4().hex
    shutil.copyfile(path, folder() / name)
    return name


def upload_path(upload_id: str) -> Path:
    """Where it lies, if it is still there.

    Raises:
        ValueError: no id of ours.
    """
    return folder() / uuid.UUID(upload_id).hex


def upload_remove(upload_id: str) -> None:
    upload_path(upload_id).unlink(missing_ok=True)


def uploads_clean() -> None:
    """Remove what has waited for a day and is no longer needed by work that goes on."""
    going_on = Job.objects.filter(state__in=[Job.State.QUEUED, Job.State.RUNNING])
    needed = set(going_on.values_list("params__upload", flat=True))
    before = time.time() - KEPT_S
    for path in folder().iterdir():
        if path.name not in needed and path.stat().st_mtime < before:
            path.unlink(missing_ok=True)
