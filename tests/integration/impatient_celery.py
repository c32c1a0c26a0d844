"""The Celery application of a trainer whose broker delivers again what is not done in 5 s.

Messages are acknowledged when their work is done, so that slices which take longer than that come
again while they are still being worked on.
"""

from celery.signals import worker_init

from backend.config.celery import app

__all__ = ["app"]

VISIBILITY_TIMEOUT_S = 5

app.conf.task_acks_late = True
app.conf.broker_transport_options = {
    **app.conf.broker_transport_options,
    "visibility_timeout": VISIBILITY_TIMEOUT_S,
    # How often kombu looks for such messages, in seconds and in calls.
    "unacked_restore_interval": 1,
    "unacked_restore_throttle": 1,
}


@worker_init.connect
def _long_slices(**_: object) -> None:
    from backend.training import supervision  # Django is set up by now

    supervision.SLICE_S = 2.5 * VISIBILITY_TIMEOUT_S  # type: ignore[misc]  # longer than in use
