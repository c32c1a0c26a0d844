"""Addresses under ``/api/v1/``."""

from django.urls import path

from backend.curation import forget_views, version_views, views

urlpatterns = [
    path("records", views.RecordsView.as_view(), name="records"),
    path("records/import", views.RecordsImportView.as_view(), name="records-import"),
    path("records/export", views.RecordsExportView.as_view(), name="records-export"),
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
]
