"""A trainer's coming and going: hooks of the Celery worker that takes the queue ``training``."""

from typing import TYPE_CHECKING

from backend.training import process, supervision, tasks

if TYPE_CHECKING:
    from celery.worker.consumer import Consumer


def join(consumer: "Consumer") -> None:
    """Take this machine's own queue too, and take up what an earlier trainer left."""
    queue = tasks.host_queue(process.this_host())
    consumer.add_task_queue(queue)
    tasks.training_trainer_joined.apply_async(queue=queue)


def leave() -> None:
    """Hand this machine's run back with a checkpoint; call it after the last task has ended."""
    if supervision.hand_back():
        tasks.queue_advance_ask()  # a trainer on another machine may go on with it
