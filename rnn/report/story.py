"""The sentences of the report: Markdown with every number and name computed.

They hold for any text and any run, also a short or a bad one.
"""

import math
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd

from rnn.baselines import baselines
from rnn.checkpoint import Model
from rnn.corpus import Corpus
from rnn.neurons import Stretch, tell
from rnn.passport import passport, passport_rows
from rnn.report import checklist, comparison, place, provenance, quality, units
from rnn.report.figures import loss_figure
from rnn.report.figures_meaning import comparison_figure, place_figure, quality_figure, units_figure
from rnn.report.published import published_points
from rnn.report.show import escape, show_figure, show_prose, show_table, show_text
from rnn.report.words import enumerate_all
from rnn.run import Run
from rnn.text_quality import Book, quality_table
from rnn.writing import write

__all__ = [
    "best_model_reading",
    "best_model_setting",
    "loss_alt",
    "loss_caption",
    "loss_reading",
    "per_character",
    "seeds_reading",
    "show_checklist",
    "show_loss",
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
    "training_setting",
]

_SHORT = 200  # characters of a text that shows a setting

_OPTIMIZERS = {"adagrad": "AdaGrad", "rmsprop": "RMSProp", "adam": "Adam"}


def per_character(loss: float, run: Run) -> str:
    """Say a smooth loss in nats and bits a character and as a perplexity."""
    nats = loss if run.settings.loss == "mean" else loss / run.settings.seq_length
    bits = nats / math.log(2)
    return f"{nats:.4f} nats or {bits:.4f} bits a character, a perplexity of {math.exp(nats):.3f}"


def training_setting(run: Run) -> str:
    """Say what the network was trained on and how."""
    s, corpus = run.settings, run.corpus
    updates = f"{run.last_update:,} update{'s' * (run.last_update != 1)}"
    epochs = _epochs(run)
    values = f"`m = {s.m}`, `seq_length = {s.seq_length}` and `eta = {s.eta:g}`"
    first = (
        f"first weights drawn with standard deviation `sig = {s.sig:g}`"
        if s.init == "normal"
        else "first weights scaled to the sizes of their matrices"
    )
    clip = (
        "gradients were not clipped"
        if math.isinf(s.clip or 0)
        else f"every entry of the gradients was clipped to [−{s.clip:g}, {s.clip:g}]"
    )
    over = "summed over" if s.loss == "sum" else "averaged over"
    reading = {
        "sequential": "from beginning to end",
        "chunks": f"in {s.chunks} chunks in shuffled order",
        "random": "at random positions",
    }[s.order]
    streams = f", in {s.batch_size} streams side by side" if s.batch_size > 1 else ""
    return (
        f"I trained the network on *{escape(corpus.title)}*, a text of {len(corpus.ids):,} "
        f"characters with K = {corpus.K} distinct ones, for {epochs}: {updates}, of which "
        f"{run.updates_per_epoch:,} make an epoch. The text was read {reading}{streams}. The "
        f"hyper-parameters were {values}, with {first}. The optimiser was "
        f"{_OPTIMIZERS[str(s.optimizer)]}; {clip}. The loss is {over} the {s.seq_length} "
        f"characters of a segment, and the smooth loss is 0.999 times its last value plus 0.001 "
        f"times the new loss, from the first loss on."
    )


def _epochs(run: Run) -> str:
    epochs = run.last_update / run.updates_per_epoch
    if epochs == int(epochs):
        return f"{int(epochs)} epoch{'s' * (epochs != 1)}"
    return f"{epochs:.2f} epochs"


def show_loss(runs: Sequence[Run]) -> None:
    """Show the figure of the smooth loss of a run, with the band of other seeds."""
    run, others = runs[0], runs[1:]
    unit = "segment" if run.settings.loss == "sum" else "character"
    history = run.history
    if "validation_loss" in history:
        history["validation_loss"] *= run.settings.seq_length if unit == "segment" else 1
    points = published_points(run.corpus.name, run.settings, run.last_update)
    figure = loss_figure(
        history, run.updates_per_epoch, run.best_update, run.best_loss, points,
        [other.history for other in others], unit,
    )  # fmt: skip
    show_figure(
        figure, label="fig-loss", caption=loss_caption(run), alt=loss_alt(run), source="history.csv"
    )
    if others:
        show_prose(seeds_reading(runs))


def loss_caption(run: Run) -> str:
    """Caption the figure of the smooth loss."""
    held_out = (
        f" The dashed line is the loss on the last {run.settings.held_out:.0%} of the text, which "
        "was not trained on."
        if run.settings.held_out
        else ""
    )
    return (
        f"Smooth loss for {_epochs(run)} of training. The vertical lines mark the epochs, the dot "
        f"the lowest smooth loss, {run.best_loss:.4f} at update {run.best_update:,}.{held_out}"
    )


def seeds_reading(runs: Sequence[Run]) -> str:
    """Say how much the headline numbers differ from seed to seed."""
    lowest = np.array([run.best_loss for run in runs])
    last = np.array([float(run.state.losses[0]) for run in runs])
    first, final = runs[0].settings.seed, runs[-1].settings.seed
    reached = [run.last_update for run in runs]
    if min(reached) < max(reached):
        return (
            f"The trainings with the {len(runs)} seeds {first} to {final} ended after different "
            f"numbers of updates, {min(reached):,} to {max(reached):,}, so that their losses "
            f"cannot be held against one another. All else here is of seed {first}."
        )
    return (
        f"The training was repeated with {len(runs)} seeds, {first} to {final}. The lowest smooth "
        f"loss is {lowest.mean():.4f} on average, with a standard deviation of "
        f"{lowest.std(ddof=1):.4f}; the last one is {last.mean():.4f} with {last.std(ddof=1):.4f}. "
        f"All else here is of seed {first}."
    )


def loss_alt(run: Run) -> str:
    """Tell the figure of the smooth loss to those who cannot see it."""
    first, last = run.state.history[0][1], float(run.state.losses[0])
    return (
        f"A curve of the smooth loss over {run.last_update:,} updates: {first:.1f} at the first, "
        f"{last:.1f} at the last, lowest with {run.best_loss:.1f} at update {run.best_update:,}."
    )


def loss_reading(run: Run) -> str:
    """Say what the curve of the smooth loss shows."""
    history, first = run.history, run.state.history[0][1]
    share = 1 if run.settings.loss == "mean" else run.settings.seq_length
    formula = f"{share} ln {run.corpus.K}" if share > 1 else f"ln {run.corpus.K}"
    uniform = share * math.log(run.corpus.K)
    sentences = [
        f"A network that gives all characters the same probability has a loss of {formula} = "
        f"{uniform:.4f}; the first loss was {first:.4f}."
    ]
    ends = history.groupby("epoch").last()
    whole = ends[ends["update"] == ends.index * run.updates_per_epoch]["smooth_loss"]
    if len(whole) > 1:
        sentences.append(
            f"After the first epoch the smooth loss stood at {whole.iloc[0]:.4f}, after "
            f"epoch {whole.index[-1]} at {whole.iloc[-1]:.4f}."
        )
    where = run.best_update / run.last_update
    sentences.append(
        f"Its lowest value is {run.best_loss:.4f}, at update {run.best_update:,}: "
        f"{per_character(run.best_loss, run)}."
    )
    if run.diverged:
        sentences.append(f"**Training stopped early: {escape(run.diverged)}.**")
    elif where > 0.9:
        sentences.append("It was still falling towards the end, so longer training would help.")
    return " ".join(sentences)


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
