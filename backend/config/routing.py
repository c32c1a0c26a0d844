"""Socket addresses: there is one, a socket per tab."""

from django.urls import path

from backend.chat.consumers import TabConsumer

websocket_urlpatterns = [path("ws/", TabConsumer.as_asgi())]
