"""The form of one record, and the dialogs of the record pages."""

import json
from typing import TYPE_CHECKING, Any

from django import forms
from django.utils.translation import gettext as _
from django.utils.translation import gettext_lazy
from unfold.forms import BaseDialogForm
from unfold.widgets import (
    UnfoldAdminSelectWidget,
    UnfoldAdminTextareaWidget,
    UnfoldAdminTextInputWidget,
)

from backend.common.errors import Invalid
from backend.curation.admin.freeze_part import PERCENT, freeze_context
from backend.curation.content import NAMES, content_check
from backend.curation.models import Record
from backend.curation.services.review import MAX_NOTE
from backend.curation.services.versions import DEFAULT_SHARE, MAX_SHARE
from backend.curation.services.versions import MAX_NOTE as MAX_VERSION_NOTE
from ml.formats import FormatError, load_json

if TYPE_CHECKING:
    from django.http import HttpRequest

# Stands between wordings of several lines, where a line each would take them apart.
SEPARATOR = "---"


def lines_joined(texts: list[str]) -> str:
    """Wordings as a text to edit: one a line, or with a separator between."""
    if any("\n" in text for text in texts):
        return f"\n{SEPARATOR}\n".join(texts)
    return "\n".join(texts)


def lines_split(text: str) -> list[str]:
    """The wordings in such a text."""
    lines = text.replace("\r\n", "\n").split("\n")
    if SEPARATOR not in (line.strip() for line in lines):
        return [line.strip() for line in lines if line.strip()]
    wordings, wording = [], list[str]()
    for line in [*lines, SEPARATOR]:
        if line.strip() == SEPARATOR:
            wordings.append("\n".join(wording).strip())
            wording = []
        else:
            wording.append(line)
    return [wording for wording in wordings if wording]


def as_a_browser_sends(text: str) -> str:
    """With line feeds only, and without the first where the text begins with it."""
    return text.replace("\r\n", "\n").removeprefix("\n")


def tags_split(text: str) -> list[str]:
    """Tags between commas, Chinese ones too."""
    for comma in "，、":
        text = text.replace(comma, ",")
    return [tag.strip() for tag in text.split(",") if tag.strip()]


class RecordForm(forms.ModelForm):  # type: ignore[type-arg]  # not generic at run time
    """One record as a person edits it; the service checks what comes out."""

    phrasings = forms.CharField(
        label=gettext_lazy("other phrasings"),
        required=False,
        widget=UnfoldAdminTextareaWidget(attrs={"rows": 4}),
        help_text=gettext_lazy("Other ways to ask the same, one per line. Each of them trains."),
    )
    tags = forms.CharField(
        label=gettext_lazy("tags"),
        required=False,
        widget=UnfoldAdminTextInputWidget(),
        help_text=gettext_lazy("Separated by commas."),
    )
    history = forms.CharField(
        label=gettext_lazy("earlier turns"),
        required=False,
        widget=UnfoldAdminTextareaWidget(attrs={"rows": 3}),
        help_text=gettext_lazy(
            'What was said before the question: [["earlier question", "its answer"], …]'
        ),
    )
    language = forms.ChoiceField(
        label=gettext_lazy("language"),
        required=False,
        choices=[("", gettext_lazy("as the question is written")), *Record.Language.choices],
        widget=UnfoldAdminSelectWidget(),
    )
    # What the editor had before their eyes; kept when the page comes back with errors.
    seen_revision = forms.IntegerField(required=False, widget=forms.HiddenInput)

    class Meta:
        model = Record
        fields = (
            "instruction",
            "output",
            "input",
            "system",
            "golden",
            "valid_from",
            "valid_until",
        )

    def __init__(self, *args: Any, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        record = self.instance
        if not record._state.adding:
            self.initial = {
                **self.initial,
                "phrasings": lines_joined(record.phrasings),
                "tags": ", ".join(record.tags),
                "history": json.dumps(record.history, ensure_ascii=False) if record.history else "",
                "seen_revision": record.revision,
            }
        # Those who may only read get no fields.
        for name, rows in (("instruction", 2), ("output", 6), ("input", 3), ("system", 3)):
            if field := self.fields.get(name):
                field.widget.attrs["rows"] = rows
                field.strip = False  # type: ignore[attr-defined]  # a CharField; saving is no edit

    def clean(self) -> dict[str, Any]:
        cleaned = super().clean() or self.cleaned_data
        if not self.errors:
            try:
                content_check(self.content())
            except Invalid as refused:
                for field, sentences in refused.details.items():
                    self.add_error(field if field in self.fields else None, sentences)
        seen = cleaned.get("seen_revision")
        if not self.instance._state.adding and seen != self.instance.revision:
            self.add_error(
                None,
                _(
                    "Somebody else changed this record while you were writing. Copy what you "
                    "wrote, load the page again and repeat your change."
                ),
            )
        return cleaned

    def clean_history(self) -> object:
        text = self.cleaned_data["history"].strip()
        if not text:
            return []
        try:
            return load_json(text)
        except FormatError as error:
            raise forms.ValidationError(
                _("Write the earlier turns as in the example below.")
            ) from error

    def clean_phrasings(self) -> list[str]:
        text = self.cleaned_data["phrasings"].replace("\r\n", "\n")
        if text == self.initial.get("phrasings"):
            return list(self.instance.phrasings)
        return lines_split(text)

    def clean_tags(self) -> list[str]:
        text = self.cleaned_data["tags"]
        if text == self.initial.get("tags"):
            return list(self.instance.tags)  # one may hold a comma
        return tags_split(text)

    def content(self) -> dict[str, object]:
        """What the person wrote, by field; what only the browser changed is as it was."""
        content = {name: self.cleaned_data[name] for name in NAMES}
        for name in ("instruction", "output", "input", "system"):
            before = str(self.initial.get(name) or "")
            if before and as_a_browser_sends(before) == as_a_browser_sends(content[name]):
                content[name] = before
        return content


class RejectForm(BaseDialogForm):  # type: ignore[misc]  # Unfold has no types
    reason = forms.CharField(
        label=gettext_lazy("reason"),
        required=False,
        max_length=MAX_NOTE,
        widget=UnfoldAdminTextareaWidget(attrs={"rows": 3}),
        help_text=gettext_lazy("The author reads it above the record."),
    )


class FreezeForm(BaseDialogForm):  # type: ignore[misc]  # Unfold has no types
    form_after_template = "admin/curation/record/freeze_part.html"

    validation_percent = forms.IntegerField(
        label=gettext_lazy("validation share, in percent"),
        min_value=0,
        max_value=int(MAX_SHARE * 100),
        initial=int(DEFAULT_SHARE * 100),
        widget=UnfoldAdminTextInputWidget(attrs={"type": "number", "min": 0, "max": 50}),
        help_text=gettext_lazy(
            "Of the questions new since the last version, how many are held out to measure "
            "with. 0 trains everything."
        ),
    )
    note = forms.CharField(
        label=gettext_lazy("note"),
        required=False,
        max_length=MAX_VERSION_NOTE,
        widget=UnfoldAdminTextInputWidget(),
    )

    def get_after_template_context(
        self,
        request: "HttpRequest",
        object_id: object = None,  # noqa: ARG002
    ) -> dict[str, Any]:
        return freeze_context(request, request.POST.get(PERCENT))
