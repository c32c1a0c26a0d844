"""The Celery application: ``worker`` and ``trainer`` take from it, ``beat`` keeps its timers."""

import os
from typing import Any

from celery import Celery
from celery.signals import beat_init, worker_ready, worker_shutdown

from backend.chat.schedule import BEAT_SCHEDULE as CHAT_SCHEDULE
from backend.common.schedule import BEAT_SCHEDULE as COMMON_SCHEDULE
from backend.curation.schedule import BEAT_SCHEDULE as CURATION_SCHEDULE
from backend.serving.schedule import BEAT_SCHEDULE as SERVING_SCHEDULE
from backend.training.schedule import BEAT_SCHEDULE as TRAINING_SCHEDULE

os.environ.setdefault("DJANGO_SETTINGS_MODULE", "backend.config.settings")

app = Celery("loredesk")
app.config_from_object("django.conf:settings", namespace="CELERY")
app.autodiscover_tasks()
app.conf.beat_schedule = {
    **COMMON_SCHEDULE,
    **CURATION_SCHEDULE,
    **TRAINING_SCHEDULE,
    **SERVING_SCHEDULE,
    **CHAT_SCHEDULE,
}


@worker_ready.connect
def _worker_alive(sender: Any, **_: object) -> None:  # Any: Celery's consumer has no types
    from backend.common import heartbeat

    queues = {queue.name for queue in sender.task_consumer.queues}
    for queue, kind in (("training", "trainer"), ("knowledge", "worker")):
        if queue in queues:
            heartbeat.beat_in_background(kind)
    if "training" in queues:
        from backend.training import trainer

        trainer.join(sender)


@worker_shutdown.connect
def _trainer_leaves(sender: Any, **_: object) -> None:  # Any: Celery's worker has no types
    if "training" in sender.app.amqp.queues.consume_from:
        from backend.training import trainer

        trainer.leave()


@beat_init.connect
def _beat_alive(**_: object) -> None:
    from backend.common import heartbeat

    heartbeat.beat_in_background("beat")
