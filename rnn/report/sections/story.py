"""The sentences of the report: Markdown with every number and name computed.

They hold for any text and any run, also a short or a bad one.
"""

import math
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import pandas as pd

from rnn.analysis.baselines import baselines
from rnn.analysis.hidden_units import Stretch, tell
from rnn.analysis.text_quality import Book, quality_table
from rnn.report.sections import checklist, comparison, place, provenance, quality, units
from rnn.report.sections.figures_meaning import (
    comparison_figure,
    place_figure,
    quality_figure,
    units_figure,
)
from rnn.report.sections.words import enumerate_all
from rnn.report.show_old import escape, show_figure, show_prose, show_table, show_text
from rnn.runs.models import Model
from rnn.runs.run import Run
from rnn.runs.writing import write
from rnn.text.corpus import Corpus
from rnn.text.passport import passport, passport_rows

__all__ = [
    "best_model_reading",
    "best_model_setting",
    "show_checklist",
    "show_models",
    "show_passport",
    "show_place",
    "show_provenance",
    "show_quality",
    "show_sampling",
    "show_snapshots",
    "show_units",
    "shown_snapshots",
    "snapshots_setting",
]

_SHORT = 200  # characters of a text that shows a setting


def snapshots_setting(run: Run) -> str:
    """Say how the snapshots were made."""
    s, shown = run.settings, shown_snapshots(run)
    every = f" and before every {s.snapshot_every:,}th one up to {shown[-1]['update']:,}"
    return (
        f"Before the first update{every if len(shown) > 1 else ''} the network, as it was then, "
        f"synthesized {s.snapshot_length:,} characters from its current state and the first "
        f"character of the segment it was about to read:"
    )


def best_model_setting(
    model: Model, temperature: float = 1.0, top_p: float = 1.0, prime: str = ""
) -> str:
    """Say which model the text comes from, and how it was drawn."""
    begun = f"read “{escape(prime)}” and continued it" if prime else "went on from where it stood"
    drawn = [f"the temperature {temperature:g}"] if temperature != 1 else []
    drawn += [f"a nucleus of p = {top_p:g}"] if top_p < 1 else []
    how = f", with {enumerate_all(drawn)}" if drawn else ""
    return (
        f"The model with the lowest smooth loss, **{model.smooth_loss:.4f}** at update "
        f"{model.update:,}, {begun}{'' if prime else ' in the text'}{how}:"
    )


def shown_snapshots(run: Run) -> list[dict[str, Any]]:
    """Return the snapshots that the assignment asks for: the first and the ten after it."""
    return run.state.snapshots[:11]


def show_place(run: Run) -> None:
    """Show the smooth loss against the place in the text, and what it tells."""
    about = run.history, run.updates_per_epoch
    if not place.places_differ(*about, run.settings):
        unit = "segment" if run.settings.loss == "sum" else "character"
        caption, alt = place.place_caption(*about), place.place_alt(*about)
        show_figure(
            place_figure(*about, unit),
            label="fig-place",
            caption=caption,
            alt=alt,
            source="history.csv",
        )
    show_prose(place.place_reading(*about, run.settings))


def show_models(run: Run) -> dict[str, float]:
    """Show the loss over the whole text of the models of a run; return it."""
    losses = run.text_losses()
    counts = baselines(run.trained_ids, run.corpus.K)
    caption = comparison.comparison_caption(losses)
    show_table(
        comparison.comparison_table(losses, counts),
        label="tab-models",
        caption=caption,
        source="results.json",
    )
    alt = comparison.comparison_alt(losses, counts)
    figure = comparison_figure(losses, counts)
    show_figure(figure, label="fig-models", caption=caption, alt=alt, source="results.json")
    show_prose(comparison.comparison_reading(losses, counts))
    return losses


def show_quality(run: Run) -> None:
    """Read the snapshots, and show what they are like in numbers."""
    book = Book.of(run.corpus)
    texts, own = quality_table(shown_snapshots(run), book), book.own(run.settings.snapshot_length)
    caption, alt = quality.quality_caption(texts, own), quality.quality_alt(texts)
    show_prose(quality.quality_reading(texts, book, own))
    show_figure(
        quality_figure(texts, own),
        label="fig-quality",
        caption=caption,
        alt=alt,
        source="snapshots.json",
    )
    caption = quality.table_caption("fig-quality")
    show_table(
        quality.quality_view(texts), label="tab-quality", caption=caption, source="snapshots.json"
    )


def show_units(model: Model, corpus: Corpus) -> None:
    """Show which hidden units tell something, and the text coloured by them."""
    stretch = Stretch.of(model.parameters, model.h, model.vocabulary, corpus.ids)
    told = tell(stretch)
    shown = units.passages(stretch, told)
    show_prose(units.units_reading(stretch, told))
    if shown:
        caption = units.units_table_caption(stretch)
        show_table(
            units.units_view(told), label="tab-units", caption=caption, source="best_model.npz"
        )
        caption, alt = units.units_caption(shown), units.units_alt(shown)
        show_figure(
            units_figure(shown),
            label="fig-units",
            caption=caption,
            alt=alt,
            source="best_model.npz",
        )


def show_checklist(folder: Path) -> None:
    """Show what the assignment asks for, and what a run has of it."""
    table = checklist.checklist(folder)
    caption = (
        "What the assignment asks for, and what this run has of it. From `gradient_check.csv`, "
        "`history.csv`, `snapshots.json` and `results.json`."
    )
    show_table(table, label="tab-checklist", caption=caption)
    show_prose(checklist.checklist_reading(table))


def show_passport(corpus: Corpus, seq_length: int) -> None:
    """Show the passport of a text, with what is unusual about it."""
    facts = passport(corpus, seq_length)
    table = pd.DataFrame(passport_rows(facts), columns=["property", "value"])
    caption = " ".join(["The text.", *map(escape, facts["warnings"])])
    show_table(table, label="tab-book", caption=caption, source="results.json")


def show_provenance(folder: Path) -> None:
    """Show what the numbers come from."""
    table = provenance.provenance_table(folder)
    show_table(
        table, label="tab-provenance", caption="Where the numbers come from.", source="results.json"
    )


def show_snapshots(run: Run) -> None:
    """Show the snapshots that the assignment asks for."""
    for snapshot in shown_snapshots(run):
        title = f"iter: {snapshot['update']} (smooth loss: {snapshot['smooth_loss']:.4f})"
        show_text(snapshot["text"], title=title)


def show_sampling(
    model: Model, seed: int, temperatures: Sequence[float] = (), nuclei: Sequence[float] = ()
) -> None:
    """Show short texts at several temperatures, or with several nuclei."""
    for temperature in temperatures:
        text = write(model, _SHORT, seed, temperature=temperature)
        show_text(text, title=f"temperature {temperature:g}")
    for top_p in nuclei:
        text = write(model, _SHORT, seed, top_p=top_p)
        show_text(text, title=f"nucleus p = {top_p:g}")


def best_model_reading(text: str, book: Book) -> str:
    """Say what the text of the best model is like."""
    share, long_share = book.share_of_words(text), book.share_of_words(text, 4)
    names = [escape(name) for name in book.names_in(text)]
    sentences = []
    if not math.isnan(share):
        sentences.append(f"{share:.0%} of the words above are words of the book")
        if not math.isnan(long_share):
            sentences[0] += f", {long_share:.0%} of those with at least four letters"
        sentences[0] += "."
    if names:
        sentences.append(f"Of the book's recurring names the text has {enumerate_all(names)}.")
    return " ".join(sentences)
