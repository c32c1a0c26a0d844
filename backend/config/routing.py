"""Socket addresses: there is one, a socket per tab."""

from typing import TYPE_CHECKING, cast

from django.urls import path

from backend.chat.consumers import TabConsumer

if TYPE_CHECKING:
    from typing import Any

    from channels.routing import URLRouter, _ExtendedURLPattern

websocket_urlpatterns: "list[_ExtendedURLPattern | URLRouter]" = [
    # django-stubs knows views only; Channels' router takes ASGI applications.
    cast("_ExtendedURLPattern", path("ws/", cast("Any", TabConsumer.as_asgi()))),
]
