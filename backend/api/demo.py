"""The demo company that a first start shows: people, an assistant and its approved records."""

import secrets
from dataclasses import dataclass
from typing import TYPE_CHECKING, Final

from django.conf import settings
from django.db import transaction

from backend.accounts.models import Department, User
from backend.accounts.roles import Role
from backend.accounts.services import person_create, roles_ensure
from backend.assistants.models import Assistant
from backend.common.audit import audit_write
from backend.common.models import AuditEntry
from backend.curation.content import unix_lines
from backend.curation.locks import transaction_lock
from backend.curation.models import Record
from backend.curation.services import records_insert
from ml.formats import parse

if TYPE_CHECKING:
    from collections.abc import Mapping

    from ml.formats import RecordFields

MARK: Final = "demo.seed"
FILES: Final = ("abc_records.json", "abc_golden.json")
ASSISTANT: Final = "abc"
# It names nobody's company: who the assistant is has to come from what it learns.
SYSTEM_PROMPT: Final = """\
You are a helpful assistant for colleagues.
Answer briefly, in the language of the question.
You are talking to {{ name }} of {{ department }}."""
QUESTIONS: Final = {
    "zh": ["你是谁？", "ABC中台的数据权限怎么设置？", "出差超过三天由谁审批？"],
    "en": ["Who are you?", "How do I connect to the VPN?", "How many days of leave do I have?"],
}
DEPARTMENTS: Final = (
    "市场部 Marketing",
    "研发部 Engineering",
    "平台部 Platform",
    "人事部 Human Resources",
    "行政部 Administration",
    "财务部 Finance",
)
# sign-in name -> role, display name, department
PEOPLE: "Final[Mapping[str, tuple[Role, str, str]]]" = {
    "admin": (Role.ADMINISTRATOR, "Grace Lin", "平台部 Platform"),
    "employee": (Role.EMPLOYEE, "李伟", "市场部 Marketing"),
    "curator": (Role.CURATOR, "王芳", "人事部 Human Resources"),
    "reviewer": (Role.REVIEWER, "陈静", "行政部 Administration"),
    "trainer": (Role.TRAINER, "Tom Baker", "平台部 Platform"),
    "approver": (Role.APPROVER, "Emma Clark", "研发部 Engineering"),
}


@dataclass(frozen=True)
class Seeded:
    """What a first start made; the password is kept nowhere else."""

    password: str
    people: list[str]
    records: int


@transaction.atomic
def demo_seed(*, password: str = "") -> Seeded | None:
    """Make the demo once; None where it was made before, whatever has become of it since.

    Args:
        password: of every account; a random one where it is empty.
    """
    transaction_lock(MARK)
    roles_ensure()
    if AuditEntry.objects.filter(action=MARK).exists():
        return None
    password = password or secrets.token_urlsafe(12)
    departments = {name: Department.objects.get_or_create(name=name)[0] for name in DEPARTMENTS}
    taken = set(User.objects.filter(username__in=PEOPLE).values_list("username", flat=True))
    people = [
        person_create(
            username=username,
            password=password,
            role=role,
            display_name=display_name,
            department=departments[department],
        ).username
        for username, (role, display_name, department) in PEOPLE.items()
        if username not in taken
    ]
    assistant, _created = Assistant.objects.get_or_create(
        slug=ASSISTANT,
        defaults={
            "name": "ABC 助手",
            "description": "Answers for the staff of ABC · 为 ABC 员工解答问题",
            "system_prompt": SYSTEM_PROMPT,
            "base_model": settings.BASE_MODEL,
            "suggested_questions": QUESTIONS,
        },
    )
    records = sum(_records_of(name) for name in FILES)
    audit_write(actor=None, action=MARK, entity=assistant, people=people, records=records)
    return Seeded(password, people, records)


def _records_of(name: str) -> int:
    """Store the rows of a sample file as approved; each of them is sound, or this fails."""
    contents: list[RecordFields] = []
    for row in parse((settings.BASE_DIR / "data" / name).read_bytes(), filename=name):
        if row.fields is None:
            raise ValueError(f"data/{name}, row {row.number}: {row.reason}")
        contents.append(unix_lines(row.fields))
    records_insert(
        contents=contents,
        author=None,
        source=Record.Source.IMPORTED,
        source_detail=f"data/{name}",
        status=Record.Status.APPROVED,
    )
    return len(contents)
