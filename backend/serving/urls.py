"""Addresses under ``/api/v1/``."""

from django.urls import path

from backend.serving import evaluation_views, export_views, usage_views, views, vote_views

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
    path(
        "assistants/<uuid:assistant_id>/gate",
        evaluation_views.AssistantGateView.as_view(),
        name="assistant-gate",
    ),
    path("adapters", views.AdaptersView.as_view(), name="adapters"),
    path("adapters/<uuid:adapter_id>", views.AdapterView.as_view(), name="adapter"),
    path(
        "adapters/<uuid:adapter_id>/promote",
        views.AdapterPromoteView.as_view(),
        name="adapter-promote",
    ),
    path(
        "adapters/<uuid:adapter_id>/export",
        export_views.AdapterExportView.as_view(),
        name="adapter-export",
    ),
    path(
        "adapters/<uuid:adapter_id>/exports",
        export_views.AdapterExportsView.as_view(),
        name="adapter-exports",
    ),
    path(
        "adapters/<uuid:adapter_id>/exports/<uuid:export_id>",
        export_views.ExportView.as_view(),
        name="export",
    ),
    path(
        "adapters/<uuid:adapter_id>/exports/<uuid:export_id>/stop",
        export_views.ExportStopView.as_view(),
        name="export-stop",
    ),
    path(
        "adapters/<uuid:adapter_id>/exports/<uuid:export_id>/archive",
        export_views.ExportArchiveView.as_view(),
        name="export-archive",
    ),
    path(
        "adapters/<uuid:adapter_id>/evaluate",
        evaluation_views.AdapterEvaluateView.as_view(),
        name="adapter-evaluate",
    ),
    path(
        "adapters/<uuid:adapter_id>/standing",
        evaluation_views.AdapterStandingView.as_view(),
        name="adapter-standing",
    ),
    path("evaluations", evaluation_views.EvaluationsView.as_view(), name="evaluations"),
    path(
        "evaluations/<uuid:evaluation_id>",
        evaluation_views.EvaluationView.as_view(),
        name="evaluation",
    ),
    path(
        "evaluations/<uuid:evaluation_id>/answers",
        evaluation_views.EvaluationAnswersView.as_view(),
        name="evaluation-answers",
    ),
    path(
        "evaluations/<uuid:evaluation_id>/stop",
        evaluation_views.EvaluationStopView.as_view(),
        name="evaluation-stop",
    ),
    path(
        "evaluations/<uuid:evaluation_id>/votes",
        vote_views.EvaluationVotesView.as_view(),
        name="evaluation-votes",
    ),
    path("blind-votes/<uuid:vote_id>", vote_views.BlindVoteView.as_view(), name="blind-vote"),
]
