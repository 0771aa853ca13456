"""The playground of sampling: a trained model writes as its controls are moved."""

import time
from pathlib import Path
from typing import Any

from rnn.errors import ReportError
from rnn.report.lab.playground import Playground, control, error_line
from rnn.report.lab.shaded_text import room_for_alternatives, text_html
from rnn.report.markup import html, style
from rnn.runs import results
from rnn.runs.models import load_model, probabilities, write

LONGEST_PRIME = 2_000  # characters: all of them are read again with every one that is typed


class SamplingPlayground(Playground):
    """A text of a model trained in a run's folder, and how it is written.

    Raises a ReportError if none was trained there yet.
    """

    text = ""  # what was written last, without the prime

    def __init__(self, folder: Path) -> None:
        import ipywidgets as widgets

        self.models, left_out = {"best": load_model(folder / results.BEST_MODELS["smooth"])}, ""
        others = {"best held-out": results.BEST_MODELS["held_out"], "last": "last_model.npz"}
        for name, file in others.items():
            if (folder / file).exists():
                try:
                    self.models[name] = load_model(folder / file)
                except ReportError as error:
                    left_out += error_line(f"The {name} model is left out: {error}")
        self.end = results.load_settings(folder).document_end
        self.prime = control(
            widgets.Textarea, "prime", "min(680px, 98%)", rows=2,
            placeholder="a text that the network reads first and continues",
        )  # fmt: skip
        self.length = _slider(widgets.IntSlider, "length", 1000, 50, 3000, 50)
        self.temperature = _slider(widgets.FloatSlider, "temperature", 1.0, 0, 2, 0.05)
        self.top_p = _slider(widgets.FloatSlider, "top-p", 1.0, 0.05, 1, 0.05)
        self.seed = control(widgets.BoundedIntText, "seed", "200px", max=999_999)
        self.another = widgets.Button(
            description="another", icon="refresh", tooltip="the next seed, another text",
            layout={"width": "110px", "margin": "2px 18px 2px 4px"},
        )  # fmt: skip
        self.which = control(
            widgets.ToggleButtons, "model", buttons="auto",
            options=[(f"{name}: update {m.update:,}", name) for name, m in self.models.items()],
            tooltips=[f"smooth loss {m.smooth_loss:.4f}" for m in self.models.values()],
        )  # fmt: skip
        self.another.on_click(self._next_seed)
        self.seed.observe(self.redraw, "value")
        self.arrange(
            style("playground", "shaded_text") + left_out,
            (self.prime,),
            (self.length, self.temperature),
            (self.top_p, widgets.HBox([self.seed, self.another])),
            (self.which,),
        )

    def start(self) -> None:
        """Write the first text; the functions that do it are compiled on their first use."""
        with self.waiting() as tell:
            tell("getting ready")
            for model in self.models.values():
                probabilities(model, write(model, 2))
        self.redraw()

    def _next_seed(self, _: Any) -> None:
        self.seed.value = (self.seed.value + 1) % (self.seed.max + 1)

    def redraw(self, _: Any = None) -> None:
        """Write the text that the controls ask for."""
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
            self.message.value = error_line(error)
            self.page.add_class("rnn-stale")
            return
        self.text, self.message.value = text, ""
        self.page.value = html(
            "sampling_playground",
            written=written,
            room=room_for_alternatives(model.vocabulary),
            bits=bits,
            length=len(text),
            ended=len(text) < n,
            milliseconds=1000 * (time.perf_counter() - started),
        )
        self.page.remove_class("rnn-stale")


def _slider(kind: Any, name: str, value: float, low: float, high: float, step: float) -> Any:
    return control(kind, name, "330px", value=value, min=low, max=high, step=step)


show = SamplingPlayground.show
