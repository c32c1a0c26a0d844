"""Redis names and the short blocking calls: the queue of replies, and one stream per reply.

A stream's entry ids are ``<seq>-0``, so that a follower reads on from its last ``seq`` and a second
writer of the same answer is refused by Redis itself.
"""

import json
import logging
from collections.abc import Mapping
from functools import cache
from typing import TYPE_CHECKING, Any, Final, cast

import redis
import redis.asyncio
from django.conf import settings
from redis.asyncio.retry import Retry
from redis.backoff import NoBackoff

if TYPE_CHECKING:
    import uuid

logger = logging.getLogger(__name__)

QUEUE: Final = "loredesk:replies"
GROUP: Final = "repliers"
STOP_CHANNEL: Final = "loredesk:replies:stop"
EVENT: Final = "event"  # the field of an entry that holds the event as it goes to the page
IS_FINAL: Final = "final"  # a field that only the last entry has

# What redis-py's reads give, whose own types allow for every protocol and encoding.
Entries = list[tuple[str, dict[str, str]]]
Streams = list[tuple[str, Entries]]

# Longer than any answer takes, for streams whose writer died and whose row was deleted.
UNFINISHED_TTL_S: Final = 24 * 3600
# After the end the row has it all; this only spares those who are in mid-follow a second look.
FINISHED_TTL_S: Final = 300


def stream_key(reply_id: "uuid.UUID | str") -> str:
    return f"loredesk:reply:{reply_id}"


def replier_key(replier: str) -> str:
    """The key that exists as long as the replier process of that name is alive."""
    return f"loredesk:replier:{replier}"


def wire(event: Mapping[str, Any]) -> str:  # Any: every event of ``chat.events``
    """An event as the text that reaches the page."""
    return json.dumps(event, ensure_ascii=False, separators=(",", ":"))


@cache
def client() -> "redis.Redis":
    """The client of blocking code; never used for blocking reads."""
    return redis.Redis.from_url(
        settings.REDIS_URL,
        decode_responses=True,
        protocol=2,
        socket_timeout=5,
        socket_connect_timeout=2,
    )


def async_client() -> "redis.asyncio.Redis":
    """One that blocks as long as it is told to and leaves trying again to its user's loops."""
    return redis.asyncio.Redis.from_url(
        settings.REDIS_URL,
        decode_responses=True,
        protocol=2,  # with the newer one the reads have another shape
        socket_timeout=None,
        socket_connect_timeout=5,
        socket_keepalive=True,
        retry=Retry(NoBackoff(), 0),
    )


def queue_add(reply_id: "uuid.UUID | str") -> None:
    """Offer a queued reply to the repliers.

    Redis away is no failure of the question: the row is queued, and ``recovery`` offers it again.
    """
    try:
        client().xadd(QUEUE, {"reply": str(reply_id)})
    except redis.RedisError as error:
        logger.warning("reply %s waits for Redis: %s", reply_id, error)


def queue_offered() -> set[str]:
    """Ids of the replies that a replier will come to, or has read and not yet taken.

    An entry that was read and that nobody holds any more leads nowhere: it is removed here.
    """
    entries = cast("Entries", client().xrange(QUEUE))
    if not entries:
        return set()
    try:
        groups = client().xinfo_groups(QUEUE)
        held = client().xpending_range(QUEUE, GROUP, "-", "+", count=len(entries) + 1000)
    except redis.ResponseError:  # no group yet, so nothing has been read
        return {fields.get("reply", "") for _id, fields in entries}
    read_up_to = max(_place(group["last-delivered-id"]) for group in groups)
    in_hand = {entry["message_id"] for entry in held}
    stranded = [id_ for id_, _f in entries if _place(id_) <= read_up_to and id_ not in in_hand]
    if stranded:
        client().xdel(QUEUE, *stranded)
    return {fields.get("reply", "") for id_, fields in entries if id_ not in stranded}


def _place(entry_id: str) -> tuple[int, int]:
    milliseconds, _dash, count = entry_id.partition("-")
    return int(milliseconds), int(count)


def stop_publish(reply_id: "uuid.UUID | str") -> None:
    """Tell whoever writes this answer to look at its row now, not at the next save."""
    try:
        client().publish(STOP_CHANNEL, str(reply_id))
    except redis.RedisError as error:
        logger.warning("stop of %s is seen at its next save: %s", reply_id, error)


def entries_after(reply_id: "uuid.UUID | str", seq: int) -> list[dict[str, Any]]:
    """The events of a reply's stream that come after ``seq``."""
    found = cast("Entries", client().xrange(stream_key(reply_id), f"({seq}-0"))
    return [json.loads(fields[EVENT]) for _id, fields in found]


def final_publish(event: Mapping[str, Any]) -> None:
    """Append the last event of an answer that nobody writes any more."""
    key = stream_key(event["message_id"])
    try:
        with client().pipeline(transaction=False) as pipe:
            pipe.xadd(key, {EVENT: wire(event), IS_FINAL: "1"}, id=f"{event['seq']}-0")
            pipe.expire(key, FINISHED_TTL_S)
            pipe.execute()
    except redis.RedisError as error:
        # Followers look at the row when a stream stays silent.
        logger.warning("last event of %s not sent: %s", event["message_id"], error)


def is_replier_alive(replier: str) -> bool:
    return bool(replier) and client().exists(replier_key(replier)) == 1
