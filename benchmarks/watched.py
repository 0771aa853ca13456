"""A training in a notebook's kernel, shown live and not, in turn."""

import json
import tempfile
from typing import Any

from jupyter_client.manager import run_kernel

from benchmarks.studies import Done, Plan
from rnn.errors import ReportError

_CODE = """
from pathlib import Path
from rnn.text.corpus import load_corpus
from rnn.report.lab import live
from rnn.settings import Settings
settings = Settings(max_updates={updates}, snapshot_every={updates} // 10)
(run,) = live.train(load_corpus(), settings, Path({folder!r}), 1)
told = run.timed_updates / run.seconds
"""


def watched(plan: Plan, done: Done) -> dict[str, Any]:
    """Measure what the live view costs a training at the classic size.

    The two kinds of training take turns.

    Returns
    -------
    dict
        ``batch`` and ``watched``: updates per second of each training; ``pictures``, how often the
        live view was drawn in each watched one.
    """
    updates = plan.watched_updates
    found: dict[str, Any] = {"updates": updates, "batch": [], "watched": [], "pictures": []}
    with run_kernel(kernel_name="python3") as client:
        _train(client, 100, False)  # compiles
        for _ in range(plan.watched):
            for kind in ("batch", "watched"):
                speed, pictures = _train(client, updates, kind == "watched")
                found[kind].append(speed)
                if kind == "watched":
                    found["pictures"].append(pictures)
                done(kind)
    return found


def _train(client: Any, updates: int, watched: bool) -> tuple[float, int]:
    """Train in the kernel; return updates per second, and how many pictures were shown."""
    shown = 0

    def hear(message: dict[str, Any]) -> None:
        nonlocal shown
        shown += "rnn-live" in str(message["content"].get("data", {}).get("text/html", ""))

    with tempfile.TemporaryDirectory() as folder:
        reply = client.execute_interactive(
            _CODE.format(updates=updates, folder=folder),
            allow_stdin=watched,
            stdin_hook=lambda message: None,
            output_hook=hear,
            user_expressions={"told": "told"},
        )["content"]
    if reply["status"] != "ok":
        raise ReportError(f"watched: expected a training, got {reply['evalue']}")
    return json.loads(reply["user_expressions"]["told"]["data"]["text/plain"]), shown
