"""The OpenAI-compatible addresses and ``/generate``."""

from django.urls import path
from django.views.decorators.csrf import csrf_exempt

from backend.api.openai import schema, views  # noqa: F401  # schema: makes the keys known to it

# A key needs no CSRF token; for a browser's session the views check it themselves.
urlpatterns = [
    path("v1/models", csrf_exempt(views.ModelsView.as_view()), name="openai-models"),
    path("v1/models/<str:slug>", csrf_exempt(views.ModelView.as_view()), name="openai-model"),
    path(
        "v1/chat/completions",
        csrf_exempt(views.ChatCompletionsView.as_view()),
        name="openai-chat-completions",
    ),
    path("generate", csrf_exempt(views.GenerateView.as_view()), name="generate"),
]
