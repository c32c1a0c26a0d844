"""The socket of one tab."""

from channels.generic.websocket import AsyncJsonWebsocketConsumer


class TabConsumer(AsyncJsonWebsocketConsumer):
    """Authenticates, authorises, joins, forwards."""
