"""Celery's part in the curation."""

from celery import shared_task

from backend.curation import uploads


@shared_task
def uploads_clean() -> None:
    """Remove uploaded files that nobody came back for."""
    uploads.uploads_clean()
