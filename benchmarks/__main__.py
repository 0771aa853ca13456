"""``python -m benchmarks``: measure, print the tables, write `bench.json` and the figure."""

import argparse
import os
import signal
import sys
from pathlib import Path
from typing import Any

from tqdm import tqdm

from benchmarks.char_rnn import char_rnn
from benchmarks.measure import Measurement
from benchmarks.output import document, figure, table, write
from benchmarks.studies import (
    FULL,
    QUICK,
    SWEEPS,
    memory,
    parts,
    precision,
    targets,
    times,
    whole_run,
)
from benchmarks.systems import missing
from benchmarks.watched import watched
from rnn.errors import ReportError
from rnn.runs.storage import run_folder

_OTHERS = {
    "parts": parts,
    "targets": targets,
    "precision": precision,
    "memory": memory,
    "run": whole_run,
    "watched": watched,
    "char-rnn": char_rnn,
}
_STUDIES = ("peers", "cells", *SWEEPS, *_OTHERS)

_BUSY = 0.5  # processes on average, of which none is ours

_EXPLANATION = """\
studies:
  peers      every system at the classic size, in turn, and how many times longer than ours
  cells      GRU and LSTM of one and two layers, ours, PyTorch and compiled JAX
  m tau batch K
             the cost of an update against each size, ours and compiled JAX
  parts      the parts of an update, beside what the processor can do at best
  targets    the same training compiled for several processors: equal bits, and what each takes
  precision  float32 against float64, at first and at the end
  memory     peak memory for a text of 200 MB (made in a temporary folder and removed)
  run        the classic run of seven epochs, and how soon a new process trains
  watched    a training in a notebook, shown live and not
  char-rnn   char-rnn's default network on its text, tinyshakespeare: the held-out loss after five
             epochs, ours and that of its settings in PyTorch

Each system trains the same network on the same text from the same first parameters, in a process
of its own with one thread on one core.  Its losses are compared with those of NumPy in float64 (in
'cells' with ours in float64) before it is timed: a mismatch is an error.  Leave the machine alone
meanwhile.  Ctrl-C ends it and keeps what was measured.
"""


def main(arguments: list[str] | None = None) -> int:
    """Run the command; return its exit status."""
    parser = argparse.ArgumentParser(
        prog="python -m benchmarks",
        description="Measure this project's engine side by side with its peers.",
        epilog=_EXPLANATION,
        formatter_class=argparse.RawDescriptionHelpFormatter,
    )
    parser.add_argument(
        "--quick", action="store_true", help="tiny sizes, in seconds: that it works, not how fast"
    )
    parser.add_argument(
        "--only", nargs="+", choices=_STUDIES, metavar="STUDY", help="these studies alone"
    )
    parser.add_argument(
        "--out", default="reports/bench", metavar="FOLDER", help="default: reports/bench"
    )
    options = parser.parse_args(arguments)
    plan = QUICK if options.quick else FULL
    studies = [study for study in _STUDIES if study in (options.only or _STUDIES)]
    results: list[Measurement] = []
    others: dict[str, Any] = {}
    status = 0
    load = os.getloadavg()[0]
    if load > _BUSY and not options.quick:
        print(f"The machine is busy (load {load:.1f}): expect times too long.", file=sys.stderr)
    steps = sum(plan.steps(study) for study in studies)
    with tqdm(
        total=steps, file=sys.stderr, ncols=100,
        bar_format="{percentage:3.0f}%|{bar}| {n}/{total} [{remaining} left{postfix}]",
    ) as bar:  # fmt: skip

        def done(what: str) -> None:
            bar.set_postfix_str(f"{study}: {what}", refresh=False)
            bar.update()

        try:
            for study in studies:
                bar.set_postfix_str(study)
                if study in _OTHERS:
                    others[study] = _OTHERS[study](plan, done)
                else:
                    times(study, plan, results, done)
        except KeyboardInterrupt:
            status = 130
        except ReportError as error:
            status = 1
            bar.clear()
            print(error, file=sys.stderr)
    # A second Ctrl-C must not lose what the first has kept.
    heard = signal.signal(signal.SIGINT, signal.SIG_IGN)
    absent = missing()
    print(table(results, others, absent))
    if results or others:
        found = document(results, others, absent, load, interrupted=status == 130)
        files = write(run_folder(options.out), found, figure(results))
        print("\nWritten: " + ", ".join(str(file).removeprefix(f"{Path.cwd()}/") for file in files))
    signal.signal(signal.SIGINT, heard)
    if status == 130:
        print("Interrupted: this is what was measured until then.")
    return status


if __name__ == "__main__":
    sys.exit(main())
