"""The OpenAI-compatible addresses and ``/generate``."""

from django.urls import URLPattern

urlpatterns: list[URLPattern] = []
