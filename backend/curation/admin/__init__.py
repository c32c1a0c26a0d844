"""The curators' pages."""

from backend.curation.admin.inbox import FeedbackItemAdmin
from backend.curation.admin.records import RecordAdmin

__all__ = ["FeedbackItemAdmin", "RecordAdmin"]
