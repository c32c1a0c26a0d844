"""The Celery application: ``worker`` and ``trainer`` take from it, ``beat`` keeps its timers."""

import os
from typing import Any

from celery import Celery
from celery.signals import beat_init, worker_ready

os.environ.setdefault("DJANGO_SETTINGS_MODULE", "backend.config.settings")

app = Celery("loredesk")
app.config_from_object("django.conf:settings", namespace="CELERY")
app.autodiscover_tasks()


@worker_ready.connect
def _worker_alive(sender: Any, **_: object) -> None:  # Any: Celery's consumer has no types
    from backend.common import heartbeat

    queues = {queue.name for queue in sender.task_consumer.queues}
    for queue, kind in (("training", "trainer"), ("knowledge", "worker")):
        if queue in queues:
            heartbeat.beat_in_background(kind)


@beat_init.connect
def _beat_alive(**_: object) -> None:
    from backend.common import heartbeat

    heartbeat.beat_in_background("beat")
