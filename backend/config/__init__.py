"""Entry points and settings. Tasks are bound to our Celery application wherever Django runs."""

from backend.config.celery import app as celery_app

__all__ = ["celery_app"]
