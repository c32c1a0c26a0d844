"""What is found by which words."""

import pytest
from django.db import connection

from backend.common.words import MAX_BYTES, search_query, search_vector, tokens

pytestmark = pytest.mark.django_db


def found(text: str, query: str) -> bool:
    with connection.cursor() as cursor:
        cursor.execute(
            "SELECT %s::tsvector @@ %s::tsquery", [search_vector([text]), search_query(query)]
        )
        return bool(cursor.fetchone()[0])


@pytest.mark.parametrize(
    ("text", "query"),
    [
        ("我想申请带薪年假", "年假"),  # jieba cuts 带薪, 年, 假
        ("我想申请带薪年假", "申请"),
        ("密码怎么重置？", "重置密码"),  # other order, found by jieba's words
        ("我想申请带薪年假", "假"),
        ("VPN 连不上怎么办", "vpn"),
        ("VPN 连不上怎么办", "ＶＰＮ 连不上"),
        ("How do I reset the VPN-password?", "pass"),  # the beginning of a word
        ("How do I reset the VPN-password?", "vpn-password"),
        ("Version v2.5 of Wi-Fi", "wi-fi"),
        ("Version v2.5 of Wi-Fi", "v2.5"),
        ("报销单要在30天内提交", "30天"),
        ("mail to it@example.com", "it@example.com"),
        ("C:\\temp 'quoted' & (a|b)", "'quoted' C:\\temp"),
        ("naïve Straße", "STRASSE"),
        ("𠮷野家", "𠮷野"),
    ],
)
def test_is_found(text: str, query: str) -> None:
    assert found(text, query)


@pytest.mark.parametrize(
    ("text", "query"),
    [
        ("今年放假安排", "年假"),
        ("How do I reset the VPN password?", "word"),
        ("报销", "报销 发票"),
    ],
)
def test_is_not_found(text: str, query: str) -> None:
    assert not found(text, query)


@pytest.mark.parametrize("query", ["", "   ", "???", "!'&|():*\\"])
def test_nothing_to_search_for(query: str) -> None:
    assert search_query(query) == ""


def test_a_text_with_more_words_than_fit_is_stored() -> None:
    text = " ".join(f"w{number}" for number in range(200_000))
    vector = search_vector([text])
    assert len(vector.encode()) < MAX_BYTES * 1.5
    assert found(text, "w77")


def test_words_in_order_without_punctuation() -> None:
    assert tokens("怎么重置 VPN 密码？") == ["怎么", "重置", "vpn", "密码"]
