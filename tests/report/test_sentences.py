"""Sentences are Markdown with Jinja: data escaped, numbers written, mistakes found by line."""

import math
import re
from pathlib import Path
from typing import Any

import pytest

from rnn.errors import ReportError
from rnn.report.sentences import Sentences, enumerated

SECTIONS = Path(__file__).resolve().parents[2] / "rnn" / "report" / "sections"


@pytest.fixture
def own(tmp_path: Path) -> Any:
    """Write a file of one's own for the section 'mistakes', and return its sentences."""

    def sentences(text: str, name: str = "mistakes.md") -> Sentences:
        (tmp_path / name).write_text(text, encoding="utf-8")
        return Sentences(str(tmp_path))

    return sentences


def rendered(own: Any, text: str, plain: bool = False, **values: Any) -> str:
    sentences = own(f"{{% block reading %}}\n{text}\n{{% endblock %}}\n")
    return str(sentences.render("mistakes", "reading", values, plain=plain))


@pytest.mark.parametrize(
    ("number", "written"),
    [
        (5.57e-5, r"$5.6 \cdot 10^{-5}$"),
        (1e-4, "$10^{-4}$"),
        (0.01, "0.01"),
        (0.0, "0"),
        (9.99e-6, "$10^{-5}$"),
    ],
)
def test_numbers_are_written_as_powers_of_ten(own: Any, number: float, written: str) -> None:
    assert rendered(own, "{{ x | power }}", x=number) == written


def test_numbers_are_written_by_filters(own: Any) -> None:
    text = (
        "{{ n | thousands }} {{ x | decimals }} {{ x | decimals(1) }} {{ x | g(3) }} "
        "{{ x | short }} {{ y | percent }} {{ x | nats }} {{ x | bits }} "
        "{{ 1 | count('epoch') }} {{ n | count('epoch') }}"
    )
    found = rendered(own, text, n=12345, x=math.log(2), y=0.25)
    assert found == (
        "12,345 0.6931 0.7 0.693 6.9e-01 25% 0.6931 nats 1.0000 bits 1 epoch 12,345 epochs"
    )


def test_lists_are_enumerated_and_their_items_escaped(own: Any) -> None:
    assert enumerated("ab") == "a and b" and enumerated("abc", "or") == "a, b or c"
    assert rendered(own, "{{ x | enumerate }}", x=["*a*", "b"]) == r"\*a\* and b"


def test_data_is_escaped_and_what_is_plain_text_is_not(own: Any) -> None:
    assert rendered(own, "{{ x }}", x="<b>*a*") == r"\<b\>\*a\*"
    assert rendered(own, "{{ x }}", plain=True, x="<b>*a*") == "<b>*a*"


def test_words_around_a_condition_stay_apart_and_lines_of_tags_leave_nothing(own: Any) -> None:
    text = "one\n{% if x %}\ntwo\n{% endif %}\nthree {% if x %}four{% endif %}\nfive"
    assert rendered(own, text, x=True).split() == ["one", "two", "three", "four", "five"]
    assert rendered(own, text, x=False).split() == ["one", "three", "five"]
    assert "\n\n" not in rendered(own, text, x=False)


@pytest.mark.parametrize(
    ("text", "line"),
    [("a\n{{ missing }}", 3), ("a\n\n{{ 'x' | decimals }}", 4), ("a\n{% if %}", 3)],
)
def test_a_mistake_names_the_file_and_the_line(own: Any, text: str, line: int) -> None:
    with pytest.raises(ReportError, match=rf"^mistakes\.md, line {line}: "):
        rendered(own, text)


def test_a_file_of_one_s_own_takes_the_place_of_ours_block_by_block(own: Any) -> None:
    swedish = own("{% block reading %}\nAlla {{ planted }} felen hittades.\n{% endblock %}\n")
    assert swedish.render("mistakes", "reading", {"planted": 5}) == "Alla 5 felen hittades."
    values = {"accepted": 1e-4}
    ours = Sentences().render("mistakes", "caption", values)
    assert swedish.render("mistakes", "caption", values) == ours != ""


def test_what_takes_the_place_of_nothing_is_refused_with_what_was_probably_meant(
    own: Any, tmp_path: Path
) -> None:
    with pytest.raises(ReportError, match=r"'mistake\.md'; .*mistakes\.md"):
        own("", name="mistake.md")
    (tmp_path / "mistake.md").unlink()
    sentences = own("{% block readings %}{% endblock %}")
    with pytest.raises(ReportError, match=r"'readings'; .*reading"):
        sentences.render("mistakes", "reading", {})
    with pytest.raises(ReportError, match="no_such_folder"):
        Sentences("no_such_folder")


@pytest.mark.parametrize("path", sorted(SECTIONS.glob("*.md")), ids=lambda path: path.name)
def test_every_file_of_ours_is_a_section_s_and_has_blocks(path: Path) -> None:
    assert path.with_suffix(".py").is_file()
    assert re.findall(r"{% block (\w+) %}", path.read_text(encoding="utf-8"))
