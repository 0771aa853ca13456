"""Sweeps on real clusters of Dask's: processes that are killed, and machines that share nothing."""

import json
import os
import re
import shutil
import signal
import socket
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest
import reference

pytest.importorskip("distributed", reason="make sweep installs the extra 'sweep'")
pytestmark = pytest.mark.exhaustive

ROOT = Path(__file__).resolve().parents[2]
GRID = "m=20,30 eta=0.05,0.1"
#: Some seconds for each of four points, so that there is time to kill something.
UPDATES = 300_000
LONG = f"-p max_updates {UPDATES} -p seq_length 10 -p epochs 9000 -p snapshot_every 20000"


@pytest.fixture
def book(tmp_path: Path) -> Path:
    return reference.book(tmp_path, 6000).path


class Sweep:
    """The command, begun; its process group is its own, as a terminal gives it."""

    def __init__(self, folder: Path, book: Path, **given: str) -> None:
        said = {"GRID": GRID, "CORPUS": str(book), "SEEDS": "1", "PARAMS": LONG} | given
        self.folder = folder
        self.process = subprocess.Popen(
            [sys.executable, "-m", "rnn.pipeline.sweep", str(folder)],
            env=os.environ | said,
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
            text=True,
            start_new_session=True,
            cwd=ROOT,
        )

    def until_states(self, number: int) -> None:
        """Wait until so many checkpoints have come back."""
        end = time.monotonic() + 240
        while len(list(self.folder.rglob("*.state"))) < number:
            assert self.process.poll() is None, self.process.communicate()
            assert time.monotonic() < end, "no checkpoint came back"
            time.sleep(0.1)

    def finish(self, code: int = 0) -> str:
        out, told = self.process.communicate(timeout=400)
        assert self.process.returncode == code, (out, told)
        return out + told

    def workers(self) -> list[int]:
        """Return the processes of the workers: those that nannies have begun."""
        found = []
        for line in subprocess.check_output(
            ["ps", "-ww", "-eo", "pid,sid,args"], text=True
        ).splitlines():
            pid, sid, *words = line.split()
            if sid == str(self.process.pid) and "spawn_main" in " ".join(words):
                found.append(int(pid))
        return found


def results(folder: Path) -> dict[str, bytes]:
    names = ("results.json", "history.csv", "snapshots.json", "best_model.npz", "last_model.npz")
    found = {str(p.relative_to(folder)): p.read_bytes() for n in names for p in folder.rglob(n)}
    last = f"*{UPDATES:015d}.state"
    return found | {str(p.relative_to(folder)): p.read_bytes() for p in folder.rglob(last)}


@pytest.fixture(scope="module")
def sequential(tmp_path_factory: pytest.TempPathFactory) -> dict[str, Any]:
    """Return what a notebook leaves of each point, run one after the other without any cluster."""
    folder = tmp_path_factory.mktemp("sequential")
    book = reference.book(folder, 6000).path
    for m in (20, 30):
        for eta in (0.05, 0.1):
            point = folder / "runs" / f"m{m}-eta{eta}"
            words = f"-p corpus {book} -p m {m} -p eta {eta} -p run_dir {point} {LONG}".split()
            notebook = ROOT / "notebooks" / "02_training_evolution.ipynb"
            command = [sys.executable, "-m", "papermill", str(notebook), str(folder / "out.ipynb")]
            subprocess.run([*command, *words], check=True, capture_output=True)
    return {name: told(name, content, book) for name, content in results(folder / "runs").items()}


def told(name: str, content: bytes, book: Path) -> Any:
    """Return what a file says but for the path of the text and the commit it was made with."""
    if not name.endswith("results.json"):
        return content
    facts = json.loads(content.replace(str(book).encode(), b"BOOK"))
    return {section: said for section, said in facts.items() if section != "provenance"}


def assert_same(folder: Path, book: Path, sequential: dict[str, Any]) -> None:
    found = {name: told(name, content, book) for name, content in results(folder).items()}
    assert len(found) == 4 * 6 and found.keys() == sequential.keys()
    for name, content in sequential.items():
        assert found[name] == content, name


def test_a_local_cluster_leaves_the_bytes_of_sequential_runs_though_a_worker_is_killed(
    tmp_path: Path, book: Path, sequential: dict[str, Any]
) -> None:
    sweep = Sweep(tmp_path / "sweep", book)
    sweep.until_states(1)
    os.kill(sweep.workers()[-1], signal.SIGKILL)
    sweep.finish()
    assert_same(tmp_path / "sweep", book, sequential)
    assert json.loads((tmp_path / "sweep" / "sweep.json").read_bytes())["points"]


def test_ctrl_c_keeps_checkpoints_and_leaves_no_process_behind(
    tmp_path: Path, book: Path, sequential: dict[str, Any]
) -> None:
    sweep = Sweep(tmp_path / "sweep", book)
    sweep.until_states(1)
    os.killpg(sweep.process.pid, signal.SIGINT)
    said = sweep.finish(130)
    assert "Traceback" not in said
    assert list((tmp_path / "sweep").rglob("*.state"))
    assert not sweep.workers()
    Sweep(tmp_path / "sweep", book).finish()
    assert_same(tmp_path / "sweep", book, sequential)


def test_killing_the_command_leaves_no_process_behind(tmp_path: Path, book: Path) -> None:
    sweep = Sweep(tmp_path / "sweep", book)
    sweep.until_states(1)
    assert sweep.workers()
    sweep.process.kill()
    end = time.monotonic() + 60
    while sweep.workers():
        assert time.monotonic() < end
        time.sleep(0.2)


def free_port() -> int:
    with socket.socket() as one:
        one.bind(("127.0.0.1", 0))
        return int(one.getsockname()[1])


@pytest.fixture
def elsewhere(tmp_path: Path) -> Iterator[Callable[..., subprocess.Popen[bytes]]]:
    """Start a part of Dask's in a folder of its own, with a copy of the project and no text."""
    started: list[subprocess.Popen[bytes]] = []

    def start(name: str, *words: str) -> subprocess.Popen[bytes]:
        folder = tmp_path / name
        if not folder.exists():
            shutil.copytree(ROOT / "rnn", folder / "rnn", ignore=shutil.ignore_patterns("*cache*"))
            shutil.copytree(ROOT / "notebooks", folder / "notebooks")
        places = {"PYTHONPATH": str(folder), "DASK_CONFIG": str(folder), "TMPDIR": str(folder)}
        command = [sys.executable, "-m", f"distributed.cli.dask_{words[0]}", *words[1:]]
        nowhere: Any = {"stdout": subprocess.DEVNULL, "stderr": subprocess.DEVNULL}
        one = subprocess.Popen(
            command, cwd=folder, env=os.environ | places, start_new_session=True, **nowhere
        )
        started.append(one)
        return one

    yield start
    for one in started:
        if one.poll() is None:
            os.killpg(one.pid, signal.SIGKILL)
        one.wait()


def test_machines_that_share_nothing_and_a_scheduler_that_is_killed(
    tmp_path: Path, book: Path, sequential: dict[str, Any], elsewhere: Callable[..., Any]
) -> None:
    folder, port = tmp_path / "sweep", free_port()
    address = f"tcp://127.0.0.1:{port}"
    scheduler = ["scheduler", "--host", "127.0.0.1", "--port", str(port), "--no-dashboard"]
    workers = [
        ["worker", address, "--host", host, "--nthreads", "1", "--no-dashboard"]
        for host in ("127.0.0.2", "127.0.0.3")
    ]
    first = elsewhere("scheduler", *scheduler)
    for number, words in enumerate(workers):
        elsewhere(f"worker-{number}", *words)
    sweep = Sweep(folder, book, SCHEDULER=address)
    sweep.until_states(2)
    os.killpg(first.pid, signal.SIGKILL)
    said = sweep.finish(1)
    assert "Traceback" not in said and address in said.splitlines()[-1]
    kept = {path.name for path in folder.rglob("*.state")}
    assert kept

    elsewhere("scheduler", *scheduler)
    for number, words in enumerate(workers):
        elsewhere(f"worker-{number}", *words)
    Sweep(folder, book, SCHEDULER=address).finish()
    assert_same(folder, book, sequential)


def test_two_sweeps_at_once_do_not_disturb_one_another(
    tmp_path: Path, book: Path, sequential: dict[str, Any]
) -> None:
    sweeps = [Sweep(tmp_path / name, book) for name in ("one", "two")]
    for sweep in sweeps:
        sweep.finish()
        assert_same(sweep.folder, book, sequential)


def test_a_scheduler_that_is_not_there_is_told_in_one_line(tmp_path: Path, book: Path) -> None:
    address = f"tcp://127.0.0.1:{free_port()}"
    said = Sweep(tmp_path / "sweep", book, SCHEDULER=address).finish(1)
    (line,) = said.strip().splitlines()
    assert re.search(rf"SCHEDULER: expected .*{address}.*; ", line)


def test_a_network_address_is_used_with_a_line_about_trust(tmp_path: Path, book: Path) -> None:
    # An address of the documentation's, which leads nowhere.
    said = Sweep(tmp_path / "sweep", book, SCHEDULER="tcp://192.0.2.1:8786").finish(1)
    about_trust, refused = said.strip().splitlines()
    assert "trust" in about_trust and "SCHEDULER" in refused
