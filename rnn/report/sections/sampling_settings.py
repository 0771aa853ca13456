"""Short texts that show what the settings of sampling do."""

from collections.abc import Sequence

from rnn.report.show import Section
from rnn.runs.models import Model, write

_LENGTH = 200  # characters of each text


def show(
    section: Section, model: Model, seed: int, *,
    temperatures: Sequence[float] = (), nuclei: Sequence[float] = (),
) -> None:  # fmt: skip
    """Show short texts at several temperatures, or with several nuclei."""
    for temperature in temperatures:
        text = write(model, _LENGTH, seed, temperature=temperature)
        section.sample(text, {"temperature": temperature}, title="temperature")
    for top_p in nuclei:
        section.sample(write(model, _LENGTH, seed, top_p=top_p), {"top_p": top_p}, title="nucleus")
