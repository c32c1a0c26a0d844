"""Secrets: private keys, keys of services, tokens and passwords. What is found is never shown."""

import re
from collections.abc import Iterator
from typing import Final

from ml.formats import RecordFields
from ml.quality.findings import Finding, Severity, in_texts

Places = Iterator[tuple[int, int]]

_PRIVATE_KEY: Final = re.compile(
    r"-----BEGIN (?:[A-Z0-9]+ ){0,3}PRIVATE KEY(?: BLOCK)?-----"
    r"(?:.*?-----END (?:[A-Z0-9]+ ){0,3}PRIVATE KEY(?: BLOCK)?-----)?",
    re.DOTALL,
)
_KEY: Final = re.compile(
    r"(?<![0-9A-Za-z_-])(?:"
    r"sk-(?:proj-|ant-|or-)?[A-Za-z0-9_-]{20,200}"  # OpenAI and others that followed
    r"|(?:AKIA|ASIA)[0-9A-Z]{16}"  # AWS
    r"|LTAI[0-9A-Za-z]{12,26}"  # Alibaba Cloud
    r"|AKID[0-9A-Za-z]{32}"  # Tencent Cloud
    r"|gh[pousr]_[A-Za-z0-9]{36,255}|github_pat_[A-Za-z0-9_]{60,255}"
    r"|glpat-[A-Za-z0-9_-]{20,100}"
    r"|xox[abprs]-[A-Za-z0-9-]{10,200}"
    r"|AIza[0-9A-Za-z_-]{35}"
    r"|hf_[A-Za-z0-9]{30,60}"
    r"|[rs]k_live_[0-9A-Za-z]{20,100}"
    r"|npm_[A-Za-z0-9]{36}"
    r"|eyJ[A-Za-z0-9_-]{10,2000}\.eyJ[A-Za-z0-9_-]{10,4000}\.[A-Za-z0-9_-]{10,1000}"  # JWT
    r")(?![0-9A-Za-z_])"
)
_NAMED: Final = re.compile(
    r"(?:\b(?:password|passwd|passcode|pwd|api[ _-]?key|access[ _-]?key|secret(?:[ _-]?key)?"
    r"|(?:access[ _-]?|auth[ _-]?)?token)\b|密码|口令|密钥|令牌)"
    r"[\"'”’]?\s{0,3}(?:[:：=]|是|为|\bis\b)\s{0,3}[\"'“‘`]?"
    r"([!-~]{6,200})",
    re.IGNORECASE,
)
# What stands where a password would: variables, stars, “your-password”.
_STANDS_FOR_ONE: Final = re.compile(
    r"[<\[{$%(]|\*{3}|x{4}|\.{3}|your|my[_-]|example|changeme|placeholder|password|https?:", re.I
)


def private_keys(text: str) -> Places:
    for match in _PRIVATE_KEY.finditer(text):
        yield match.span()


def keys(text: str) -> Places:
    for match in _KEY.finditer(text):
        if any(c.isdigit() for c in match[0]):
            yield match.span()


def passwords(text: str) -> Places:
    """What follows “password:” and looks like one: no word, no place to fill in."""
    for match in _NAMED.finditer(text):
        value = match[1].rstrip("\"'`.,;:!?)")
        strong = any(c.isdigit() for c in value) and not value.isdecimal()
        if len(value) < 6 or _STANDS_FOR_ONE.search(value) or _KEY.match(value):
            continue
        if strong or (value.isdecimal() and len(value) <= 12):
            yield match.start(1), match.start(1) + len(value)


def hidden(text: str) -> str:
    """The first characters of a secret that tell its kind."""
    return f"{text[:4]}****" if len(text) >= 16 else "****"


KINDS: Final = (
    ("private_key", private_keys, lambda _text: "-----BEGIN … PRIVATE KEY-----"),
    ("api_key", keys, hidden),
    ("password", passwords, lambda _text: "****"),
)


def check(content: RecordFields) -> Iterator[Finding]:
    """Secrets in every text of the record, in code as well."""
    for code, places, shown in KINDS:
        yield from in_texts(content, code, Severity.ERROR, places, shown=shown)
