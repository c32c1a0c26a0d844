"""The curators' pages."""

from backend.curation.admin.records import RecordAdmin

__all__ = ["RecordAdmin"]
