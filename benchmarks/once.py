"""Train on a text in a process of its own and say how long it took and what memory it needed."""

import json
import resource
import sys
import time
from pathlib import Path

from rnn.runs.driver import train
from rnn.settings import Settings
from rnn.text.corpus import load_corpus


def peak_memory() -> float:
    """Return the most memory this process has held, in MB, the pages of mapped files included."""
    status = Path("/proc/self/status")
    if status.exists():
        # Unlike ru_maxrss this does not start at what the parent process held.
        lines = dict(line.split(":", 1) for line in status.read_text().splitlines())
        return int(lines["VmHWM"].split()[0]) * 1024 / 1e6
    unit = 1 if sys.platform == "darwin" else 1024
    return resource.getrusage(resource.RUSAGE_SELF).ru_maxrss * unit / 1e6


def main(text: str, updates: str) -> None:
    begun = time.perf_counter()
    corpus = load_corpus(text)
    loaded = time.perf_counter()
    run = train(corpus, Settings(max_updates=int(updates)), progress=False)
    result = {
        "characters": len(corpus),
        "load_seconds": loaded - begun,
        "updates": run.last_update,
        "train_seconds": time.perf_counter() - loaded,
        "smooth_loss": float(run.state.losses[0]),
        "lowest_smooth_loss": run.lowest_smooth_loss,
        "peak_memory_mb": peak_memory(),
    }
    print(json.dumps(result))


if __name__ == "__main__":
    main(*sys.argv[1:])
