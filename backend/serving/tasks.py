"""What the worker does for evaluations."""

from celery import shared_task

from backend.serving import collecting


@shared_task
def evaluations_collect() -> None:
    """Turn the results of finished evaluations into rows, and forget what was erased."""
    collecting.evaluations_collect()
    collecting.erased_forget()
