"""How the network was trained, and its smooth loss: Markdown with every number computed.

The sentences hold for any text and any run, also a short or a bad one.
"""

import math

from rnn.report.show_old import escape
from rnn.runs.run import Run

__all__ = ["training_setting"]

_OPTIMIZERS = {"adagrad": "AdaGrad", "rmsprop": "RMSProp", "adam": "Adam"}


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
