"""char-rnn's default network on char-rnn's text: the held-out loss after so many epochs.

This project trains it by a recipe of its own, PyTorch with char-rnn's settings.
"""

import json
import sys
import time
from typing import Any

import numpy as np

from benchmarks.studies import Done, Plan
from benchmarks.systems import missing, run_python
from rnn.errors import ReportError
from rnn.settings import Schedule, Settings
from rnn.state import first_state
from rnn.text.corpus import Corpus, load_corpus
from rnn.training import Trainer

#: The defaults of char-rnn's ``train.lua``, as far as both have them.
SETTINGS: dict[str, Any] = {
    **{"cell": "lstm", "layers": 2, "m": 128, "seq_length": 50, "batch_size": 50},
    **{"loss": "mean", "optimizer": "rmsprop", "eta": 0.002, "held_out": 0.05, "sig": 0.046},
}

#: How this project trains it.
RECIPE = SETTINGS | {"eta": 0.005, "eta_schedule": "cosine"}

#: What only `_pytorch` has: the bound of first weights, uniform as char-rnn draws them (`sig` is
#: their standard deviation), and the decay of RMSProp's mean, which is 0.9 here.
_BOUND, _DECAY = 0.08, 0.95


def char_rnn(plan: Plan, done: Done) -> dict[str, Any]:
    """Train with this project and, if it is installed, with PyTorch.

    Returns
    -------
    dict
        ``text`` and the ``recipe``; for ``rnn`` and ``pytorch`` the ``held_out_loss`` at the end,
        in nats per character, and ``seconds``.
    """
    changes = dict(plan.char_rnn)
    text = changes.pop("text")
    found: dict[str, Any] = {"text": text, "recipe": RECIPE | changes}
    for name, settings in (("rnn", RECIPE | changes), ("pytorch", SETTINGS | changes)):
        if name not in [system.name for system in missing()]:
            found[name] = run_python("benchmarks.char_rnn", name, text, json.dumps(settings))
        done(name)
    return found


def _rnn(corpus: Corpus, schedule: Schedule) -> float:
    trainer = Trainer(corpus, schedule, first_state(schedule.settings, corpus.K))
    for state in trainer:
        if state.diverged:
            raise ReportError("char-rnn: expected a training that converges, got one that diverged")
    return trainer.validation_loss()


def _pytorch(corpus: Corpus, schedule: Schedule) -> float:
    """Train as char-rnn does, with its first weights and its RMSProp, on the same segments."""
    import torch
    from torch import nn

    torch.set_num_threads(1)
    torch.manual_seed(0)
    s = schedule.settings
    book = torch.from_numpy(np.asarray(corpus.ids).astype(np.int64))
    characters, steps = torch.eye(corpus.K), torch.arange(s.seq_length + 1)[:, None]
    lstm, output = nn.LSTM(corpus.K, s.m, s.layers), nn.Linear(s.m, corpus.K)
    parameters = [*lstm.parameters(), *output.parameters()]
    with torch.no_grad():
        for part in parameters:
            part.uniform_(-_BOUND, _BOUND)
        for layer in range(s.layers):
            getattr(lstm, f"bias_ih_l{layer}")[s.m : 2 * s.m] = 1  # of the forget gate
    optimizer = torch.optim.RMSprop(parameters, lr=float(s.eta or 0), alpha=_DECAY)

    def mean_loss(segment: Any, h: Any) -> tuple[Any, Any]:
        H, h = lstm(characters[segment[:-1]], h)
        outputs = output(H).reshape(-1, corpus.K)
        loss = nn.functional.cross_entropy(outputs, segment[1:].reshape(-1))
        return loss, tuple(part.detach() for part in h)

    for epoch in range(s.epochs):
        starts, resets = schedule.epoch(epoch)
        updates = min(len(starts), schedule.last_update - epoch * len(starts))
        for n in range(max(updates, 0)):
            if resets[n]:
                h = None
            loss, h = mean_loss(book[torch.from_numpy(starts[n]) + steps], h)
            optimizer.zero_grad()
            loss.backward()
            nn.utils.clip_grad_value_(parameters, float(s.clip or np.inf))
            optimizer.step()
    with torch.no_grad():
        held_out = book[schedule.trained :]
        first = tuple(part[:, :1].contiguous() for part in h)
        return float(mean_loss(held_out[:, None], first)[0])


def main(name: str, text: str, settings: str) -> None:
    corpus = load_corpus(text)
    schedule = Schedule.of(Settings(**json.loads(settings)), len(corpus))
    begun = time.perf_counter()
    loss = {"rnn": _rnn, "pytorch": _pytorch}[name](corpus, schedule)
    print(json.dumps({"held_out_loss": loss, "seconds": time.perf_counter() - begun}))


if __name__ == "__main__":
    main(*sys.argv[1:])
