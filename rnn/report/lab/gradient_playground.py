"""The playground of the gradient check: the error of every entry, with or without a mistake."""

import io
import time
from collections.abc import Sequence
from functools import partial
from typing import Any

import numpy as np
import pandas as pd

from rnn import gradient_check as check
from rnn.gradient_mistakes import CLIPPED, effective_clip, gradients_with_mistake, mistakes_of
from rnn.report.figures import style as page_style
from rnn.report.lab.error_map import ErrorMap, error_figure, error_map
from rnn.report.lab.playground import Playground, control
from rnn.report.markup import html, style
from rnn.report.sentences import enumerated

_NONE = "none"
_PATIENCE = 0.5  # seconds before the first word about a wait
_PIECE = 100  # derivatives between two looks at the clock


class GradientPlayground(Playground):
    """A picture of the errors of one parameter, the verdicts on all, and what they follow from.

    The cases are those of `rnn.gradient_check.check_cases`, the hardest last, of a text with this
    vocabulary; `h` and `eps` are as for `rnn.gradient_check.check`.
    """

    errors: pd.DataFrame  # of `rnn.gradient_check.compare`, with ``verdict`` and ``caught``
    shown: ErrorMap  # what the picture shows

    def __init__(
        self, cases: Sequence[check.Case], vocabulary: str, h: float = 1e-4, eps: float = 1e-6
    ) -> None:
        import ipywidgets as widgets

        self.cases = {case.name: case.small() for case in cases}
        self._vocabulary, self._eps = vocabulary, eps
        central: Any = partial(check.central_differences, h=h)
        self._oracles = {check.COMPLEX: check.complex_step, check.CENTRAL: central}
        self._numerical: dict[tuple[str, str], np.ndarray] = {}
        hard = self.cases[cases[-1].name]
        self._clip = effective_clip(hard)
        mistakes, wide = [_NONE, *mistakes_of(hard)], "min(430px, 98%)"
        self.setting = control(widgets.Dropdown, "setting", wide, options=list(self.cases))
        self.mistake = control(widgets.Dropdown, "mistake", wide, options=mistakes)
        toggle, oracles = widgets.ToggleButtons, list(self._oracles)
        self.parameter = control(toggle, "parameter", buttons="54px", options=[*dict(hard.parts())])
        self.oracle = control(toggle, "oracle", buttons="148px", options=oracles)
        sheets = style("playground", "gradient_playground")
        self.arrange(sheets, (self.setting, self.mistake), (self.parameter, self.oracle))

    def redraw(self, _: Any = None) -> None:
        """Draw the picture and the verdicts that the controls ask for."""
        case, oracle, name = self.cases[self.setting.value], self.oracle.value, self.parameter.value
        mistake, clip, gn = self.mistake.value, self._clip, self._estimate(case, oracle)
        planted = mistake != _NONE
        ga = gradients_with_mistake(case, mistake, clip) if planted else case.gradient()
        errors = check.compare(case, ga, gn, self._eps).set_index("parameter")
        judged = errors[check.JUDGED[oracle]]
        caught, drawn = ~(judged <= check.ACCEPTED), io.BytesIO()
        self.errors = errors.assign(verdict=judged.map(check.verdict), caught=caught)
        self.shown = error_map(case, name, ga, gn, self._eps, self._vocabulary)
        with page_style():
            error_figure(self.shown).savefig(drawn, format="png", dpi=192, facecolor="white")
        self.page.value = html(
            "gradient_playground",
            picture=drawn.getvalue(),
            name=name,
            shown=self.shown,
            gates=len(case.architecture.cell.biases) > 1 and name != "V",
            errors=self.errors.to_dict("index"),
            judged=check.JUDGED[oracle],
            planted=planted,
            caught=enumerated(caught.index[caught]),
            others=enumerated(caught.index[~caught]),
            clip=clip if mistake == CLIPPED else None,
        )

    def _estimate(self, case: check.Case, oracle: str) -> np.ndarray:
        """Return an oracle's gradients, computed once; say how far it is if that takes a while."""
        if (case.name, oracle) in self._numerical:
            return self._numerical[case.name, oracle]
        total, done, started = case.theta[case.places].size, 0, time.monotonic()

        def each() -> None:
            nonlocal done
            done += 1
            if done % _PIECE == 0 and time.monotonic() > started + _PATIENCE:
                tell(f"{oracle} for {total:,} entries, only once: {done / total:.0%}")

        with self.waiting() as tell:
            gn = self._oracles[oracle](case.loss, case.theta, places=case.places, each=each)
        self._numerical[case.name, oracle] = gn
        return gn


show = GradientPlayground.show
