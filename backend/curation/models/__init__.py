"""Records, their revisions, the frozen versions that a run trains on, and the feedback inbox."""

from backend.curation.models.inbox import FeedbackItem
from backend.curation.models.records import Record, Revision
from backend.curation.models.versions import DatasetVersion, DatasetVersionItem

__all__ = ["DatasetVersion", "DatasetVersionItem", "FeedbackItem", "Record", "Revision"]
