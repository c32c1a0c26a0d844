"""Questions in one language with answers in the other, and languages declared wrongly."""

import re
from collections.abc import Iterator
from typing import Final

from ml.formats import RecordFields
from ml.formats.questions import Language
from ml.quality.findings import Finding, Severity, prose

_CHINESE: Final = re.compile(r"[\u3400-\u4dbf\u4e00-\u9fff\uf900-\ufaff\U00020000-\U0003ffff]")
_WORD: Final = re.compile(r"[A-Za-z][a-z']+")
_ADDRESS: Final = re.compile(r"(?:https?://|www\.)\S+|\S+@\S+")
# Who asks for a translation gets another language.
_TRANSLATION: Final = re.compile(
    r"翻译|译成|译为|英文|英语|中文|汉语|双语|translat|\benglish\b|\bchinese\b|\bmandarin\b",
    re.IGNORECASE,
)
MIN_CHINESE: Final = 4  # characters
MIN_ENGLISH: Final = 4  # words


def written_in(text: str) -> Language | None:
    """The language that ``text`` is clearly written in; None where both or neither are."""
    plain = _ADDRESS.sub(" ", prose(text))
    chinese, english = len(_CHINESE.findall(plain)), len(_WORD.findall(plain))
    if chinese >= MIN_CHINESE and chinese >= english:
        return "zh"
    if english >= MIN_ENGLISH and chinese * 4 < english:
        return "en"
    return None


def check(content: RecordFields) -> Iterator[Finding]:
    """Mixed languages, and a declared language in which nothing is written."""
    asked = written_in(f"{content.instruction}\n{content.input}")
    answered = written_in(content.output)
    if asked and answered and asked != answered:
        everything = (content.system, content.instruction, content.input)
        if not any(_TRANSLATION.search(text) for text in everything):
            yield Finding(
                code="language_mixed",
                severity=Severity.WARNING,
                field="output",
                params={"question": asked, "answer": answered},
            )
    elif asked and asked != content.language and answered in (asked, None):
        yield Finding(
            code="language_wrong",
            severity=Severity.WARNING,
            field="language",
            params={"declared": content.language, "written": asked},
        )
