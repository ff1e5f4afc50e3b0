"""bot.conversations.masking: contact data is masked, and what matters medically is not."""

from pathlib import Path

import pytest

from bot.conversations.masking import FILE, Masking
from bot.data_file import DataFileError

MASKED = {
    "write to zoe.li+crs@mail.example.co.uk please": "write to [e-mail] please",
    "mail:a@b.cn,c@d.cn": "mail:[e-mail],[e-mail]",
    "call 138 1234 5678 today": "call [phone] today",
    "+86 138-1234-5678.": "[phone].",
    "0086 13812345678": "[phone]",
    "我的电话13812345678谢谢": "我的电话[phone]谢谢",
    "+91 98765 43210 or 07911 123456": "[phone] or [phone]",
    "(415) 555-2671": "[phone]",
    "on 2026-11-21 call +49 30 1234567": "on 2026-11-21 call [phone]",
    "see https://x.example/a?b=c and www.x.example": "see [link] and [link]",
    "wechat: abc_123": "[wechat]",
    "my WeChat id is zhang_wei88 ok": "my [wechat] ok",
    "微信号：lihua_2020": "[wechat]",
    "ID 11010519491231002X": "ID [number]",
    "card 4111 1111 1111 1111": "card [number]",
    "passport E12345678": "passport [number]",
    "patient 123456789012": "patient [number]",
}
KEPT = [
    *("39.5", "400 mg", "2026-11-21", "21.11.2026", "38.5 at 14:30", "38.1 38.5 39.0 37.9", "99.5 101.2 102.4 103"),
    *("8 mg/kg, 560 mg", "platelets 120000, wbc 3400", "120/80 118/76", "day 12 of 14", "1 000 000 000 cells"),
    *("ferritin 12500 crp 230", "IL-6 2345.67", "CD19 and 4-1BB", "from 2024 to 2026", "2026-11-21 2026-11-22"),
    *("the wechat message came", "is wechat group open", "room 1204, bed 12", "@home", "grade 2", "500000000 cells"),
    *("we are in Beijing, Zoë", "发烧39.5度三天", "11/21/2026 8:30:15", ""),
]


@pytest.fixture(scope="module")
def masking() -> Masking:
    return Masking()


@pytest.mark.parametrize("text", MASKED)
def test_it_is_masked(masking: Masking, text: str) -> None:
    assert masking.mask(text) == MASKED[text]


@pytest.mark.parametrize("text", KEPT)
def test_it_is_kept(masking: Masking, text: str) -> None:
    assert masking.mask(text) == text


@pytest.mark.parametrize(
    ("old", "new", "fault"),
    [
        ("regions: [CN", "regions: [XX", "phones.regions[0]: 'XX' is no country's code"),
        ("kept:\n", "kept:\n  - '('\n", "kept[0]: is no regular expression"),
        ("numbers:\n", "numbers:\n  - mask: x\n    pattern: '['\n", "numbers[0].pattern: is no regular expression"),
        ("texts:", "text:", "texts: field required"),
    ],
)
def test_a_wrong_file_is_refused(tmp_path: Path, old: str, new: str, fault: str) -> None:
    file = tmp_path / "masking.yml"
    file.write_text(FILE.read_text("utf-8").replace(old, new, 1), "utf-8")

    with pytest.raises(DataFileError) as refused:
        Masking(file)

    assert fault in str(refused.value)
