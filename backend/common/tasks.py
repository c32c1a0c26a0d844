"""Celery's part in long work: messages that make a worker look at a row."""

from celery import shared_task

from backend.common import job_runs


@shared_task
def job_run(job_id: str) -> None:
    """Do the job, unless it was done, taken or cancelled meanwhile."""
    job_runs.job_run(job_id=job_id)


@shared_task
def jobs_reap() -> None:
    """End the jobs whose worker is gone; tell again of those that wait."""
    job_runs.jobs_reap()
