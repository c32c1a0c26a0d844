"""Records, their revisions, and the frozen versions that a run trains on."""

from backend.curation.models.findings import Finding
from backend.curation.models.records import Record, Revision
from backend.curation.models.versions import DatasetVersion, DatasetVersionItem

__all__ = ["DatasetVersion", "DatasetVersionItem", "Finding", "Record", "Revision"]
