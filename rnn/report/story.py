"""The sentences of the report: Markdown with every number and name computed.

They hold for any text and any run, also a short or a bad one.
"""

import math
from collections.abc import Sequence
from typing import Any

import pandas as pd

from rnn.checkpoint import Model
from rnn.passport import passport, passport_rows
from rnn.report.show import escape, show_text
from rnn.text_quality import Book
from rnn.run import Run
from rnn.writing import write

__all__ = [
    "best_model_reading",
    "best_model_setting",
    "loss_caption",
    "loss_reading",
    "names_reading",
    "passport_caption",
    "passport_table",
    "show_sampling",
    "show_snapshots",
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
        else f"every entry of the gradients was clipped to [-{s.clip:g}, {s.clip:g}]"
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


def loss_caption(run: Run) -> str:
    """Caption the figure of the smooth loss."""
    return (
        f"Smooth loss for {_epochs(run)} of training. The vertical lines mark the epochs, the dot "
        f"the lowest smooth loss, {run.best_loss:.4f} at update {run.best_update:,}."
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
    whole = ends[ends["update"] > ends.index * run.updates_per_epoch - 100]["smooth_loss"]
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


def passport_table(run: Run) -> pd.DataFrame:
    """Return the passport of the text as a table of two columns."""
    rows = passport_rows(passport(run.corpus, run.settings.seq_length))
    return pd.DataFrame(rows, columns=["property", "value"])


def passport_caption(run: Run) -> str:
    """Caption the passport, with what is unusual about the text."""
    warnings = passport(run.corpus, run.settings.seq_length)["warnings"]
    return " ".join(["The text.", *map(escape, warnings)])


def best_model_setting(model: Model) -> str:
    """Say which model the text comes from."""
    return (
        f"The model with the lowest smooth loss, **{model.smooth_loss:.4f}** at update "
        f"{model.update:,}, went on writing from where it stood in the text:"
    )


def shown_snapshots(run: Run) -> list[dict[str, Any]]:
    """Return the snapshots that the assignment asks for: the first and the ten after it."""
    return run.state.snapshots[:11]


def show_snapshots(run: Run) -> None:
    """Show the snapshots that the assignment asks for."""
    for snapshot in shown_snapshots(run):
        title = f"iter: {snapshot['update']} (smooth loss: {snapshot['smooth_loss']:.4f})"
        show_text(snapshot["text"], title=title)


def names_reading(run: Run, book: Book) -> str:
    """Say which of the book's names appear in the snapshots, and how many words are words."""
    shown = shown_snapshots(run)
    first_seen: dict[str, int] = {}
    for snapshot in shown:
        for name in book.names_in(snapshot["text"]):
            first_seen.setdefault(name, snapshot["update"])
    sentences = []
    if first_seen:
        seen = [f"{escape(name)} ({update:,})" for name, update in first_seen.items()]
        sentences.append(
            f"Of the book's recurring names, {len(seen)} of the {len(book.names)} most frequent "
            f"{'appears' if len(seen) == 1 else 'appear'} in these snapshots, here with the "
            f"update of the first: {_and(seen)}."
        )
    elif book.names:
        most = _and([escape(name) for name in book.names[:3]])
        sentences.append(f"None of the book's recurring names, such as {most}, appears here.")
    shares = [book.share_of_words(snapshot["text"]) for snapshot in shown]
    if len(shown) > 1 and not any(map(math.isnan, (shares[0], shares[-1]))):
        sentences.append(
            f"Before update {shown[0]['update']:,}, {shares[0]:.0%} of the synthesized words are "
            f"words of the book; before update {shown[-1]['update']:,} it is {shares[-1]:.0%}."
        )
        if shares[-1] > shares[0]:
            sentences.append(
                "So the network learns to spell before it learns to say anything: the words "
                "become real while the sentences stay without meaning."
            )
    return " ".join(sentences)


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
        sentences.append(f"Of the book's recurring names the text has {_and(names)}.")
    return " ".join(sentences)


def _and(items: list[str]) -> str:
    return items[0] if len(items) == 1 else f"{', '.join(items[:-1])} and {items[-1]}"
