"""Records, their revisions, saved filters, and the frozen versions that a run trains on."""

from backend.curation.models.records import Record, Revision
from backend.curation.models.saved_filters import SavedFilter
from backend.curation.models.versions import DatasetVersion, DatasetVersionItem

__all__ = ["DatasetVersion", "DatasetVersionItem", "Record", "Revision", "SavedFilter"]
