"""Records, their revisions, saved filters, the frozen versions to train on, the feedback inbox."""

from backend.curation.models.findings import Finding
from backend.curation.models.inbox import FeedbackItem
from backend.curation.models.records import Record, Revision
from backend.curation.models.saved_filters import SavedFilter
from backend.curation.models.tally import RecordTally
from backend.curation.models.versions import DatasetVersion, DatasetVersionItem

__all__ = [
    "DatasetVersion",
    "DatasetVersionItem",
    "FeedbackItem",
    "Finding",
    "Record",
    "RecordTally",
    "Revision",
    "SavedFilter",
]
