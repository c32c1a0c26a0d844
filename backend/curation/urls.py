"""Addresses under ``/api/v1/``."""

from django.urls import path

from backend.curation import (
    desk_views,
    finding_views,
    forget_views,
    inbox_views,
    version_views,
    views,
)

urlpatterns = [
    path("records", views.RecordsView.as_view(), name="records"),
    path("records/import", views.RecordsImportView.as_view(), name="records-import"),
    path("records/export", views.RecordsExportView.as_view(), name="records-export"),
    path("records/bulk", desk_views.RecordsBulkView.as_view(), name="records-bulk"),
    path("records/similar", desk_views.SimilarToTextView.as_view(), name="records-similar"),
    path(
        "records/<uuid:record_id>/similar",
        desk_views.SimilarToRecordView.as_view(),
        name="record-similar",
    ),
    path(
        "records/<uuid:record_id>/revisions/<int:number>",
        desk_views.RevisionView.as_view(),
        name="record-revision",
    ),
    path("records/<uuid:record_id>/diff", desk_views.DiffView.as_view(), name="record-diff"),
    path(
        "records/<uuid:record_id>/restore", desk_views.RestoreView.as_view(), name="record-restore"
    ),
    path("saved-filters", desk_views.SavedFiltersView.as_view(), name="saved-filters"),
    path(
        "saved-filters/<uuid:filter_id>",
        desk_views.SavedFilterView.as_view(),
        name="saved-filter",
    ),
    path("records/length", finding_views.RecordLengthView.as_view(), name="records-length"),
    path("findings/summary", finding_views.FindingsSummaryView.as_view(), name="findings-summary"),
    path(
        "records/<uuid:record_id>/findings",
        finding_views.RecordFindingsView.as_view(),
        name="record-findings",
    ),
    path(
        "records/<uuid:record_id>/findings/<uuid:finding_id>/fix",
        finding_views.FindingFixView.as_view(),
        name="record-finding-fix",
    ),
    path(
        "records/<uuid:record_id>/findings/<uuid:finding_id>/ignore",
        finding_views.FindingIgnoreView.as_view(),
        name="record-finding-ignore",
    ),
    path("records/<uuid:record_id>", views.RecordView.as_view(), name="record"),
    path("records/<uuid:record_id>/submit", views.RecordSubmitView.as_view(), name="record-submit"),
    path(
        "records/<uuid:record_id>/approve", views.RecordApproveView.as_view(), name="record-approve"
    ),
    path("records/<uuid:record_id>/reject", views.RecordRejectView.as_view(), name="record-reject"),
    path(
        "records/<uuid:record_id>/archive", views.RecordArchiveView.as_view(), name="record-archive"
    ),
    path(
        "records/<uuid:record_id>/forget",
        forget_views.RecordForgetView.as_view(),
        name="record-forget",
    ),
    path(
        "records/<uuid:record_id>/revisions",
        views.RevisionsView.as_view(),
        name="record-revisions",
    ),
    path("dataset-versions", version_views.VersionsView.as_view(), name="dataset-versions"),
    path(
        "dataset-versions/preview",
        version_views.FreezePreviewView.as_view(),
        name="dataset-version-preview",
    ),
    path(
        "dataset-versions/<uuid:version_id>/diff",
        version_views.VersionDiffView.as_view(),
        name="dataset-version-diff",
    ),
    path(
        "dataset-versions/<uuid:version_id>/diff/<uuid:record_id>",
        version_views.RecordDiffView.as_view(),
        name="dataset-version-diff-record",
    ),
    path(
        "dataset-versions/<uuid:version_id>",
        version_views.VersionView.as_view(),
        name="dataset-version",
    ),
    path(
        "dataset-versions/<uuid:version_id>/items",
        version_views.VersionItemsView.as_view(),
        name="dataset-version-items",
    ),
    path(
        "dataset-versions/<uuid:version_id>/export",
        version_views.VersionExportView.as_view(),
        name="dataset-version-export",
    ),
    path("feedback", inbox_views.FeedbackListView.as_view(), name="feedback"),
    path("feedback/mine", inbox_views.FeedbackMineView.as_view(), name="feedback-mine"),
    path("feedback/<uuid:item_id>", inbox_views.FeedbackView.as_view(), name="feedback-item"),
    path(
        "feedback/<uuid:item_id>/draft",
        inbox_views.FeedbackDraftView.as_view(),
        name="feedback-draft",
    ),
    path(
        "feedback/<uuid:item_id>/handle",
        inbox_views.FeedbackHandleView.as_view(),
        name="feedback-handle",
    ),
    path(
        "feedback/<uuid:item_id>/reopen",
        inbox_views.FeedbackReopenView.as_view(),
        name="feedback-reopen",
    ),
]
