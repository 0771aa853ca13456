"""How the network was trained, and its smooth loss: Markdown with every number computed.

The sentences hold for any text and any run, also a short or a bad one.
"""

import math
from collections.abc import Sequence

import numpy as np

from rnn.report.figures import loss_figure
from rnn.report.published import published_points
from rnn.report.show import escape, show_figure, show_prose
from rnn.run import Run

__all__ = [
    "loss_alt",
    "loss_caption",
    "loss_reading",
    "per_character",
    "seeds_reading",
    "show_loss",
    "training_setting",
]

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
