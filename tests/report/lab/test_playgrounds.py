"""The playgrounds show what the report's own functions compute, and stand any text."""

import base64
import json
import re
from collections.abc import Iterator
from dataclasses import replace
from html.parser import HTMLParser
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from matplotlib.axes import Axes

from rnn.cells import CELLS
from rnn.errors import ReportError
from rnn.gradient_check import (
    CENTRAL,
    COMPLEX,
    FEW,
    PARAMETERS,
    Case,
    central_differences,
    check,
    check_cases,
    complex_step,
    relative_errors,
)
from rnn.gradient_mistakes import FORGOTTEN, NO_H0, gradients_with_mistake
from rnn.model import Architecture, initialise, named
from rnn.report.escaping import INVISIBLE
from rnn.report.lab import gradient_playground, playground
from rnn.report.lab.error_map import ErrorMap, error_figure, error_map
from rnn.report.lab.gradient_playground import GradientPlayground
from rnn.report.lab.sampling_playground import LONGEST_PRIME, SamplingPlayground, show
from rnn.report.lab.shaded_text import text_html
from rnn.runs import results
from rnn.runs.models import Model, probabilities, save_model, write
from rnn.sampling import probabilities as probabilities_of_ids
from rnn.settings import Settings
from rnn.text.corpus import load_corpus

NOTEBOOKS = Path(__file__).resolve().parents[3] / "notebooks"

#: Everything that could end an attribute or an element, hide, or turn the reading around.
VOCABULARY = "\0\t\n\r \"&'<>`abc\x7f\xad\u0301\u05d0\u200b\u2028\u202e\u4e00\ue000\ufeff\U0001f600"


def a_model(vocabulary: str = VOCABULARY, dtype: str = "float32") -> Model:
    architecture = Architecture(CELLS["vanilla"], 9, len(vocabulary))
    theta = initialise(architecture, 0.8, np.random.default_rng(3), dtype)
    parameters = architecture.parameters(theta)
    return Model(parameters, np.linspace(-1, 1, 9, dtype=dtype), 2, vocabulary, 7, 1.5, "00" * 32)


@pytest.fixture
def model() -> Model:
    return a_model()


@pytest.fixture
def folder(tmp_path: Path, model: Model) -> Path:
    return a_run(tmp_path, model)


def a_run(folder: Path, model: Model, **settings: Any) -> Path:
    """Leave what a training leaves, as far as the playground needs it."""
    save_model(folder / "best_model.npz", model)
    save_model(folder / "last_model.npz", replace(model, h=-model.h, update=9))
    told: dict[str, Any] = {"corpus": "saltmarrow", "encoding": "utf-8", "updates_per_epoch": 1}
    told |= {"parameters": Settings(**settings).as_dict(), "book": {"sha256": "", "K": 1}}
    results.replace_section(folder, "training", told)
    return folder


@pytest.fixture
def sampler(folder: Path) -> SamplingPlayground:
    sampler = SamplingPlayground(folder)
    sampler.length.value = 300
    sampler.start()
    return sampler


class Page(HTMLParser):
    """The elements of a page, as a browser's parser would find them."""

    def __init__(self, html: str) -> None:
        super().__init__()
        self.tags: set[str] = set()
        self.attributes: set[str] = set()
        self.characters: list[dict[str, str]] = []
        self.text = ""
        self._where: list[str] = []
        self.feed(html)

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        found = {name: value or "" for name, value in attrs}
        self.tags.add(tag)
        self.attributes |= found.keys()
        self._where.append(found.get("class", tag))
        if tag == "i" and "written" in self._where:
            self.characters.append(found | {"text": ""})

    def handle_endtag(self, tag: str) -> None:
        self._where.pop()

    def handle_data(self, data: str) -> None:
        if "written" in self._where:
            self.text += data
            if self._where[-1] not in ("written", "prime"):
                self.characters[-1]["text"] += data


# ---- The probabilities ----------------------------------------------------------------------


def by_hand(model: Model, h: np.ndarray, read: list[int]) -> np.ndarray:
    """Run the recurrence in plain NumPy and return p_t after each character read."""
    arrays = named(model.parameters)
    W, U, V, b, c = (np.asarray(arrays[name], np.float64) for name in PARAMETERS)
    rows = []
    for x in read:
        h = np.tanh(W @ h + U[x] + b)
        o = V @ h + c
        rows.append(np.exp(o - o.max()) / np.exp(o - o.max()).sum())
    return np.array(rows)


def ids(text: str) -> list[int]:
    return [VOCABULARY.index(character) for character in text]


def test_probabilities_of_a_text_are_those_of_the_recurrence() -> None:
    model = a_model(dtype="float64")  # rounding grows from step to step
    text = write(model, 60, seed=5, temperature=1.7)
    P = probabilities(model, text)
    np.testing.assert_allclose(P, by_hand(model, model.h, [model.x, *ids(text)[:-1]]), atol=1e-9)
    np.testing.assert_allclose(P.sum(axis=1), 1, atol=1e-12)


def test_a_prime_is_read_from_the_state_that_the_model_was_left_in() -> None:
    model = a_model(dtype="float64")
    text = write(model, 40, prime="ab<")
    whole = by_hand(model, model.h, ids("ab<" + text)[:-1])
    np.testing.assert_allclose(probabilities(model, text, "ab<"), whole[2:], atol=1e-9)


def test_a_text_of_no_characters_has_no_probabilities(model: Model) -> None:
    assert probabilities(model, "").shape == (0, len(VOCABULARY))


def test_probabilities_of_characters_that_are_none_are_refused(model: Model) -> None:
    with pytest.raises(ReportError, match="text: expected characters of the text"):
        probabilities(model, "xyz")
    with pytest.raises(ReportError, match="ids: expected characters from 0"):
        probabilities_of_ids(model.parameters, model.h, 0, np.array([len(VOCABULARY)]))


# ---- The sampler ----------------------------------------------------------------------------


@pytest.mark.parametrize(
    "given",
    [
        {},
        {"seed": 4},
        {"temperature": 0.0},
        {"temperature": 0.3},
        {"temperature": 2.0},
        {"top_p": 0.05},
        {"top_p": 0.6, "temperature": 1.35, "seed": 11},
        {"prime": "a"},
        {"prime": "ab\n<a>", "length": 100},
    ],
)
def test_the_text_is_the_one_that_write_gives(
    sampler: SamplingPlayground, model: Model, given: dict[str, Any]
) -> None:
    for name, value in given.items():
        getattr(sampler, name).value = value
    assert sampler.text == write(model, **({"length": 300} | given))


@pytest.fixture
def plain(tmp_path: Path) -> SamplingPlayground:
    """Return a sampler without combining characters, so that each has its own element."""
    sampler = SamplingPlayground(a_run(tmp_path, a_model(VOCABULARY.replace("\u0301", ""))))
    sampler.length.value = 300
    sampler.start()
    return sampler


def test_the_page_holds_the_prime_and_the_text_character_by_character(
    plain: SamplingPlayground,
) -> None:
    sampler = plain
    sampler.prime.value = 'a\n"'
    shown = Page(sampler.page.value)
    whole = 'a\n"' + sampler.text
    assert len(shown.characters) == len(whole)
    for element, character in zip(shown.characters, whole, strict=True):
        unseen = re.match(f"[{INVISIBLE}\r]", character)
        expected = f"U+{ord(character):04X}" if unseen else character.replace("\n", "")
        assert element["text"] == expected
    assert shown.text.count("\n") == whole.count("\n")


def test_combining_characters_stand_on_theirs_and_both_are_told(model: Model) -> None:
    html, _ = text_html(model, "b\u0301\u0301c\n\u0301", "\u0301")
    shown = Page(html).characters
    own = ["\u25cc\u0301", "b\u0301\u0301", "c", "", "\u25cc\u0301"]
    assert [element["text"] for element in shown] == own
    lists = [element.get("data-a", "").count("▸") for element in shown]
    assert lists == [0, 3, 1, 1, 1]


def test_no_character_leaves_its_element(sampler: SamplingPlayground) -> None:
    sampler.temperature.value = 2
    assert set(sampler.text) == set(VOCABULARY)
    shown = Page(sampler.page.value)
    assert shown.tags == {"div", "span", "i", "b"}
    assert shown.attributes <= {"class", "data-a", "style", "dir"}
    assert not re.search(f"[{INVISIBLE}\r]", sampler.page.value)
    bare = re.sub(r"</?(?:div|span|i|b)\b[^<>]*>", "", sampler.page.value)
    assert not re.search(r"[<>]|&(?!(?:lt|gt|amp|quot|#x27);)", bare)


def test_the_drawn_character_s_probability_is_the_one_shown(plain: SamplingPlayground) -> None:
    model, known = plain.models["best"], plain.models["best"].vocabulary
    P = probabilities(model, plain.text).astype(float)
    for t, element in enumerate(Page(plain.page.value).characters):
        own = P[t, known.index(plain.text[t])]
        (marked,) = [line for line in element["data-a"].split("\n") if line.startswith("▸")]
        assert float(marked.split()[-2]) == pytest.approx(100 * own, abs=0.051)
        assert element["class"].split()[0] == f"s{min(round(-np.log2(own)), 8)}"


def test_the_alternatives_are_the_likeliest_and_the_drawn_one(plain: SamplingPlayground) -> None:
    P = probabilities(plain.models["best"], plain.text)
    lengths = set()
    for p, element in zip(P, Page(plain.page.value).characters, strict=True):
        told = [float(line.split()[-2]) for line in element["data-a"].split("\n")]
        np.testing.assert_allclose(told[:5], 100 * np.sort(p)[:-6:-1], atol=0.051)
        lengths.add(len(told))
    assert lengths == {5, 6}


def test_bits_a_character_are_the_mean_over_the_text_alone(
    sampler: SamplingPlayground, model: Model
) -> None:
    sampler.prime.value = "abc"
    P = probabilities(model, sampler.text, "abc").astype(float)
    own = P[np.arange(len(P)), ids(sampler.text)]
    assert f"<b>{-np.log2(own).mean():.2f} bits" in sampler.page.value


def test_every_control_changes_the_text_and_back_again(sampler: SamplingPlayground) -> None:
    first, page = sampler.text, sampler.page.value
    changes = {"prime": "a", "length": 350, "temperature": 0.5, "top_p": 0.5, "seed": 1}
    for name, value in {**changes, "which": "last"}.items():
        control = getattr(sampler, name)
        before, control.value = control.value, value
        assert sampler.text != first, name
        control.value = before
        assert sampler.text == first, name
        assert without_time(sampler.page.value) == without_time(page)


def without_time(page: str) -> str:
    return re.sub(r"\d+ ms", "", page)


def test_another_takes_the_next_seed(sampler: SamplingPlayground, model: Model) -> None:
    sampler.another.click()
    assert sampler.text == write(model, 300, seed=1)
    sampler.seed.value = sampler.seed.max
    sampler.another.click()
    assert sampler.seed.value == 0


def test_an_unknown_character_is_told_in_a_line_and_the_text_stays(
    sampler: SamplingPlayground,
) -> None:
    sampler.prime.value = "a"
    text, page = sampler.text, sampler.page.value
    sampler.prime.value = "a</div>é"
    told = sampler.message.value
    assert "prime: expected" in told and "\n" not in told
    assert (sampler.text, sampler.page.value) == (text, page)
    assert "rnn-stale" in sampler.page._dom_classes
    sampler.prime.value = "a"
    assert not sampler.message.value
    assert "rnn-stale" not in sampler.page._dom_classes


def test_a_prime_that_is_too_long_is_told_in_a_line(sampler: SamplingPlayground) -> None:
    sampler.prime.value = "a" * (LONGEST_PRIME + 1)
    assert f"{LONGEST_PRIME:,}" in sampler.message.value
    assert f"{LONGEST_PRIME + 1:,}" in sampler.message.value


def test_a_text_ends_with_its_document(tmp_path: Path, model: Model) -> None:
    sampler = SamplingPlayground(a_run(tmp_path, model, document_end="ab"))
    sampler.length.value = 3000
    sampler.start()
    assert sampler.text == write(model, 3000, end="ab")
    assert sampler.text.endswith("ab") and f"{len(sampler.text):,}" in sampler.page.value


def test_the_best_model_is_offered_alone_where_there_is_no_last(folder: Path) -> None:
    assert list(SamplingPlayground(folder).models) == ["best", "last"]
    (folder / "last_model.npz").unlink()
    assert list(SamplingPlayground(folder).models) == ["best"]


def test_the_model_that_is_best_on_the_held_out_part_is_offered_too(
    folder: Path, model: Model
) -> None:
    save_model(folder / results.BEST_MODELS["held_out"], replace(model, update=5))
    models = SamplingPlayground(folder).models
    assert list(models) == ["best", "best held-out", "last"]
    assert models["best held-out"].update == 5


def test_a_last_model_that_cannot_be_used_is_left_out_and_said(folder: Path, model: Model) -> None:
    broken = model.parameters._replace(c=model.parameters.c * np.nan)
    save_model(folder / "last_model.npz", replace(model, parameters=broken))
    sampler = SamplingPlayground(folder)
    assert list(sampler.models) == ["best"]
    assert 'role="alert"' in sampler.widget.children[0].value


def test_a_thousand_characters_of_a_common_text_stay_small(tmp_path: Path) -> None:
    common = a_model("\n " + "".join(map(chr, range(33, 112))))
    sampler = SamplingPlayground(a_run(tmp_path, common))
    sampler.temperature.value = 2
    sampler.start()
    assert len(sampler.text) == 1000
    assert len(sampler.page.value.encode()) < 250_000


def test_a_folder_without_a_model_is_told_in_one_line(tmp_path: Path) -> None:
    with pytest.raises(ReportError, match="expected a trained model"):
        show(tmp_path)


# ---- Where there are no widgets -------------------------------------------------------------


@pytest.fixture
def displayed(monkeypatch: pytest.MonkeyPatch) -> Iterator[list[dict[str, Any]]]:
    found: list[dict[str, Any]] = []
    monkeypatch.setattr(playground, "display", lambda bundle, raw: found.append(bundle))
    yield found


def test_a_front_end_without_widgets_shows_what_to_do(
    folder: Path, displayed: list[dict[str, Any]]
) -> None:
    show(folder)
    (bundle,) = displayed
    assert "application/vnd.jupyter.widget-view+json" in bundle
    assert "make lab" in bundle["text/plain"] and "\n" not in bundle["text/plain"]


def test_without_ipywidgets_a_line_says_what_to_do(
    folder: Path, cases: list[Case], displayed: list[Any], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(playground, "find_spec", lambda name: None)
    show(folder)
    gradient_playground.show(cases, "abc")
    assert len(displayed) == 2
    for bundle in displayed:
        assert set(bundle) == {"text/markdown", "text/plain"}
        assert all("ipywidgets" in line and "make lab" in line for line in bundle.values())


# ---- The gradient check ---------------------------------------------------------------------


BOOK = load_corpus()


@pytest.fixture(scope="module")
def cases() -> list[Case]:
    return check_cases(BOOK, seed=0, m=5, seq_length=25, sig=0.01)


@pytest.fixture(scope="module")
def bench(cases: list[Case]) -> GradientPlayground:
    bench = GradientPlayground(cases, BOOK.vocabulary)
    bench.start()
    return bench


def words(bench: GradientPlayground) -> set[str]:
    """Return what the table says of the parameters."""
    return set(re.findall(r'<span class="(?:bad|fine)">([^<]*)</span>', bench.page.value))


def choose(bench: GradientPlayground, **values: str) -> GradientPlayground:
    for name, value in values.items():
        getattr(bench, name).value = value
    return bench


@pytest.mark.parametrize("oracle", [COMPLEX, CENTRAL])
def test_right_gradients_are_judged_as_the_report_judges_them(
    bench: GradientPlayground, cases: list[Case], oracle: str
) -> None:
    table = check(cases)
    for case in cases:
        choose(bench, setting=case.name, oracle=oracle, mistake="none")
        rows = table[(table["setting"] == case.name) & (table["oracle"] == oracle)]
        assert bench.errors["verdict"].tolist() == rows["verdict"].tolist()
        assert not bench.errors["caught"].any()
        assert words(bench) == {"nothing to catch"}


def test_every_mistake_is_caught_in_the_hard_setting(
    bench: GradientPlayground, cases: list[Case]
) -> None:
    choose(bench, setting=cases[-1].name, oracle=COMPLEX)
    assert len(bench.mistake.options) == 6
    for mistake in bench.mistake.options[1:]:
        choose(bench, mistake=mistake)
        caught = bench.errors[bench.errors["caught"]]
        assert len(caught) and set(caught["verdict"]) <= {"too high", "wrong"}
        assert bench.page.value.count(">caught</span>") == len(caught)
        assert bench.page.value.count(">not caught</span>") == 5 - len(caught)


def test_a_mistake_shows_in_the_parameters_behind_it_alone(
    bench: GradientPlayground, cases: list[Case]
) -> None:
    choose(bench, setting=cases[-1].name, oracle=COMPLEX, mistake=NO_H0)
    assert bench.errors.index[bench.errors["caught"]].tolist() == ["W"]
    choose(bench, mistake=FORGOTTEN)
    assert bench.errors.index[bench.errors["caught"]].tolist() == ["W", "U", "b"]


def test_a_mistake_that_hides_is_said_to_hide(bench: GradientPlayground, cases: list[Case]) -> None:
    choose(bench, setting=cases[0].name, oracle=COMPLEX, mistake=NO_H0)
    assert not bench.errors["caught"].any()
    assert words(bench) == {"not caught"}


@pytest.mark.parametrize("name", PARAMETERS)
def test_the_picture_s_numbers_are_the_relative_errors(
    bench: GradientPlayground, cases: list[Case], name: str
) -> None:
    case = cases[-1]
    choose(bench, setting=case.name, oracle=COMPLEX, mistake=FORGOTTEN, parameter=name)
    index = case.index()[name]
    gn = complex_step(case.loss, case.theta)[index]
    ga = gradients_with_mistake(case, FORGOTTEN)[index]
    errors, zero = relative_errors(ga, gn), (ga == 0) & (gn == 0)
    shown = bench.shown
    if name in "UV":
        errors, zero = errors.T, zero.T
    np.testing.assert_array_equal(shown.errors, np.atleast_2d(errors))
    np.testing.assert_array_equal(shown.zero, np.atleast_2d(zero))
    assert len(shown.characters) == (BOOK.K if name in "UVc" else 0)
    assert shown.left_out == 0


def test_the_picture_is_a_png_with_words_for_those_who_cannot_see_it(
    bench: GradientPlayground,
) -> None:
    choose(bench, parameter="U", mistake="none")
    alt, data = re.findall(r'<img alt="([^"]+)" src="data:image/png;base64,([^"]+)">',
                           bench.page.value)[0]  # fmt: skip
    assert base64.b64decode(data).startswith(b"\x89PNG")
    assert f"{bench.errors.loc['U', 'max']:.1e}" in alt


def test_an_oracle_is_asked_once_a_setting(
    cases: list[Case], monkeypatch: pytest.MonkeyPatch
) -> None:
    asked: list[int] = []

    def counted(*given: Any, each: Any, **options: Any) -> np.ndarray:
        return central_differences(*given, each=lambda: asked.append(1), **options)

    monkeypatch.setattr(gradient_playground.check, "central_differences", counted)
    bench = GradientPlayground(cases[-1:], BOOK.vocabulary)
    choose(bench, oracle=CENTRAL, mistake=NO_H0, parameter="V")
    choose(bench, mistake="none", parameter="b")
    assert sum(asked) == cases[-1].theta.size


def a_large_case() -> Case:
    K, m = 3000, 3
    theta = np.random.default_rng(0).normal(0, 0.1, m * m + m + 2 * K * m + K)
    x, y = np.array([[5], [2999]]), np.array([[2999], [7]])
    return Case("large", theta, Architecture(CELLS["vanilla"], m, K), x, y, np.ones((1, m)))


def test_of_thousands_of_characters_a_few_are_drawn_and_the_others_are_said() -> None:
    vocabulary = "".join(chr(0x4E00 + i) for i in range(3000))
    bench = GradientPlayground([a_large_case()], vocabulary)
    bench.start()
    for name in "UVc":
        choose(bench, parameter=name)
        shown = bench.shown
        assert shown.errors.shape == (1 if name == "c" else 3, FEW)
        assert {vocabulary[k] for k in (5, 7, 2999)} <= set(shown.characters)
        assert shown.left_out == 3000 - FEW
        figure = error_figure(shown)
        told = [text.get_text() for legend in figure.legends for text in legend.get_texts()]
        assert any(f"{3000 - FEW:,} more characters" in words for words in told)


def coloured(axes: Axes) -> np.ndarray:
    """Return the colours of a picture, in red, green, blue and opacity."""
    (image,) = axes.images
    return np.asarray(image.to_rgba(image.get_array()))


def test_zeros_and_what_is_no_number_have_colours_of_their_own(cases: list[Case]) -> None:
    case = cases[0]
    ga, gn = case.gradient(), case.gradient()
    place = dict(case.parts())["U"]
    ga[place[1]] = np.nan
    shown = error_map(case, "U", ga, gn, 1e-6, BOOK.vocabulary)
    strips = [axes for axes in error_figure(shown).axes if axes.get_ylabel() == "hidden unit"]
    colours = np.concatenate([coloured(axes) for axes in strips], axis=1)
    np.testing.assert_array_equal(colours[..., 3] == 0, shown.zero)
    assert colours[1, 0].tolist() == [0, 0, 0, 1]
    assert shown.zero.any() and not shown.zero[1, 0]


def test_colours_darken_with_the_error() -> None:
    errors = np.geomspace(1e-16, 1, 40)[None]
    shown = ErrorMap(errors, errors > 2, "hidden unit")
    lightness = coloured(error_figure(shown).axes[0])[0, :, :3] @ [0.2126, 0.7152, 0.0722]
    for low, high in ((0, 22), (24, 29), (31, 34), (36, 39)):
        assert (np.diff(lightness[low:high]) < 0).all()


# ---- In the notebooks -----------------------------------------------------------------------


@pytest.mark.parametrize("name", ["01_gradient_check", "03_best_model_sampling"])
def test_batch_runs_skip_the_playground_and_reports_leave_it_out(name: str) -> None:
    cells = json.loads((NOTEBOOKS / f"{name}.ipynb").read_text(encoding="utf-8"))["cells"]
    sources = ["".join(cell["source"]) for cell in cells]
    (at,) = [i for i, source in enumerate(sources) if "_playground.show(" in source]
    assert cells[at]["metadata"]["tags"] == ["skip-execution", "remove-cell"]
    assert cells[at - 1]["metadata"]["tags"] == ["remove-cell"]
    assert sources[at - 1].startswith("## Playground\n")
    after = [source for source in sources[at + 1 :] if source.startswith("#")]
    assert not after or after[0].startswith("# Appendix")
