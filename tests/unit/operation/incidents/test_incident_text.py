from __future__ import annotations

import unicodedata

import pytest
from hypothesis import given
from hypothesis import strategies as st

from watchkeeper.operation.incidents.text import clean, clean_line, inline, quoted

any_text = st.text(st.characters(codec=None), max_size=300)


@given(any_text)
def test_cleaned_text_holds_nothing_unseen(text: str) -> None:
    for character in clean(text):
        assert character == "\n" or unicodedata.category(character)[0] != "C"


@given(any_text, st.integers(150, 400))
def test_cleaning_bounds_the_length_and_a_second_time_changes_nothing(text: str, characters_max: int) -> None:
    once = clean(text * 3, characters_max=characters_max)
    assert len(once) <= characters_max
    assert clean(once, characters_max=characters_max) == once
    assert once.encode("utf-8").decode("utf-8") == once


@given(any_text)
def test_a_cleaned_line_is_one_line(text: str) -> None:
    assert len(clean_line(text).splitlines()) <= 1


@given(any_text)
def test_a_quotation_ends_only_with_its_text(text: str) -> None:
    for line in quoted(clean(text)).splitlines():
        assert line.startswith(">")


def test_a_megabyte_is_cut_and_says_so() -> None:
    cut = clean("x" * 1_048_576)
    assert len(cut) <= 4_000
    assert "1048576 characters, sha256 " in cut


def test_direction_overrides_and_control_characters_become_visible() -> None:
    assert clean("a\u202eb\x00c\u200bd\ud800") == "a(U+202E)b(U+0000)c(U+200B)d(U+D800)"


@pytest.mark.parametrize("end", ["\r\n", "\r", "\v", "\f", "\x85", "\u2028", "\u2029"])
def test_every_way_to_end_a_line_becomes_one(end: str) -> None:
    assert clean(f"a{end}b") == "a\nb"


@pytest.mark.parametrize(
    ("text", "shown"),
    [
        ("---", "> \\---"),
        ("===", "> \\==="),
        ("# heading", "> \\# heading"),
        ("- item", "> \\- item"),
        ("+ item", "> \\+ item"),
        ("12. item", "> 12\\. item"),
        ("1) item", "> 1\\) item"),
        ("    code", "> code"),
        ("```sh", "> \\`\\`\\`sh"),
        ("~~~", "> \\~\\~\\~"),
        ("<script>", "> \\<script\\>"),
        ("<!-- hidden", "> \\<!-- hidden"),
        ("> nested", "> \\> nested"),
        ("![x](http://x)", "> !\\[x\\](http://x)"),
        ("a | b", "> a \\| b"),
        ("tra_a3k9x2", "> tra_a3k9x2"),
    ],
)
def test_what_markdown_takes_for_structure_is_escaped(text: str, shown: str) -> None:
    assert quoted(text) == shown


def test_text_within_a_table_stays_in_its_cell() -> None:
    assert inline("a | b\n| c |") == "a \\| b \\| c \\|"
