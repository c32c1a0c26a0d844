"""The web process: HTTP through Django, sockets through Channels."""

import gc
import os
from typing import TYPE_CHECKING, cast

os.environ.setdefault("DJANGO_SETTINGS_MODULE", "backend.config.settings")

if TYPE_CHECKING:
    from asgiref.typing import ASGI3Application

from channels.routing import ProtocolTypeRouter, URLRouter
from django.core.asgi import get_asgi_application

# Loads the apps; consumers import models, so it has to come first.
http_application = get_asgi_application()

from channels.auth import AuthMiddlewareStack  # noqa: E402

from backend.api.edge import BodyLimit, SameOriginSocket  # noqa: E402
from backend.config.routing import websocket_urlpatterns  # noqa: E402

# What is loaded now stays for good; the collector need not look through it again and again.
gc.collect()
gc.freeze()

application = ProtocolTypeRouter(
    {
        "http": BodyLimit(cast("ASGI3Application", http_application)),
        "websocket": SameOriginSocket(
            cast("ASGI3Application", AuthMiddlewareStack(URLRouter(websocket_urlpatterns)))
        ),
    }
)
