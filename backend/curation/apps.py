from django.apps import AppConfig
from django.utils.translation import gettext_lazy as _


class CurationConfig(AppConfig):
    name = "backend.curation"
    verbose_name = _("Knowledge")

    def ready(self) -> None:
        from backend.curation import bulk_jobs, import_jobs

        bulk_jobs.register()
        import_jobs.register()
