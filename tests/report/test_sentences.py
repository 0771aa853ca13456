"""Sentences in Markdown with Jinja: data stays data, mistakes have a line, a user's come first."""

import math
import re
import shutil
from pathlib import Path
from typing import Any

import pandas as pd
import pytest
import reference
from matplotlib.figure import Figure
from pages import Page, code, notebook, pdf_text, prose, squeezed, to_html, to_pdf

from rnn.errors import ReportError
from rnn.report import sentences
from rnn.report.sections import loss
from rnn.report.sentences import Markdown, Sentences, enumerated
from rnn.report.show import Report
from rnn.runs.driver import train
from rnn.runs.run import Run
from rnn.settings import Settings

SECTIONS = Path(sentences.__file__).parent / "sections"

HOSTILE = [
    "<script>alert(1)</script>",
    "*stars* _lines_ **bold** ~~gone~~",
    "$x^2$ $$y$$ \\begin{align} x \\end{align}",
    "`code` ``more``` {{ x }} {% raw %} {# gone #}",
    "[a](javascript:alert(1)) ![p](https://example.org/p.png) https://example.org",
    "one\n\n# two\n- three\n1. four\r> five\n\n```\nsix",
    '" onerror="alert(1)',
]


def block(text: str) -> str:
    return f"{{% block b %}}\n{text}\n{{% endblock %}}\n"


def folder(path: Path, **files: str) -> str:
    path.mkdir(exist_ok=True)
    for name, text in files.items():
        (path / f"{name}.md").write_text(text, encoding="utf-8")
    return str(path)


# Numbers and lists


@pytest.mark.parametrize(
    ("written", "value", "expected"),
    [
        ("x | thousands", 1234567, "1,234,567"),
        ("x | decimals", 1234.56789, "1,234.5679"),
        ("x | decimals(1)", 2.25, "2.2"),
        ("x | decimals", 7.5e31, "7.5e+31"),
        ("x | perplexity", 16.0, "8.89e+06"),
        ("x | perplexity", 1000 * math.log(10), "1e+1000"),
        ("x | g(3)", 0.00012345, "0.000123"),
        ("x | short", 1.234e-5, "1.2e-05"),
        ("x | percent", 0.256, "26%"),
        ("x | percent", math.nan, "–"),
        ("x | nats", 1.5, "1.5000 nats"),
        ("x | bits", math.log(2), "1.0000 bits"),
        ("x | count('epoch')", 1, "1 epoch"),
        ("x | count('epok', 'epoker')", 2000, "2,000 epoker"),
        ("x | power", 2.2e-6, r"$2.2 \cdot 10^{-6}$"),
        ("x | power", 1e9, "$10^{9}$"),
        ("x | power", 0.25, "0.25"),
        ("x | nats", math.nan, "NaN"),
        ("x | g", -math.inf, "−∞"),
        ("x is finite", math.inf, "False"),
        ("x | enumerate", ["a*", 2, 0.5], r"a\*, 2 and 0.5"),
        ("x | enumerate('or')", ["a", "b"], "a or b"),
        ("x | map('emphasis') | enumerate", ["a*", "b"], r"*a\** and *b*"),
        ("x | code", "a/b c", "`a/b c`"),
        ("x", Markdown("*as it is*"), "*as it is*"),
    ],
)
def test_values_are_written_as_the_filters_say(
    own: Any, written: str, value: Any, expected: str
) -> None:
    assert own(block(f"{{{{ {written} }}}}")).render("test", "b", {"x": value}) == expected


def test_plain_text_has_no_markup_of_filters(own: Any) -> None:
    text = block("{{ x | code }} {{ x | emphasis }} {{ y | power }} {{ x }}")
    plain = own(text).render("test", "b", {"x": "a*b", "y": 2.2e-6}, plain=True)
    assert plain == "a*b a*b 2.2e-06 a*b"


@pytest.mark.parametrize(
    ("count", "expected"), [(0, ""), (1, "a"), (2, "a and b"), (3, "a, b and c")]
)
def test_lists_of_any_length_are_enumerated(own: Any, count: int, expected: str) -> None:
    items = ["a", "b", "c"][:count]
    assert enumerated(items) == expected
    loop = block("{% for x in items %}{{ x }}{{ loop | separator }}{% endfor %}")
    assert own(loop).render("test", "b", {"items": items}) == expected


# Lines and tags


def test_a_line_of_tags_leaves_no_line_and_a_tag_in_a_line_keeps_its_blanks(own: Any) -> None:
    text = """
one
{% if a %}
two
{% elif b %}
  never
{% endif %}{# a remark #}
three {% if a %}four{% endif %}
five
{% for x in items %} {# another #}
{{ x }},
{% endfor %}
{% if a
   and not b %}
six
{% endif %}
"""
    values = {"a": True, "b": False, "items": [1, 2]}
    said = own(block(text)).render("test", "b", values)
    assert said.split("\n") == ["one", "two", "three four", "five", " 1,", " 2,", "six"]


def test_what_is_left_out_leaves_one_empty_line(own: Any) -> None:
    text = "one\n\n{% if a %}\ntwo\n{% endif %}\n\nthree"
    assert own(block(text)).render("test", "b", {"a": False}) == "one\n\nthree"


def test_a_number_that_ends_a_sentence_makes_no_list(own: Any) -> None:
    text = block("The loss fell to\n{{ x }}. It had been\n{{ x }}) higher.\n\n1. one\n2. two")
    page = Page(to_html(notebook(prose(own(text).render("test", "b", {"x": 7})))))
    assert [tag for tag, _ in page.tags].count("li") == 2
    assert "The loss fell to 7. It had been 7) higher." in page.text


# Data


def test_data_becomes_markup_nowhere_in_a_paragraph(own: Any) -> None:
    text = block(
        "{{ x }}\n\n# {{ x }} end\n\n- {{ x }}\n\n> {{ x }}\n\n*{{ x }}*\n\n[{{ x }}](#a)\n\n"
        "{{ x | emphasis }}\n\n{{ x | code }}\n\n{{ [x, x] | enumerate }}\n\n{{ x | upper }}\n\n"
        "{{ x ~ '*a*' }}\n\n{{ x if x else 1 }}\n\n{% set y = x %}{{ y }}\n\n"
        "{% for z in [x] %}{{ z }}{{ loop | separator }}{% endfor %}\n\n{{ '*b*' }}\n\n"
        "{% macro m(z) %}{{ z }}{% endmacro %}{{ m(x) }}\n\n{% set s %}{{ x }}{% endset %}{{ s }}"
    )
    hostile = "\n".join(HOSTILE)
    said = notebook(prose(own(text).render("test", "b", {"x": hostile})), title="t")
    page = Page(to_html(said))
    harmless = notebook(prose("# e\n\n- a `b` *c*\n\n> d"), title="t")
    assert {tag for tag, _ in page.tags} == {tag for tag, _ in Page(to_html(harmless)).tags}
    assert not page.addresses() and not list(page.of("a"))
    assert "*b*" in page.text
    for text in (page.text, pdf_text(to_pdf(said))):
        # A long word may be hyphenated.
        read = re.sub("[-\xad]", "", squeezed(text))
        for words in hostile.replace("-", "").split():
            assert read.count(words) >= 15, words


def test_data_becomes_markup_in_no_part_of_a_section(section: Any, outputs: list[Any]) -> None:
    name = " ".join(HOSTILE)
    blocks = ("caption", "more", "alt", "title", "lead", "words")
    section, values = section(**{b: f"{b} {{{{ x }}}} end" for b in blocks}), {"x": name}
    section.prose("words", values)
    section.figure(Figure(figsize=(1, 1)), "fig-a", values, source=name)
    table = pd.DataFrame({name: [name], "b": ["c"]}, index=[name])
    section.table(table, "tab-a", values, source=name, columns=1)
    section.sample(name, values)
    section.texts({section.line("title", values, plain=True): name, "b": name}, values)
    page = Page(to_html(notebook(code("x", *outputs), title="t")))
    plain = {"figure", "figcaption", "img", "table", "div", "pre", "details", "summary", "main"}
    assert not {tag for tag, _ in page.tags} & {"script", "math", "em", "del", "a", "iframe"}
    assert plain <= {tag for tag, _ in page.tags}
    assert all(address.startswith("data:") for address in page.addresses())
    assert not [key for _, a in page.tags for key in a if key.startswith("on")]
    spaced = name.translate({10: "↵", 13: "␍"})
    for b in ("caption", "more", "title", "lead", "words"):
        assert squeezed(f"{b} {spaced} end") in squeezed(page.text), b
    (alt,) = [str(a["alt"]) for a in page.of("img")]
    assert alt == " ".join(f"alt {spaced} end".split())
    told = " ".join(out.data.get("text/html", "") for out in outputs)
    assert "<script" not in told and "&lt;script" in told


# Mistakes


@pytest.mark.parametrize(
    ("text", "line", "words"),
    [
        ("{% block b %}\nfine\n{{ los }}\n{% endblock %}", 3, "'los' is undefined.*loss, x"),
        ("{% block b %}\n{% if los %}\na\n{% endif %}\n{% endblock %}", 2, "'los' is undefined"),
        ("{% block b %}\n{{ x.y }}\n{% endblock %}", 2, "no attribute 'y'"),
        ("{% block b %}\n\n{{ x | thousand }}\n{% endblock %}", 3, "No filter named 'thousand'"),
        ("{% block b %}\n{% if x %}\na\n{% endblock %}", 4, "endblock"),
        ("{% block b %}\n{{ 'a' | decimals }}\n{% endblock %}", 2, "number"),
        ("{% block b %}\n{{ x.missing() }}\n{% endblock %}", 2, "missing"),
    ],
)
def test_a_mistake_is_told_with_its_file_and_line(
    own: Any, text: str, line: int, words: str
) -> None:
    for plain in (False, True):
        with pytest.raises(ReportError, match=rf"test\.md, line {line}: .*{words}") as caught:
            own(text).render("test", "b", {"loss": 1.0, "x": 2}, plain=plain)
        assert "\n" not in str(caught.value)


def test_a_mistake_in_a_user_s_file_is_told_before_anything_is_shown(tmp_path: Path) -> None:
    mine = folder(tmp_path / "mine", loss="{% block caption %}\n\n{{ lowest | decimal }}\n")
    with pytest.raises(ReportError, match=r"mine/loss\.md, line [34]: "):
        Report(mine)


@pytest.mark.parametrize(
    ("files", "words"),
    [
        ({"los": ""}, r"'los\.md'; did you mean loss\.md\?"),
        ({"loss": "{% block captoin %}{% endblock %}"}, "'captoin'; did you mean caption"),
        ({"loss": "All my sentences."}, "expected sentences in blocks"),
    ],
)
def test_a_file_or_a_block_that_takes_no_place_is_refused(
    tmp_path: Path, files: dict[str, str], words: str
) -> None:
    with pytest.raises(ReportError, match=words):
        Sentences(folder(tmp_path / "mine", **files))


def test_a_folder_that_is_not_there_is_refused() -> None:
    with pytest.raises(ReportError, match=r"text: expected a folder .* 'nowhere'"):
        Sentences("nowhere")


def test_a_block_that_is_not_there_is_refused_with_the_nearest() -> None:
    with pytest.raises(ReportError, match="'captions'; did you mean caption"):
        Sentences().render("loss", "captions", {})


# A user's own


def test_a_user_s_block_takes_the_place_of_ours_and_the_others_stay(
    own: Any, tmp_path: Path
) -> None:
    ours = "{% block a %}ours a{% endblock %}\n{% block b %}ours b {{ x }}{% endblock %}\n"
    ours += "{% block c %}c: {% block d %}ours d{% endblock %}{% endblock %}"
    own(ours)
    theirs = "{% block b %}mine, not {{ super() }}{% endblock %}{% block d %}mine d{% endblock %}"
    mine = Sentences(folder(tmp_path / "mine", test=theirs))
    said = [mine.render("test", name, {"x": "*"}) for name in "abcd"]
    assert said == ["ours a", r"mine, not ours b \*", "c: mine d", "mine d"]


def test_a_user_s_folder_is_found_from_the_working_directory_and_from_the_project(
    own: Any, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    own(block("ours"))
    folder(tmp_path / "mine", test=block("mine"))
    monkeypatch.chdir(tmp_path)
    assert Sentences("mine").render("test", "b", {}) == "mine"
    monkeypatch.chdir("/")
    monkeypatch.setattr(sentences, "ROOT", tmp_path)
    assert Sentences("mine").render("test", "b", {}) == "mine"
    assert Sentences("").render("test", "b", {}) == "ours"


@pytest.mark.parametrize("name", ["Anna's words", 'the "best"', "100% \\n {{ x }}", "a\xa0\udcff"])
def test_a_user_s_folder_may_have_any_name(own: Any, tmp_path: Path, name: str) -> None:
    own("{% block b %}ours{% endblock %}{% block c %}{% endblock %}")
    first = "{% block b %}mine{{ ' yes' if x }}, not {{ super() }}{% endblock %}"
    text = first + "\n{% block c %}{{ x }}{% endblock %}"
    mine = Sentences(folder(tmp_path / name, test=text))
    assert mine.render("test", "b", {"x": 0}) == "mine, not ours"
    with pytest.raises(ReportError) as caught:
        mine.render("test", "c", {"y": 1})
    assert str(caught.value).startswith(f"{tmp_path / name / 'test.md'}, line 2: ")


SWEDISH = """
{% block caption %}
Den utjämnade förlusten under {{ epochs | g(3) }} epoker. Punkten är den lägsta,
{{ lowest | decimals }}, vid uppdatering {{ lowest_update | thousands }}.
{% if held_out %}
Den streckade linjen är förlusten på textens sista {{ held_out | percent }}.
{% endif %}
{% endblock %}

{% block alt %}
En kurva över {{ updates | count("uppdatering", "uppdateringar") }} som faller från
{{ first | decimals(1) }} till {{ last | decimals(1) }}.
{% endblock %}

{% block seeds %}
Träningen gjordes om med {{ seeds }} frön. Den lägsta förlusten är i medel
{{ lowest_mean | decimals }} med standardavvikelsen {{ lowest_deviation | decimals }}.
{% endblock %}

{% block reading %}
Ett nät som ger alla tecken samma sannolikhet har förlusten {{ uniform | decimals }}. Den lägsta är
{{ lowest_nats | nats }} per tecken, en perplexitet på {{ lowest_nats | perplexity }}.
{% if diverged %}
**Träningen avbröts vid uppdatering {{ diverged["update"] | thousands }}.**
{% elif still_falling %}
Den föll fortfarande, så en längre träning skulle hjälpa.
{% endif %}
{% endblock %}
"""


@pytest.fixture(scope="module")
def runs(tmp_path_factory: pytest.TempPathFactory) -> list[Run]:
    book = reference.book(tmp_path_factory.mktemp("books"), 2000)
    small = {"m": 6, "seq_length": 5, "max_updates": 300, "sig": 0.3, "held_out": 0.1}
    return [train(book, Settings(**small, seed=seed), progress=False) for seed in (0, 1)]


def test_a_section_in_swedish_takes_one_file_and_no_code(
    tmp_path: Path, runs: list[Run], outputs: list[Any]
) -> None:
    source = "{% block source %}\nUr {{ source | code }}.\n{% endblock %}"
    show = Report(folder(tmp_path / "svenska", loss=SWEDISH, captions=source))
    show("loss", runs)
    nb = notebook(prose("Se [Figur](#fig-loss)."), code("x", *outputs), title="t")
    values = loss.facts(runs[0])
    page = Page(to_html(nb, lang="sv"))
    for text in (page.text, pdf_text(to_pdf(nb, lang="sv"))):
        for number in ("lowest", "uniform", "lowest_nats"):
            assert f"{values[number]:.4f}" in text
        for words in ("Se Figure 1.", "Den utjämnade förlusten", "Ett nät som ger", "med 2 frön"):
            assert words in text
        assert "Ur history.csv." in text and "sista 10%" in text
        assert "smooth loss" not in text
    assert [a["alt"] for a in page.of("img")] == [
        f"En kurva över 300 uppdateringar som faller från {values['first']:.1f} till "
        f"{values['last']:.1f}."
    ]


# All sections


def test_every_section_has_its_sentences_and_every_file_of_sentences_its_section() -> None:
    section = re.compile(
        r"^def ([a-z]\w*)\(\s*section: Section(?:(?!^def).)*?-> None:", re.M | re.S
    )
    shown = {
        path.stem if name == "show" else f"{path.stem}_{name}"
        for path in SECTIONS.glob("*.py")
        for name in section.findall(path.read_text())
    }
    assert shown == {path.stem for path in SECTIONS.glob("*.md")} - {"captions"}
    assert "loss" in shown


def test_every_block_can_be_compiled(tmp_path: Path) -> None:
    copy = tmp_path / "copy"
    copy.mkdir()
    for path in SECTIONS.glob("*.md"):
        shutil.copy(path, copy)
    Sentences(str(copy))


def test_sentences_are_shown_as_prose_and_nothing_where_they_say_nothing(
    section: Any, outputs: list[Any]
) -> None:
    one = section(b="{% if x %}\nThe *best* of {{ x }}.\n{% endif %}")
    one.prose("b", {"x": ""})
    one.prose("b", {"x": "A_book_*"})
    assert [out.data["text/markdown"] for out in outputs] == [r"The *best* of A\_book\_\*."]


@pytest.mark.parametrize(
    ("number", "shown"),
    [
        (7, "7 epochs"),
        (1, "1 epoch"),
        (1.999, "1.99 epochs"),
        (0.066, "0.06 epochs"),
        (0, "0 epochs"),
    ],
)
def test_epochs_are_never_more_than_there_were(number: float, shown: str, own: Any) -> None:
    sentences = own("{% block caption %}{{ n | epochs }}{% endblock %}")
    assert sentences.render("test", "caption", {"n": number}) == shown


def test_a_part_of_an_epoch_is_not_said_to_be_none(own: Any) -> None:
    sentences = own("{% block caption %}{{ n | epochs }}{% endblock %}")
    assert sentences.render("test", "caption", {"n": 1e-5}) != "0 epochs"
