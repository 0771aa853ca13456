"""The playground of the gradient check: the error of every entry, with or without a mistake."""

import base64
import time
from collections.abc import Sequence
from functools import partial
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
    Case,
    central_differences,
    compare,
    complex_step,
    verdict,
)
from rnn.gradient_mistakes import CLIPPED, effective_clip, gradients_with_mistake, mistakes_of
from rnn.report.lab.error_map import ErrorMap, error_figure, error_map, png
from rnn.report.lab.playground import Playground, control, show_playground
from rnn.report.markup import html, style
from rnn.report.sentences import enumerated

__all__ = ["GradientPlayground", "show"]

_NONE = "none"
_PATIENCE = 0.5  # seconds before the first word about a wait
_PIECE = 100  # derivatives between two looks at the clock


def show(cases: Sequence[Case], vocabulary: str, h: float = 1e-4, eps: float = 1e-6) -> None:
    """Show a `GradientPlayground`."""
    show_playground(lambda: GradientPlayground(cases, vocabulary, h, eps))


class GradientPlayground(Playground):
    """A picture of the errors of one parameter, the verdicts on all, and what they follow from.

    Parameters
    ----------
    cases : sequence of Case
        Those of `rnn.gradient_check.check_cases`, the hardest last.
    vocabulary : str
        The characters of their text.
    h, eps : float
        As for `rnn.gradient_check.check`.

    Attributes
    ----------
    setting, parameter, mistake, oracle : ipywidgets widgets
        The controls.
    errors : pandas.DataFrame
        What `rnn.gradient_check.compare` says of all parameters, with ``verdict`` and ``caught``.
    shown : ErrorMap
        What the picture shows.
    """

    errors: pd.DataFrame
    shown: ErrorMap

    def __init__(
        self, cases: Sequence[Case], vocabulary: str, h: float = 1e-4, eps: float = 1e-6
    ) -> None:
        import ipywidgets as widgets

        self.cases = {case.name: case.small() for case in cases}
        self._vocabulary, self._eps = vocabulary, eps
        self._oracles: dict[str, Any] = {
            COMPLEX: complex_step,
            CENTRAL: partial(central_differences, h=h),
        }
        self._numerical: dict[tuple[str, str], np.ndarray] = {}
        hard = self.cases[cases[-1].name]
        self._clip = effective_clip(hard)
        mistakes, wide = [_NONE, *mistakes_of(hard)], "min(430px, 98%)"
        self.setting = control(widgets.Dropdown, "setting", wide, options=list(self.cases))
        self.mistake = control(widgets.Dropdown, "mistake", wide, options=mistakes)
        self.parameter = control(
            widgets.ToggleButtons, "parameter", buttons="54px", options=PARAMETERS
        )
        self.oracle = control(
            widgets.ToggleButtons, "oracle", buttons="148px", options=list(self._oracles)
        )
        self.arrange(
            style("playground", "gradient_playground"),
            (self.setting, self.mistake),
            (self.parameter, self.oracle),
        )

    def redraw(self, _: Any = None) -> None:
        """Draw the picture and the verdicts that the controls ask for."""
        case, oracle, name = self.cases[self.setting.value], self.oracle.value, self.parameter.value
        gn, ga = self._estimate(case, oracle), self._gradient(case)
        errors = compare(case, ga, gn, self._eps).set_index("parameter")
        judged = errors[JUDGED[oracle]]
        self.errors = errors.assign(verdict=judged.map(verdict), caught=~(judged <= ACCEPTED))
        self.shown = error_map(case, name, ga, gn, self._eps, self._vocabulary)
        caught = self.errors["caught"]
        self.page.value = html(
            "gradient_playground",
            picture=base64.b64encode(png(error_figure(self.shown))).decode(),
            name=name,
            shown=self.shown,
            errors=self.errors.to_dict("index"),
            judged=JUDGED[oracle],
            planted=self.mistake.value != _NONE,
            caught=enumerated(caught.index[caught]) if caught.any() else "",
            others="" if caught.all() else enumerated(caught.index[~caught]),
            clip=self._clip if self.mistake.value == CLIPPED else None,
        )

    def _gradient(self, case: Case) -> np.ndarray:
        if self.mistake.value == _NONE:
            return case.gradient()
        return gradients_with_mistake(case, self.mistake.value, self._clip)

    def _estimate(self, case: Case, oracle: str) -> np.ndarray:
        """Return an oracle's gradients, computed once; say how far it is if that takes a while."""
        if (case.name, oracle) in self._numerical:
            return self._numerical[case.name, oracle]
        total, done, started = case.theta[case.places].size, 0, time.monotonic()

        def each() -> None:
            nonlocal done
            done += 1
            if done % _PIECE == 0 and time.monotonic() > started + _PATIENCE:
                tell(f"{oracle} for {total:,} entries, only once: {done / total:.0%}")

        # Threads cost more than they give with so small matrices.
        with self.waiting() as tell, threadpool_limits(1, "blas"):
            gn = self._oracles[oracle](case.loss, case.theta, places=case.places, each=each)
        self._numerical[case.name, oracle] = gn
        return gn
