"""Writes of records and versions."""

from backend.curation.services.exports import records_export
from backend.curation.services.forgetting import record_forget
from backend.curation.services.imports import records_import
from backend.curation.services.records import (
    record_create,
    record_delete,
    record_update,
    records_insert,
)
from backend.curation.services.review import (
    record_approve,
    record_archive,
    record_reject,
    record_reopen,
    record_submit,
    records_move,
)
from backend.curation.services.versions import dataset_version_freeze

__all__ = [
    "dataset_version_freeze",
    "record_approve",
    "record_archive",
    "record_create",
    "record_delete",
    "record_forget",
    "record_reject",
    "record_reopen",
    "record_submit",
    "record_update",
    "records_export",
    "records_import",
    "records_insert",
    "records_move",
]
