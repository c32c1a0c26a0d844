"""Addresses under ``/api/v1/``."""

from django.urls import path

from backend.training import views
from backend.training.preflight.views import PreflightView

urlpatterns = [
    path("training-runs", views.TrainingRunsView.as_view(), name="training-runs"),
    path(
        "training-runs/defaults",
        views.TrainingRunDefaultsView.as_view(),
        name="training-run-defaults",
    ),
    path("training-runs/<uuid:run_id>", views.TrainingRunView.as_view(), name="training-run"),
    path(
        "training-runs/<uuid:run_id>/metrics",
        views.TrainingRunMetricsView.as_view(),
        name="training-run-metrics",
    ),
    path(
        "training-runs/<uuid:run_id>/log",
        views.TrainingRunLogView.as_view(),
        name="training-run-log",
    ),
    path(
        "training-runs/<uuid:run_id>/stop",
        views.TrainingRunStopView.as_view(),
        name="training-run-stop",
    ),
    path(
        "training-runs/<uuid:run_id>/resume",
        views.TrainingRunResumeView.as_view(),
        name="training-run-resume",
    ),
    path(
        "dataset-versions/<uuid:version_id>/preflight",
        PreflightView.as_view(),
        name="dataset-version-preflight",
    ),
]
