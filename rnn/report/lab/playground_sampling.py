"""A playground for JupyterLab: a trained model writes as one turns its knobs."""

import time
from pathlib import Path
from typing import Any

from rnn.errors import ReportError
from rnn.report.escaping import html_text
from rnn.report.lab.playground import (
    STYLE,
    caption,
    error_line,
    page,
    row,
    show_playground,
    waiting,
)
from rnn.report.lab.shaded_text import LEGEND, room_for_alternatives, text_html
from rnn.report.lab.shaded_text import STYLE as TEXT_STYLE
from rnn.runs import results
from rnn.runs.models import Model, load_model
from rnn.runs.writing import probabilities, write

__all__ = ["Sampler", "show"]

LONGEST_PRIME = 2_000  # characters: all of them are read again with every one that is typed
_FILES = {"best": "best_model.npz", "last": "last_model.npz"}


def show(folder: Path) -> None:
    """Show the playground of a run's models.

    Parameters
    ----------
    folder : Path
        The run's folder.

    Raises
    ------
    ReportError
        If no model was trained there yet.
    """
    show_playground(lambda: Sampler(folder))


class Sampler:
    """The playground's controls and its text.

    Parameters
    ----------
    folder : Path
        The run's folder.

    Attributes
    ----------
    widget : ipywidgets.VBox
        All of it.
    prime, length, temperature, top_p, seed, another, which : ipywidgets widgets
        The controls.
    page, message : ipywidgets.HTML
        The text, and the line under the controls.
    text : str
        What was written last, without the prime.
    """

    def __init__(self, folder: Path) -> None:
        import ipywidgets as widgets

        self.models, left_out = _load_models(folder)
        self.end = results.load_settings(folder).document_end
        self.text = ""
        wide = widgets.Layout(width="min(680px, 98%)")
        slim = widgets.Layout(width="330px")
        self.prime = widgets.Textarea(
            placeholder="a text that the network reads first and continues",
            rows=2, layout=wide, **caption("prime"),
        )  # fmt: skip
        self.length = widgets.IntSlider(1000, 50, 3000, 50, layout=slim, **caption("length"))
        self.temperature = widgets.FloatSlider(
            1.0, min=0, max=2, step=0.05, layout=slim, **caption("temperature")
        )
        self.top_p = widgets.FloatSlider(
            1.0, min=0.05, max=1, step=0.05, layout=slim, **caption("top-p")
        )
        self.seed = widgets.BoundedIntText(
            0, 0, 999_999, layout=widgets.Layout(width="200px"), **caption("seed")
        )
        self.another = widgets.Button(
            description="another", icon="refresh", tooltip="the next seed, another text",
            layout=widgets.Layout(width="110px", margin="2px 18px 2px 4px"),
        )  # fmt: skip
        self.which = widgets.ToggleButtons(
            options=[(f"{name}: update {m.update:,}", name) for name, m in self.models.items()],
            tooltips=[f"smooth loss {m.smooth_loss:.4f}" for m in self.models.values()],
            style={"button_width": "auto", "description_width": "92px"}, description="model",
            layout=widgets.Layout(width="auto"),
        )  # fmt: skip
        self.message, self.page = page(), page()
        note = widgets.HTML(
            STYLE + TEXT_STYLE + (error_line(html_text(left_out)) if left_out else "")
        )
        self.widget = widgets.VBox(
            [
                note,
                self.prime,
                row(self.length, self.temperature),
                row(self.top_p, widgets.HBox([self.seed, self.another])),
                row(self.which),
                self.message,
                self.page,
            ]
        )
        for control in (
            self.prime, self.length, self.temperature, self.top_p, self.seed, self.which,
        ):  # fmt: skip
            control.observe(self._redraw, "value")
        self.another.on_click(self._next_seed)

    def start(self) -> None:
        """Write the first text; the functions that do it are compiled on their first use."""
        with waiting(self.message) as tell:
            tell("getting ready")
            for model in self.models.values():
                probabilities(model, write(model, 2))
        self._redraw()

    def _next_seed(self, _: Any) -> None:
        self.seed.value = self.seed.value + 1 if self.seed.value < self.seed.max else 0

    def _redraw(self, _: Any = None) -> None:
        model, prime, n = self.models[self.which.value], self.prime.value, self.length.value
        started = time.perf_counter()
        try:
            if len(prime) > LONGEST_PRIME:
                raise ReportError(
                    f"prime: expected at most {LONGEST_PRIME:,} characters, got {len(prime):,}"
                )
            # Sliders count in steps, whose sums are not the numbers that are shown.
            temperature, top_p = round(self.temperature.value, 2), round(self.top_p.value, 2)
            text = write(model, n, self.seed.value, temperature, top_p, prime, self.end)
            written, bits = text_html(model, text, prime)
        except ReportError as error:
            self.message.value = error_line(html_text(error))
            self.page.add_class("rnn-stale")
            return
        took = 1000 * (time.perf_counter() - started)
        ended = ", where a document ends" if len(text) < n else ""
        told = (
            f"<b>{bits:.2f} bits a character</b> by the network’s own probabilities; "
            f"{len(text):,} characters{ended}, in {took:.0f} ms."
        )
        self.text = text
        self.message.value = ""
        room = room_for_alternatives(model.vocabulary)
        self.page.value = (
            f'<div class="rnn-text"><div style="padding-right: {room:.1f}em">{written}</div>'
            f'<div class="told">{told}</div><div class="told">{LEGEND}</div></div>'
        )
        self.page.remove_class("rnn-stale")


def _load_models(folder: Path) -> tuple[dict[str, Model], str]:
    """Return the models that a run left, and a line about one that cannot be used."""
    models = {"best": load_model(folder / _FILES["best"])}
    if not (folder / _FILES["last"]).exists():
        return models, ""
    try:
        return models | {"last": load_model(folder / _FILES["last"])}, ""
    except ReportError as error:
        return models, f"The last model is left out: {error}"
