"""``make bench``: what 100,000 records cost, from the file to the frozen version.

    python scripts/bench_curation.py [ROWS]

Everything is measured in one run, on a PostgreSQL of its own with the settings of the tests. The
import is compared with ``json.load`` of the same file and ``COPY`` of the very rows that the import
wrote, into the same tables with the same indexes. Prints a table for ``docs/benchmarks.md``.
"""

import json
import os
import random
import resource
import shutil
import statistics
import sys
import tempfile
import time
from collections.abc import Callable, Iterator
from functools import partial
from importlib import import_module
from pathlib import Path
from typing import Any

ROOT = Path(__file__).resolve().parents[1]
sys.path.insert(0, str(ROOT))

from tests.services import Services, environment  # noqa: E402

ROWS = 100_000
REPEATS = 40
SEED = 7351

# Questions as a company has them: few patterns, many things and places to ask about.
ZH_PARTS = (
    ("请问", "我想知道", "麻烦问一下", "新员工", "", "部门经理", "外地同事", "实习生"),
    ("北京", "上海", "深圳", "成都", "杭州", "武汉", "西安", "南京", "苏州", "广州"),
    ("办公室", "研发中心", "客服中心", "仓库", "门店", "数据中心", "食堂", "会议中心"),
    ("访客停车", "年假申请", "差旅报销", "加班餐补", "门禁卡补办", "会议室预订", "笔记本领用"),
    ("怎么办理", "需要哪些材料", "由谁审批", "多久可以完成", "有什么限制", "在哪里查询进度"),
)
EN_PARTS = (
    ("Please tell me", "I would like to know", "For a new colleague", "For contractors", "Briefly"),
    ("Berlin", "Austin", "Dublin", "Lyon", "Oslo", "Madrid", "Toronto", "Boston", "Leeds", "Turin"),
    ("office", "laboratory", "warehouse", "service desk", "data centre", "canteen", "store"),
    ("visitor parking", "annual leave", "travel expenses", "a lost badge", "a meeting room", "VPN"),
    ("how is it requested", "which papers are needed", "who approves it", "how long does it take"),
)
ZH_NAME = "安博成达恩方光海和华嘉建金景科乐联林龙明宁欧鹏启青瑞盛思泰天通维文新信兴亚阳一易永元远"
EN_NAME = ("al", "bar", "cen", "dor", "el", "fin", "gal", "hel", "ir", "jun", "kal", "lum", "mer")
ZH_ANSWER = (
    "请先登录员工门户，在“{thing}”页面填写申请并上传所需材料，"
    "由直属主管和{office}负责人审批；一般{days}个工作日内完成，如有疑问请拨打分机{number}。"
)
EN_ANSWER = (
    "Open the employee portal, fill in the form “{thing}” and attach the papers; your manager and "
    "the {office} decide within {days} working days. Questions go to extension {number}."
)


def main() -> None:
    rows = int(sys.argv[1]) if len(sys.argv) > 1 else ROWS
    folder = Path(tempfile.mkdtemp(prefix="loredesk-bench-"))
    folder.chmod(0o711)
    services = Services(folder)
    os.environ.update(environment(folder, services))
    os.environ["MAX_UPLOAD_MB"] = "200"
    os.environ["DJANGO_SETTINGS_MODULE"] = "backend.config.settings"
    services.start()
    try:
        import django

        django.setup()
        import_module("backend.config.asgi")  # what stands in memory of a web process
        measure(folder, rows)
    finally:
        services.stop()
        shutil.rmtree(folder, ignore_errors=True)


def measure(folder: Path, rows: int) -> None:
    from django.core.management import call_command

    call_command("migrate", verbosity=0)
    file = folder / "records.json"
    write_file(file, rows)
    row("what", "measured")
    row("---", "---")
    row("rows, and size of the file", f"{rows:,} and {file.stat().st_size / 1e6:.0f} MB")
    imported(file)
    near(rows)
    checks()
    pages()
    freezes()


def write_file(file: Path, rows: int) -> None:
    """Alpaca rows, half Chinese, half English; one in fifty nearly repeats an earlier question."""
    made = random.Random(SEED)  # noqa: S311
    written: list[dict[str, str]] = []
    for number in range(rows):
        parts, answer = (ZH_PARTS, ZH_ANSWER) if number % 2 else (EN_PARTS, EN_ANSWER)
        if number % 50 == 49:
            before = written[made.randrange(len(written))]
            question = before["instruction"].rstrip("？?") + ("呢？" if number % 2 else " now?")
        else:
            begin, city, place, thing, end = (made.choice(part) for part in parts)
            if number % 2:
                name = "".join(made.choices(ZH_NAME, k=3))
                question = f"{begin}{city}{place}{name}项目的{thing}{end}？"
            else:
                name = "".join(made.choices(EN_NAME, k=3)).title()
                question = f"{begin}: {thing} for {name} in the {city} {place}, {end}?"
        written.append(
            {
                "instruction": question,
                "input": "",
                "output": answer.format(
                    thing=made.choice(parts[3]),
                    office=made.choice(parts[2]),
                    days=made.randint(1, 15),
                    number=made.randint(1000, 9999),
                ),
            }
        )
    file.write_text(json.dumps(written, ensure_ascii=False, indent=1), encoding="utf-8")


def imported(file: Path) -> None:
    """The import as a person starts it, and the yardstick beside it."""
    from django.db import connection

    from backend.accounts.roles import Role
    from backend.accounts.services import person_create
    from backend.curation.services.imports import Wanted, file_import
    from ml.formats import ReadingOptions

    curator = person_create(username="curator", password="benchmarks-7351", role=Role.CURATOR)  # noqa: S106
    before = peak_mb()
    began_at = time.monotonic()
    result = file_import(
        actor=curator,
        path=file,
        filename=file.name,
        options=ReadingOptions(),
        wanted=Wanted(1000, 0),
    )
    took = time.monotonic() - began_at
    row("import: rows read, compared, written with revisions, keys and search", f"{took:.1f} s")
    row("import: outcome", ", ".join(f"{n:,} {kind}" for kind, n in result.counts.items()))
    row("import: memory of the process, before and at most", f"{before:.0f} and {peak_mb():.0f} MB")
    tables = ("curation_record", "curation_revision")
    with connection.cursor() as cursor:
        for table in tables:
            with (
                (file.parent / table).open("wb") as dump,
                cursor.copy(f"COPY {table} TO STDOUT") as copy,
            ):
                dump.writelines(copy)
        cursor.execute(f"TRUNCATE {', '.join(tables)} CASCADE")
        began_at = time.monotonic()
        with file.open(encoding="utf-8") as source:
            json.load(source)
        for table in tables:
            with (
                (file.parent / table).open("rb") as dump,
                cursor.copy(f"COPY {table} FROM STDIN") as copy,
            ):
                while block := dump.read(2**20):
                    copy.write(block)
        yardstick = time.monotonic() - began_at
        row("`json.load` + `COPY` of the same rows", f"{yardstick:.1f} s")
        row("import, in times of that", f"{took / yardstick:.1f}")
        cursor.execute("VACUUM ANALYZE")


def near(rows: int) -> None:
    """Every pair of near questions, from the keys that stand with the records."""
    from backend.curation.models import Record
    from ml.near_pairs import near_pairs

    began_at = time.monotonic()
    stored = Record.objects.order_by("pk").values_list(
        "pk", "near_keys", "instruction", "input", "phrasings"
    )
    texts: dict[Any, list[str]] = {}

    def entries() -> Iterator[tuple[Any, list[int]]]:
        for pk, keys, instruction, context, phrasings in stored.iterator(chunk_size=5000):
            context = f"\n{context}" if context else ""
            texts[pk] = [wording + context for wording in (instruction, *phrasings)]
            yield pk, keys

    pairs = sum(1 for _pair in near_pairs(entries(), texts.__getitem__))
    row(
        f"near-duplicates of {rows:,} records: {pairs:,} pairs",
        f"{time.monotonic() - began_at:.1f} s",
    )


def checks() -> None:
    """What the worker does after an import, for one minute."""
    from django.db.models import F

    from backend.curation.findings.sweep import findings_sweep
    from backend.curation.models import Finding, Record

    began_at = time.monotonic()
    findings_sweep(slice_s=60)
    took = time.monotonic() - began_at
    checked = Record.objects.filter(checked_revision=F("revision")).count()
    row(
        f"checks in the worker, {Finding.objects.count():,} findings in {checked:,} records",
        f"{checked / took:.0f} records/s",
    )


PAGES = {
    "list, first page": "",
    "list, page 50": "?p=50",
    "search 年假": "?q=年假",
    "search 北京 访客停车": "?q=北京 访客停车",
    "search annual leave": "?q=annual leave",
    "search of a rare name": "?q=安博",
    "filter: status draft": "?status__exact=draft",
    "filter: Chinese": "?language__exact=zh",
    "filter: a tag": "?tag=bench",
    "filter: golden": "?golden__exact=1",
    "filter: hints": "?severity=info",
    "filter: near-duplicates": "?finding=near_duplicate",
}


def pages() -> None:
    """Time of the server for the list page as a curator sees it."""
    from django.test import Client

    from backend.accounts.models import User
    from backend.curation.models import Record

    some = Record.objects.order_by("pk").values_list("pk", flat=True)[:200]
    Record.objects.filter(pk__in=list(some)).update(tags=["bench"], golden=True)
    client = Client()
    client.force_login(User.objects.get(username="curator"))
    list_pages(client, PAGES)
    for name, query in (("all", ""), ("search 年假", "?search=年假")):
        times = seconds(partial(visit, client, f"/api/v1/records{query}"))
        row(f"REST list, {name}: median and p95 of {REPEATS}", spread(times))


def list_pages(client: Any, pages: dict[str, str]) -> None:
    for name, query in pages.items():
        times = seconds(partial(visit, client, f"/admin/curation/record/{query}"))
        row(f"{name}: median and p95 of {REPEATS}", spread(times))


def visit(client: Any, path: str) -> None:
    answer = client.get(path)
    if answer.status_code != 200:
        raise SystemExit(f"{path} answered {answer.status_code}")


def seconds(step: Callable[[], None]) -> list[float]:
    step()
    times = []
    for _ in range(REPEATS):
        began_at = time.monotonic()
        step()
        times.append(time.monotonic() - began_at)
    return times


def spread(times: list[float]) -> str:
    p95 = statistics.quantiles(times, n=20)[-1]
    return f"{statistics.median(times) * 1000:.0f} and {p95 * 1000:.0f} ms"


AFTER_FREEZES = ("list, first page", "search 年假", "filter: Chinese")


def freezes() -> None:
    """All records, approved, become a version; a second one after it; then the list again."""
    from django.test import Client

    from backend.accounts.models import User
    from backend.accounts.roles import Role
    from backend.accounts.services import person_create
    from backend.curation.models import Record
    from backend.curation.services import dataset_version_freeze

    trainer = person_create(username="trainer", password="benchmarks-7351", role=Role.TRAINER)  # noqa: S106
    Record.objects.update(status=Record.Status.APPROVED)
    for name in ("first", "second"):
        began_at = time.monotonic()
        version = dataset_version_freeze(actor=trainer, validation_share=0.1)
        took = time.monotonic() - began_at
        row(f"freeze, {name} version: {version.counts}", f"{took:.1f} s")
    client = Client()
    client.force_login(User.objects.get(username="curator"))
    # What has been approved since a version is a question to all that it holds.
    list_pages(client, {f"{name}, after the freezes": PAGES[name] for name in AFTER_FREEZES})
    row("memory of the process in all of this, at most", f"{peak_mb():.0f} MB")


def peak_mb() -> float:
    return resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024


def row(name: str, value: str) -> None:
    print(f"| {name} | {value} |", flush=True)


if __name__ == "__main__":
    main()
