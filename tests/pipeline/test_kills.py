"""Kills at random moments of a whole report: whatever dies, the next make ends with the same files.

``pytest -m kills``; the variable of the environment ``KILLS`` says how many, 200 unless told.
"""

import os
import random
import re
import signal
import subprocess
import sys
import time
from collections.abc import Iterator
from contextlib import suppress
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parents[2]
KILLS = int(os.environ.get("KILLS", "200"))
OPTIONS = ["PARAMS=-p max_updates 6000 -p m 20 -p snapshot_every 1000"]
OPTIONS += ["CHECK_PARAMS=-p m 2 -p seq_length 5", "SAMPLE_PARAMS=-p length 60"]


def make(run: str, *words: str) -> subprocess.Popen[bytes]:
    command = ["make", *(words or ("report",)), f"RUN={run}", *OPTIONS]
    with open(ROOT / "reports" / f"{run}.log", "ab") as log:
        return subprocess.Popen(command, cwd=ROOT, stdout=log, stderr=log, start_new_session=True)


def contents(run: str) -> dict[str, bytes]:
    """Return the files of a run but for its speed, as those of any run."""
    files = (ROOT / "reports" / run).glob("[!.]*")
    own = re.compile(rb"kills\\*-\w")
    return {
        path.name: own.sub(b"kills", path.read_bytes())
        for path in files
        if path.is_file() and path.name != "speed.json"
    }


def processes(session: int) -> Iterator[tuple[int, str]]:
    """Yield the processes of a session and those that they have started, with their commands."""
    found = {session}
    for folder in sorted(Path("/proc").glob("[0-9]*"), key=lambda path: int(path.name)):
        with suppress(OSError):
            parent, _, its_session = (
                int(word) for word in (folder / "stat").read_text().rpartition(")")[2].split()[1:4]
            )
            if its_session == session or parent in found:
                found.add(int(folder.name))
                yield int(folder.name), (folder / "cmdline").read_text().replace("\0", " ")


def kill(at_work: subprocess.Popen[bytes], what: str) -> bool:
    """Kill a part of what a make has started; tell whether there was such a part."""
    if what == "group":
        os.killpg(at_work.pid, signal.SIGKILL)
        return True
    words = {"step": "rnn.pipeline.execute", "kernel": "ipykernel_launcher", "make": "make"}
    victims = [number for number, command in processes(at_work.pid) if words[what] in command]
    for victim in victims[:1]:
        with suppress(OSError):
            os.kill(victim, signal.SIGKILL)
    return bool(victims)


@pytest.mark.kills
@pytest.mark.skipif(sys.platform != "linux", reason="looks into /proc")
def test_reports_killed_at_random_moments_end_with_the_same_files() -> None:
    rng, killed = random.Random(os.environ.get("SEED", "1")), 0
    (ROOT / "reports").mkdir(exist_ok=True)
    try:
        begun = time.monotonic()
        assert make("kills-a").wait() == 0
        took, want = time.monotonic() - begun, contents("kills-a")
        assert {"report.pdf", "results.json", "02_training_evolution.ipynb"} <= want.keys()
        while killed < KILLS:
            assert make("kills-b", "clean").wait() in (0, 2)
            for what in (
                *rng.choices(["make", "group", "step", "kernel"], k=rng.randint(1, 6)),
                "",
            ):
                at_work = make("kills-b")
                with suppress(subprocess.TimeoutExpired):
                    at_work.wait(rng.uniform(0.02, 1) * took if what else None)
                if at_work.poll() is None:
                    killed += kill(at_work, what) or kill(at_work, "group")
                    at_work.wait()
            assert at_work.returncode == 0, (ROOT / "reports" / "kills-b.log").read_text()[-2000:]
            there = contents("kills-b")
            assert there.keys() == want.keys()
            assert [name for name in want if there[name] != want[name]] == []
            print(f"{killed} kills", flush=True)
    finally:
        for run in ("kills-a", "kills-b"):
            make(run, "clean").wait()
            (ROOT / "reports" / f"{run}.log").unlink()
