"""A playground for JupyterLab: the relative error of every entry, with and without a mistake."""

import base64
import time
from collections.abc import Sequence
from typing import Any

import numpy as np
import pandas as pd
from threadpoolctl import threadpool_limits

from rnn.gradient_check import (
    ACCEPTED,
    CENTRAL,
    COMPLEX,
    JUDGED,
    PARAMETERS,
    THRESHOLDS,
    Case,
    central_differences,
    compare,
    complex_step,
    relative_errors,
    verdict,
)
from rnn.gradient_mistakes import CLIPPED, effective_clip, mistakes_of, plain_gradients
from rnn.report.escaping import html_text
from rnn.report.lab.figures_playground import ErrorMap, error_figure, png
from rnn.report.lab.playground import STYLE, caption, page, row, show_playground, waiting
from rnn.report.sections.words import enumerate_all
from rnn.text.characters import visible

__all__ = ["GradientCheck", "error_map", "show"]

_NONE = "none"
_PATIENCE = 0.5  # seconds before the first word about a wait
_PIECE = 100  # derivatives between two looks at the clock

_STYLE = """<style>
.rnn-check { color: var(--jp-content-font-color1, #212121); font-size: 13px; line-height: 1.5; }
.rnn-check img { width: 680px; max-width: 100%; min-width: 540px; height: auto; display: block;
  box-sizing: border-box; margin: 6px 0; background: #fff; border-radius: 4px;
  border: 1px solid var(--jp-border-color2, #ddd); }
.rnn-check .words { max-width: 680px; margin: 8px 0 4px; }
.rnn-check .scroll { overflow-x: auto; }
.rnn-check table { border-collapse: collapse; margin: 6px 0; }
.rnn-check th, .rnn-check td { padding: 3px 12px; text-align: left; white-space: nowrap;
  border-bottom: 1px solid var(--jp-border-color2, #ccc); font-variant-numeric: tabular-nums; }
.rnn-check thead th { white-space: normal; vertical-align: bottom; max-width: 9em; }
.rnn-check tr.shown { background: var(--jp-rendermime-table-row-hover-background, #e3f2fd);
  background: color-mix(in srgb, var(--jp-brand-color1, #1976d2) 18%, transparent); }
.rnn-check .bad { font-weight: bold; border-left: 5px solid #d4621c; padding-left: 7px; }
.rnn-check .fine { border-left: 5px solid #8fbbd9; padding-left: 7px; }
</style>"""


def show(cases: Sequence[Case], vocabulary: str, h: float = 1e-4, eps: float = 1e-6) -> None:
    """Show the playground of a gradient check.

    Parameters
    ----------
    cases : sequence of Case
        Those of `rnn.gradient_cases.check_cases`, the hardest last.
    vocabulary : str
        The characters of their text.
    h, eps : float
        As for `rnn.gradient_check.check`.
    """
    show_playground(lambda: GradientCheck(cases, vocabulary, h, eps))


class GradientCheck:
    """The playground's controls, its picture and its words.

    Parameters
    ----------
    cases, vocabulary, h, eps
        As for `show`.

    Attributes
    ----------
    widget : ipywidgets.VBox
        All of it.
    setting, parameter, mistake, oracle : ipywidgets widgets
        The controls.
    page, message : ipywidgets.HTML
        Picture, words and table; a word while an oracle computes.
    errors : pandas.DataFrame
        What `rnn.gradient_check.compare` says of all parameters, with ``judged``, ``verdict`` and
        ``caught``.
    shown : ErrorMap
        What the picture shows.
    """

    def __init__(
        self, cases: Sequence[Case], vocabulary: str, h: float = 1e-4, eps: float = 1e-6
    ) -> None:
        import ipywidgets as widgets

        self.cases = {case.name: case.small() for case in cases}
        self.vocabulary, self.h, self.eps = vocabulary, h, eps
        self.errors = pd.DataFrame()
        self.shown: ErrorMap | None = None
        self._numerical: dict[tuple[str, str], np.ndarray] = {}
        hard = self.cases[cases[-1].name]
        self._clip = effective_clip(hard)
        mistakes = [_NONE, *mistakes_of(hard)]
        wide = widgets.Layout(width="min(430px, 98%)")
        self.setting = widgets.Dropdown(options=list(self.cases), layout=wide, **caption("setting"))
        self.mistake = widgets.Dropdown(options=mistakes, layout=wide, **caption("mistake"))
        narrow = {"button_width": "54px", "description_width": "92px"}
        self.parameter = widgets.ToggleButtons(
            options=PARAMETERS, description="parameter", style=narrow
        )
        self.oracle = widgets.ToggleButtons(
            options=[COMPLEX, CENTRAL], description="oracle",
            style=narrow | {"button_width": "148px"},
        )  # fmt: skip
        self.message, self.page = page(), page()
        self.widget = widgets.VBox(
            [
                widgets.HTML(STYLE + _STYLE),
                row(self.setting, self.mistake),
                row(self.parameter, self.oracle),
                self.message,
                self.page,
            ]
        )
        for control in (self.setting, self.mistake, self.parameter, self.oracle):
            control.observe(self._redraw, "value")

    def start(self) -> None:
        """Draw the first picture; the fonts are loaded and functions compiled on first use."""
        with waiting(self.message) as tell:
            tell("getting ready")
            self._redraw()

    def _redraw(self, _: Any = None) -> None:
        case, oracle, name = self.cases[self.setting.value], self.oracle.value, self.parameter.value
        gn = self._oracle(case, oracle)
        ga = _analytic(case, self.mistake.value, self._clip)
        table = compare(case, ga, gn, self.eps).set_index("parameter")
        table["judged"] = table[JUDGED[oracle]]
        table["verdict"] = table["judged"].map(verdict)
        table["caught"] = ~(table["judged"] <= ACCEPTED)
        self.errors = table
        self.shown = error_map(case, name, ga, gn, self.eps, self.vocabulary)
        picture = base64.b64encode(png(error_figure(self.shown))).decode()
        words = self._words(case)
        alt = f"The relative error of every entry of {name}, in colours. {words}"
        self.page.value = (
            f'<div class="rnn-check"><div class="words" role="status">{words}</div>'
            f'<div class="scroll"><img alt="{alt}" src="data:image/png;base64,{picture}"></div>'
            f"{self._table()}</div>"
        )

    def _oracle(self, case: Case, oracle: str) -> np.ndarray:
        """Return an oracle's gradients, computed once; say how far it is if that takes a while."""
        key = case.name, oracle
        if key in self._numerical:
            return self._numerical[key]
        places = np.arange(case.theta.size)[case.places]
        started, pieces = time.monotonic(), []
        # Threads cost more than they give with so small matrices.
        with waiting(self.message) as tell, threadpool_limits(1, "blas"):
            for done in range(0, len(places), _PIECE):
                few = places[done : done + _PIECE]
                if oracle == COMPLEX:
                    pieces.append(complex_step(case.loss, case.theta, places=few))
                else:
                    pieces.append(central_differences(case.loss, case.theta, self.h, few))
                if time.monotonic() > started + _PATIENCE:
                    share = (done + len(few)) / len(places)
                    tell(f"{oracle} of {len(places):,} entries, once: {share:.0%}")
        self._numerical[key] = np.concatenate(pieces)
        return self._numerical[key]

    def _words(self, case: Case) -> str:
        """Say what was found, in escaped HTML without tags."""
        name, shown, mistake = self.parameter.value, self.shown, self.mistake.value
        assert shown is not None
        found = self.errors.loc[name]
        where = _place(shown)
        text = (
            f"Largest error of an entry of {name}: {found['max']:.1e}, {where}; "
            f"{name} is judged {found['verdict']}. "
        )
        caught = self.errors.index[self.errors["caught"]].tolist()
        if mistake == _NONE:
            text += (
                f"No mistake is planted, yet something is wrong in {enumerate_all(caught)}."
                if caught
                else "No mistake is planted, and none is reported in any parameter."
            )
        elif caught:
            quiet = [other for other in self.errors.index if other not in caught]
            seen = f"The mistake is caught: it shows in {enumerate_all(caught)}"
            text += f"{seen} and not in {enumerate_all(quiet)}." if quiet else f"{seen}."
        else:
            text += "The mistake is not caught in this setting: take a harder one."
        if mistake == CLIPPED:
            text += f" The bound is {self._clip:.3g}."
        return html_text(text)

    def _table(self) -> str:
        """Return the verdicts on all parameters as a table."""
        rows = ""
        for name, found in self.errors.iterrows():
            mark, word = ("bad", "caught") if found["caught"] else ("fine", "not caught")
            if self.mistake.value == _NONE:
                word = "wrong" if found["caught"] else "nothing to catch"
            rows += (
                f"<tr{' class=shown' if name == self.parameter.value else ''}>"
                f'<th scope="row">{name}</th><td><span class="{mark}">{word}</span></td>'
                f"<td>{found['verdict']}</td><td>{found['max']:.1e}</td>"
                f"<td>{found['norm_wise']:.1e}</td><td>{found['exactly_zero']:.0%}</td></tr>"
            )
        judged = {"max": "largest error", "norm_wise": "norm-wise error"}
        heads = [
            f"{told} (judged)" if column == JUDGED[self.oracle.value] else told
            for column, told in judged.items()
        ]
        head = "".join(
            f'<th scope="col">{told}</th>'
            for told in ("parameter", "planted mistake", "verdict", *heads, "exactly zero")
        )
        return (
            f'<div class="scroll"><table><thead><tr>{head}</tr></thead><tbody>{rows}</tbody>'
            "</table></div>"
        )


def error_map(
    case: Case, name: str, ga: np.ndarray, gn: np.ndarray, eps: float, vocabulary: str
) -> ErrorMap:
    """Lay the errors of one parameter out as they are drawn: characters from left to right.

    Parameters
    ----------
    case : Case
        Says which entries are whose; of the characters, whole rows are looked at.
    name : str
        The parameter.
    ga, gn : (k,)
        Analytic and numerical gradient.
    eps : float
        As for `rnn.gradient_check.relative_errors`.
    vocabulary : str
        The characters.
    """
    index = case.parameters(np.arange(case.theta.size))._asdict()[name]
    places = np.arange(case.theta.size)[case.places]
    looked = np.isin(index, places)
    entries = index[looked]
    at = np.searchsorted(places, entries)
    of_characters = name in ("U", "V", "c")
    left_out, characters = 0, []
    if of_characters:
        whole = looked.reshape(case.K, -1).all(axis=1)
        left_out = int(case.K - whole.sum())
        characters = [visible(vocabulary[k]) for k in np.flatnonzero(whole)]

    def laid_out(values: np.ndarray) -> np.ndarray:
        values = values[at]
        if name == "W":
            return values.reshape(case.m, case.m)
        return values.reshape(len(characters), -1).T if of_characters else values[None]

    across = {"W": "hidden unit of the step before", "b": "hidden unit"}.get(name, "character")
    return ErrorMap(
        errors=laid_out(relative_errors(ga, gn, eps)),
        zero=laid_out((ga == 0) & (gn == 0)),
        across=across,
        down="hidden unit" if name in "WUV" else "",
        characters=characters,
        left_out=left_out,
        thresholds=THRESHOLDS,
    )


def _analytic(case: Case, mistake: str, clip: float) -> np.ndarray:
    if mistake == _NONE:
        return case.gradient()
    return case.vector(plain_gradients(case, mistake, clip))


def _place(shown: ErrorMap) -> str:
    """Say where the largest error is."""
    errors = np.where(np.isfinite(shown.errors), shown.errors, np.inf)
    down, across = np.unravel_index(errors.argmax(), errors.shape)
    if shown.characters:
        place = f"at the character {shown.characters[int(across)]}"
        return f"{place}, hidden unit {down + 1}" if shown.down else place
    if shown.down:
        return f"from hidden unit {across + 1} to hidden unit {down + 1}"
    return f"at hidden unit {across + 1}"
