from django.apps import AppConfig
from django.utils.translation import gettext_lazy as _


class AccountsConfig(AppConfig):
    name = "backend.accounts"
    verbose_name = _("People and keys")

    def ready(self) -> None:
        from backend.accounts import list_headings

        list_headings.install()
