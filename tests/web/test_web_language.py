"""The pages in other languages."""

from __future__ import annotations

import re
from pathlib import Path

import pytest
from babel.messages.extract import extract_from_dir
from babel.messages.pofile import read_po

from recore.web.language import LANGUAGES, LOCALE, choose, translations
from recore.web.pages import ROOT

_PLACES = re.compile(r"%\(\w+\)s|\{\w+\}")


def messages() -> set[str]:
    options = {"**.html": {"trimmed": "true", "newstyle_gettext": "true"}}
    found = extract_from_dir(str(ROOT / "templates"), method_map=[("**.html", "jinja2")], options_map=options)
    return {message for _, _, message, _, _ in found}


@pytest.mark.parametrize("language", [code for code in LANGUAGES if code != "en"])
def test_no_translation_is_missing_or_left_over(language: str) -> None:
    with (LOCALE / language / "LC_MESSAGES" / "recore.po").open("rb") as file:
        catalog = {entry.id: entry for entry in read_po(file) if entry.id}
    assert set(catalog) == messages()
    assert len(catalog) > 200
    for entry in catalog.values():
        assert entry.string, entry.id
        assert not entry.fuzzy
        assert sorted(_PLACES.findall(entry.string)) == sorted(_PLACES.findall(entry.id))


def test_every_python_word_of_the_pages_comes_from_templates() -> None:
    assert not [path for path in Path(ROOT).glob("*.py") if re.search(r"\b_\(['\"]", path.read_text())]


def test_chinese_is_chinese() -> None:
    assert translations("zh").gettext("Evidence") == "证据"
    assert translations("en").gettext("Evidence") == "Evidence"


@pytest.mark.parametrize(
    ("asked", "remembered", "accepted", "chosen"),
    [
        ("zh", "en", "en", "zh"),
        (None, "zh", "en", "zh"),
        ("xx", None, "zh-CN,zh;q=0.9,en;q=0.8", "zh"),
        (None, None, "en-GB,zh;q=0.5", "en"),
        (None, None, "fr,zh;q=0.1", "zh"),
        (None, None, "zh;q=0,de", "en"),
        (None, None, "zh;q=x, en", "en"),
        (None, None, "", "en"),
    ],
)
def test_language_of_a_page(asked: str | None, remembered: str | None, accepted: str, chosen: str) -> None:
    assert choose(asked, remembered, accepted) == chosen
