"""The process a system runs in: a line of JSON in, a line of JSON out."""

import importlib
import json
import os
import sys
import time
from pathlib import Path
from typing import Any

from benchmarks.problem import Problem


def main(module: str) -> None:
    # What libraries print goes to standard error; the answers keep the pipe to themselves.
    answers = os.fdopen(os.dup(1), "w")
    os.dup2(2, 1)
    prepare = importlib.import_module(f"benchmarks.peers.{module}").prepare
    run: Any = None
    for line in sys.stdin:
        question = json.loads(line)
        answer = {}
        if "problem" in question:
            run = prepare(Problem.load(Path(question["problem"])))
        else:
            begun = time.perf_counter()
            losses = run(question["updates"], question["eta"])
            answer = {"seconds": time.perf_counter() - begun, "losses": losses.tolist()}
        answers.write(json.dumps(answer) + "\n")
        answers.flush()


if __name__ == "__main__":
    main(sys.argv[1])
