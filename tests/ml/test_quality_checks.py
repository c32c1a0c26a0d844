"""What each check finds, and what it leaves alone."""

import pytest

from ml.formats import RecordFields
from ml.quality import CODES, Severity, check, fixed


def found(**fields: object) -> set[str]:
    content = {"instruction": "怎么办？", "output": "这样就可以了。", "language": "zh"} | fields
    return {finding.code for finding in check(RecordFields(**content))}  # type: ignore[arg-type]


@pytest.mark.parametrize(
    ("output", "code"),
    [
        ("。。", "answer_empty"),
        ("怎么办,谁知道这件事情?", "answer_is_question"),
        ("身份证号11010519491231002X。", "identity_card"),
        ("卡号6222 0212 3456 7895。", None),  # wrong check digit
        ("卡号 4539 1488 0343 6467。", "bank_card"),
        ("卡号 4111 1111 1111 1111。", None),  # for trying out
        ("账号 DE89 3704 0044 0532 0130 00。", "iban"),
        ("请打13912345678。", "phone"),
        ("请打+44 20 7946 0958。", "phone"),
        ("订单号2024139123456789。", None),
        ("`13912345678` 只是例子。", None),
        ("前台电话 010-62345678。", "landline"),
        ("热线 400-810-1234。", "landline"),
        ("请写信给 wang.fang@abc.com.cn。", "email"),
        ("请写信给 hr@abc.com.cn。", "mailbox"),
        ("请写信给 li@example.com。", None),
        ("密钥 AKIAIOSFODNN7EXAMPLE。", "api_key"),
        ("密钥 sk-abcdefghijklmnop1234567890。", "api_key"),
        ("初始密码为Abc@12345，请修改。", "password"),
        ("密码是身份证后六位。", None),
        ("password: your-password1", None),
        ("-----BEGIN " + "RSA PRIVATE KEY-----\nabc", "private_key"),
        ("我是{{name}}，很高兴。", "placeholder"),
        ("尊敬的<NAME>：您好。", "placeholder"),
        ("用 `{{name}}` 写变量。", None),
        ("<b>三楼</b>右转。", "html"),
        ("三楼&nbsp;右转。", "html"),
        ("3 < 5 且 7 > 6。", None),
        ("锟斤拷锟斤拷在三楼。", "mojibake"),
        ("在三楼\u200b右转。", "invisible"),
        ("在三楼👨\u200d👩\u200d👧右转。", None),
        (" 在三楼右转。", "untrimmed"),
        ("请先打开系统再点击登录。" * 3, "repeated_text"),
        ("办理时需要带上身份证、户口本、毕业证书原件、照片、", "cut_off"),
        ("You will find it on the third floor.", "language_mixed"),
    ],
)
def test_each_kind_in_an_answer(output: str, code: str | None) -> None:
    codes = found(instruction="怎么办？谁知道这件事情", output=output)
    assert codes == ({code} if code else set())


def test_languages() -> None:
    english = {"instruction": "Where is the front desk of this house?", "output": "On floor 3."}
    assert found(**english) == {"language_wrong"}
    assert found(**english, language="en") == set()
    asked = {"instruction": "请翻译成英文：前台在三楼右转。"}
    assert found(**asked, output="The front desk is on the third floor.") == set()


def test_every_code_is_known_and_no_secret_is_shown() -> None:
    content = RecordFields(
        instruction="What is the password of the printer?",
        output="password: Tiger#2024 and sk-abcdefghijklmnop1234567890.",
    )
    findings = check(content)
    assert {finding.code for finding in findings} == {"password", "api_key"}
    assert all(finding.code in CODES for finding in findings)
    assert all(finding.severity is Severity.ERROR for finding in findings)
    assert "Tiger" not in str(findings)
    assert "klmnop" not in str(findings)


@pytest.mark.parametrize(
    ("output", "code", "then"),
    [
        ("打13912345678或13812345679。", "phone", "打[电话]或[电话]。"),
        ("<p>三楼&amp;四楼</p>", "html", "三楼&四楼"),
        ("三\u200b楼", "invisible", "三楼"),
        (" 三楼\n", "untrimmed", "三楼"),
    ],
)
def test_what_is_put_right(output: str, code: str, then: str) -> None:
    content = RecordFields(instruction="在哪里？", output=output, language="zh")
    after = fixed(content, code=code, field="output")
    assert after.output == then
    assert code not in {finding.code for finding in check(after)}
