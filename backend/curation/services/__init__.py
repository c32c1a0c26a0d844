"""Writes of records and versions."""

from backend.curation.services.bulk import BulkAction, records_bulk
from backend.curation.services.bulk_result import BulkResult
from backend.curation.services.exports import records_export
from backend.curation.services.forgetting import record_forget
from backend.curation.services.history import record_restore
from backend.curation.services.imports import records_import
from backend.curation.services.inbox import (
    feedback_report,
    feedback_take_back,
    inbox_item_draft,
    inbox_item_handle,
    inbox_item_reopen,
)
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
    record_undecide,
)
from backend.curation.services.saved_filters import (
    saved_filter_change,
    saved_filter_create,
    saved_filter_delete,
)
from backend.curation.services.versions import dataset_version_freeze

__all__ = [
    "BulkAction",
    "BulkResult",
    "dataset_version_freeze",
    "feedback_report",
    "feedback_take_back",
    "inbox_item_draft",
    "inbox_item_handle",
    "inbox_item_reopen",
    "record_approve",
    "record_archive",
    "record_create",
    "record_delete",
    "record_forget",
    "record_reject",
    "record_reopen",
    "record_restore",
    "record_submit",
    "record_undecide",
    "record_update",
    "records_bulk",
    "records_export",
    "records_import",
    "records_insert",
    "saved_filter_change",
    "saved_filter_create",
    "saved_filter_delete",
]
