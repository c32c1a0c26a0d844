"""Every HTTP address but the admin's."""

from django.urls import include, path, re_path
from django.views.decorators.csrf import csrf_exempt
from drf_spectacular.views import SpectacularJSONAPIView

from backend.api import comparing, health, long_work, pages
from backend.api.session import SessionView

urlpatterns = [
    path("healthz", health.healthz),
    path("readyz", health.readyz),
    path("metrics", health.metrics),
    path("api/v1/schema", SpectacularJSONAPIView.as_view(), name="schema"),
    path("api/v1/session", SessionView.as_view(), name="session"),
    path("api/v1/tasks/<uuid:task_id>", long_work.TaskView.as_view(), name="task"),
    path(
        "api/v1/tasks/<uuid:task_id>/cancel",
        long_work.TaskCancelView.as_view(),
        name="task-cancel",
    ),
    path(
        "api/v1/tasks/<uuid:task_id>/restart",
        long_work.TaskRestartView.as_view(),
        name="task-restart",
    ),
    path("api/v1/compare", csrf_exempt(comparing.CompareView.as_view()), name="compare"),
    path("api/v1/", include("backend.curation.urls")),
    path("api/v1/", include("backend.training.urls")),
    path("api/v1/", include("backend.serving.urls")),
    path("api/v1/", include("backend.chat.urls")),
    path("", include("backend.api.openai_urls")),
    re_path(r"^(?:|signin/?|(?:chat|studio)(?:/.*)?)$", pages.vue_shell, name="pages"),
]
