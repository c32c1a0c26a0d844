"""Addresses under ``/api/v1/``."""

from django.urls import path

from backend.serving import usage_views, views

urlpatterns = [
    path(
        "records/<uuid:record_id>/usage",
        usage_views.RecordUsageView.as_view(),
        name="record-usage",
    ),
    path(
        "records/<uuid:record_id>/usage/panel",
        usage_views.record_usage_panel,
        name="record-usage-panel",
    ),
    path("assistants", views.AssistantsView.as_view(), name="assistants"),
    path("assistants/<uuid:assistant_id>", views.AssistantView.as_view(), name="assistant"),
    path(
        "assistants/<uuid:assistant_id>/history",
        views.AssistantHistoryView.as_view(),
        name="assistant-history",
    ),
    path(
        "assistants/<uuid:assistant_id>/rollback",
        views.AssistantRollbackView.as_view(),
        name="assistant-rollback",
    ),
    path("adapters", views.AdaptersView.as_view(), name="adapters"),
    path("adapters/<uuid:adapter_id>", views.AdapterView.as_view(), name="adapter"),
    path(
        "adapters/<uuid:adapter_id>/promote",
        views.AdapterPromoteView.as_view(),
        name="adapter-promote",
    ),
]
