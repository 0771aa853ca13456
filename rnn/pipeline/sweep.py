"""Train every point of a grid, on this machine's cores or on a cluster of Dask's.

``python -m rnn.pipeline.sweep reports/size`` reads what it is to do from the environment, as the
Makefile leaves it.  Trainings are made in slices of a few seconds (see `rnn.runs.points`): each
gives back a checkpoint, which is written here, so that whatever ends, little is lost.
"""

import ast
import dataclasses
import itertools
import json
import logging
import math
import os
import queue
import re
import signal
import sys
import time
from collections import deque
from collections.abc import Collection, Iterator, Mapping, Sequence
from contextlib import ExitStack, contextmanager, suppress
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

import dask
import distributed
import nbformat
import yaml

from rnn import ROOT
from rnn.errors import ReportError, require_whole, shown
from rnn.pipeline.execute import STOPPED, prepared_parameters
from rnn.pipeline.parameters import (
    accept_parameters,
    declared_parameters,
    read_values,
    refuse_unknown,
    written_values,
)
from rnn.report.sections.sweep_finished import loss_of, ranked_points, read_sweep, swept_point
from rnn.runs.checkpoints import Checkpoints
from rnn.runs.points import VERSION, checkpoints_of, is_saved, save_point, train_slice
from rnn.runs.progress import bar, terminal
from rnn.runs.storage import read_json, run_folder, write_whole
from rnn.settings import Schedule, Settings
from rnn.text.corpus import Corpus, load_corpus

_NOTEBOOK = ROOT / "notebooks" / "02_training_evolution.ipynb"
_SLICE = 3.0  # seconds of training from one checkpoint to the next ...
_SLICES_PER_SECOND = 20  # ... or longer, so that this process can keep up with its workers
_PATIENCE = 60.0  # seconds without any worker
_LENGTH = ("epochs", "max_updates")  # a checkpoint serves for other values of these


class Stop:
    """Ctrl-C and SIGTERM: the first is noted, the second ends the process."""

    heard = False

    def listen(self) -> None:
        """Hear both from now on."""
        for number in (signal.SIGINT, signal.SIGTERM):
            signal.signal(number, self._hear)

    def _hear(self, number: int, frame: object) -> None:
        if self.heard:
            os._exit(STOPPED)
        self.heard = True
        print("\nstopping; once more to stop at once", file=sys.stderr, flush=True)


stop = Stop()  # one a process, as signals are


@dataclass
class Point:
    """A setting that is to be trained with every seed."""

    name: str  # that of its folder
    settings: Settings  # with the first seed
    told: dict[int, dict[str, Any]] = field(default_factory=dict)  # by seed: what has ended
    stopped: int = 0  # after which stage of a halving, from 1


@dataclass
class Job:
    """The training of a point with one seed, up to an update."""

    point: Point
    settings: Settings
    checkpoints: Checkpoints
    until: int
    weight: float  # of one update, in multiplications
    update: int = 0
    state: bytes = b""
    loss: float = math.nan
    seconds: float = 0.0
    timed_updates: int = 0
    stages: list[Any] = field(default_factory=list)  # update and loss at the ends of earlier stages

    @property
    def left(self) -> float:
        """What is left to be done, in multiplications."""
        return self.weight * (self.until - self.update)


@dataclass
class Asked:
    """What the environment asks for."""

    corpus: str
    encoding: str
    seeds: list[int]
    halving: int
    scheduler: str
    grid: str
    varied: list[str]  # the settings that differ
    wanted: list[Settings]  # one a point, with the first seed

    @classmethod
    def of(cls, environment: Mapping[str, str]) -> "Asked":
        """Read and check it all, before anything long starts."""
        given = environment.get

        def whole(name: str, least: int) -> int:
            text = given(name) or "1"
            return require_whole(name, int(text) if text.isdecimal() else text, least)

        cell = next(
            one.source
            for one in nbformat.read(_NOTEBOOK, as_version=4).cells
            if "parameters" in one.metadata.get("tags", ())
        )
        declared = declared_parameters([cell])
        names = ("corpus", "encoding", "seed", "seeds")
        options = [word for name in names if given(name.upper()) for word in
                   ("-d", name, environment[name.upper()])]  # fmt: skip
        base = {name: ast.literal_eval(line.value) for name, line in declared.items()}
        chosen = prepared_parameters(_NOTEBOOK, [*options, "--options", given("PARAMS") or ""])
        refuse_unknown(chosen, declared)
        base |= chosen
        points = list(_points(given("GRID") or ""))
        settings = [one.name for one in dataclasses.fields(Settings) if one.name != "seed"]
        refuse_unknown({name: None for point in points for name in point}, settings)
        wanted: dict[Settings, None] = {}
        for point in points:
            values = base | point | {"In": [cell]}
            accept_parameters(values)
            wanted[Settings.among(values)] = None
        accept_parameters(values := base | {"In": [cell]})
        dicts = [one.as_dict() for one in wanted]
        swept = dict.fromkeys(name for point in points for name in point)
        varied = [name for name in swept if len({str(one[name]) for one in dicts}) > 1]
        first = next(iter(wanted)).seed
        seeds = require_whole("seeds", values["seeds"], 1)
        halving = whole("HALVING", 1)
        scheduler = given("SCHEDULER") or ""
        if scheduler and not re.fullmatch(r"[a-z]+://[^\s/]+:\d+/?", scheduler):
            raise ReportError(
                "SCHEDULER: expected an address such as tcp://host:8786, got "
                f"{shown(scheduler)}; leave it out to use this machine's cores"
            )
        return cls(
            values["corpus"],
            values["encoding"],
            [first + i for i in range(seeds)],
            halving,
            scheduler,
            given("GRID") or "",
            varied,
            list(wanted),
        )


def _points(grid: str) -> Iterator[dict[str, Any]]:
    """Yield the settings of each point, as they came: from words ``m=50,100``, or from a file.

    A file is YAML: a mapping from names to values or lists of them, or a list of points.
    """
    if not grid.strip():
        raise ReportError(
            "GRID: expected settings to vary, got none; say GRID='m=50,100 eta=0.05,0.1'"
        )
    file = next((p for p in (Path(grid.strip()), ROOT / grid.strip()) if p.is_file()), None)
    if file or re.fullmatch(r"\S+\.ya?ml", grid.strip()):
        try:
            choices = yaml.safe_load((file or Path(grid.strip())).read_text(encoding="utf-8"))
        except (OSError, ValueError, yaml.YAMLError) as error:
            reason = getattr(error, "strerror", None) or " ".join(str(error).split())[:200]
            raise ReportError(
                f"GRID: expected a YAML file, got {grid.strip()!r}: {reason}"
            ) from None
    else:
        pairs = [word.split("=", 1) for word in grid.split()]
        if any(len(pair) < 2 or not pair[1] for pair in pairs):
            raise ReportError(
                f"GRID: expected words such as m=50,100 or a YAML file, got {grid!r}; "
                "put a comma between values and a space between settings"
            )
        choices = {name: [_value(text) for text in texts.split(",")] for name, texts in pairs}
    if isinstance(choices, dict) and choices:
        lists = [value if isinstance(value, list) else [value] for value in choices.values()]
        for values in itertools.product(*lists):
            yield dict(zip(choices, values, strict=True))
    elif isinstance(choices, list) and choices and all(isinstance(one, dict) for one in choices):
        yield from choices
    else:
        raise ReportError(
            "GRID: expected a mapping from names to values, or a list of points, in "
            f"{grid.strip()!r}, got {shown(choices)}; write lines such as m: [50, 100]"
        )


def _value(text: str) -> Any:
    """Return a number, None or a truth value that a word says, else the word."""
    with suppress(ValueError, SyntaxError):
        return ast.literal_eval(text)
    return text


def named_points(folder: Path, asked: Asked) -> list[Point]:
    """Return the points with the names of their folders: those that are there already keep theirs.

    A point whose training only was shorter or longer keeps its folder too, unless that is also
    asked for.
    """
    there = {}
    for path in sorted(folder.glob("*/parameters.yaml")):
        with suppress(OSError, ValueError):
            there[path.parent.name] = read_values(path)
    wanted = [_record(one, asked) for one in asked.wanted]
    names: dict[int, str] = {}
    for leave_out in ((), _LENGTH):
        for i, one in enumerate(wanted):
            for name, other in there.items():
                if i not in names and name not in names.values() and (
                    _without(other, leave_out) == _without(one, leave_out)
                ):  # fmt: skip
                    names[i] = name
    taken = {path.name for path in folder.glob("*")} | set(names.values())
    for i, settings in enumerate(asked.wanted):
        if i not in names:
            names[i] = _new_name(settings.as_dict(), asked.varied, taken)
            taken.add(names[i])
    return [Point(names[i], settings) for i, settings in enumerate(asked.wanted)]


def _record(settings: Settings, asked: Asked) -> dict[str, Any]:
    return settings.as_dict() | {"corpus": asked.corpus, "encoding": asked.encoding}


def _without(values: Mapping[str, Any], names: Collection[str]) -> dict[str, Any]:
    left_out = {*names, "seeds", "checkpoints"}
    return {name: value for name, value in values.items() if name not in left_out}


def _new_name(values: Mapping[str, Any], varied: Sequence[str], taken: Collection[str]) -> str:
    """Make a name of the settings that differ: ``m50-eta0.1``."""
    parts = []
    for name in varied:
        value = values[name]
        text = f"{value:g}" if isinstance(value, float) else str(value)
        parts.append(f"{name}{text}" if isinstance(value, int | float) else text or name)
    plain = re.sub(r"[^A-Za-z0-9.-]+", "_", "-".join(parts))[:60].strip(".-_") or "point"
    names = itertools.chain([plain], (f"{plain}-{i}" for i in itertools.count(2)))
    return next(name for name in names if name not in taken)


class Sweeping:
    """A sweep at work: its points, what has ended, and the cluster once there is one."""

    def __init__(self, folder: Path, asked: Asked) -> None:
        self.folder, self.asked = folder, asked
        self.corpus: Corpus = load_corpus(asked.corpus, asked.encoding)
        self.points = named_points(folder, asked)
        self.held_out = all(point.settings.held_out for point in self.points)
        self.stages: list[dict[str, Any]] = []
        self._client: Any = None
        self._text: Any = None
        self._events: queue.SimpleQueue[Any] = queue.SimpleQueue()
        self._cores, self._looked, self._alone_since = 1, 0.0, 0.0

    def run(self) -> None:
        """Train all points, stage by stage, and write what the sweep leaves.

        Raises
        ------
        ReportError
            If a file cannot be written, or the scheduler or all workers are lost.
        KeyboardInterrupt
            If it was told to stop.
        """
        for point in self.points:
            self._note_parameters(point)
        alive = self.points
        with ExitStack() as afterwards:
            for number, fraction in enumerate(fractions(len(self.points), self.asked.halving), 1):
                jobs = [job for point in alive for job in self._jobs(point, fraction)]
                if jobs:
                    if self._client is None:
                        afterwards.enter_context(self._cluster())
                    label = f"stage {number}" if self.asked.halving > 1 else ""
                    self._train(jobs, label)
                for point in alive:
                    self._save(point)
                kept = alive
                if fraction < 1:
                    ranked = ranked_points([self._swept(point) for point in alive])
                    names = [one.name for one in ranked][: max(1, len(alive) // self.asked.halving)]
                    kept = [point for point in alive if point.name in names]
                    for point in alive:
                        point.stopped = 0 if point in kept else number
                self.stages.append({"fraction": fraction, "points": len(alive), "kept": len(kept)})
                alive = kept
        self._finish()

    def _note_parameters(self, point: Point) -> None:
        """Leave what makes the point's report, in papermill's form."""
        folder = run_folder(self.folder / point.name)
        states = folder / "checkpoints"
        where = states.relative_to(ROOT) if states.is_relative_to(ROOT) else states
        values = {"corpus": self.asked.corpus, "encoding": self.asked.encoding}
        values |= point.settings.as_dict() | {"seeds": len(self.asked.seeds)}
        values["checkpoints"] = str(where)
        content = written_values(values)
        path = folder / "parameters.yaml"
        if not path.exists() or path.read_bytes() != content:
            write_whole(path, content)
        point.told = {
            one["seed"]: one for one in read_json(folder / "seeds.json", []) if "error" not in one
        }

    def _jobs(self, point: Point, fraction: float) -> Iterator[Job]:
        """Yield what a point still lacks for a stage: one training for every seed."""
        s = point.settings
        try:
            last = Schedule.of(s, len(self.corpus)).last_update
        except ReportError as error:
            point.told = {seed: {"seed": seed, "error": str(error)} for seed in self.asked.seeds}
            return
        until = max(1, math.ceil(last * fraction))
        size = s.architecture(self.corpus.K).size
        for seed in self.asked.seeds:
            its = replace(s, seed=seed)
            states = checkpoints_of(self.folder / point.name, self.corpus, its, s.seed)
            told = point.told.get(seed, {})
            ended = told.get("updates") == until or told.get("diverged")
            # What has been trained further in another sweep is taken as it is.
            further = fraction < 1 and until < told.get("updates", 0) <= last
            if (ended or further) and states.path(told["updates"]).exists():
                continue
            job = Job(point, its, states, until, float(size * s.seq_length * s.batch_size))
            if state := states.newest(until):
                job.update = state.update
                job.state = states.path(state.update).read_bytes()
            earlier = point.told.pop(seed, {})
            if 0 < earlier.get("updates", 0) <= job.update:
                job.stages = [one for one in earlier["stages"] if one[0] < until]
                job.seconds, job.timed_updates = earlier["seconds"], earlier["timed_updates"]
            yield job

    def _train(self, jobs: list[Job], label: str) -> None:
        """Train jobs to their ends; the longest begin first."""
        waiting = deque(sorted(jobs, key=lambda job: -job.left))
        running: dict[Any, Job] = {}
        whole = sum(job.left for job in jobs)
        done = dict.fromkeys(("runs",), 0)
        with bar(
            total=whole,
            desc=label or "sweep",
            bar_format="{desc} {percentage:3.0f}%|{bar:20}| {remaining} left{postfix}",
            mininterval=0.5 if terminal() else 30.0,
            smoothing=0.0,
        ) as shown_bar:
            while running or (waiting and not stop.heard):
                self._look_after_workers()
                while waiting and len(running) < self._cores + 2 and not stop.heard:
                    job = waiting.popleft()
                    running[self._submit(job)] = job
                try:
                    future = self._events.get(timeout=0.5)
                except queue.Empty:
                    future = None
                if future in running:
                    job = running.pop(future)
                    before = job.left
                    if self._take(job, future):
                        done["runs"] += 1
                    else:
                        waiting.appendleft(job)
                    shown_bar.update(max(before - job.left, 0))
                words = [
                    f"{job.point.name} {job.loss:.3f}"
                    for job in running.values()
                    if math.isfinite(job.loss)
                ]
                counted = f", {done['runs']}/{len(jobs)} runs"
                shown_bar.set_postfix_str("; ".join([counted[2:], *words[:3]]), refresh=False)
                if stop.heard and time.monotonic() > self._give_up():
                    break
        if stop.heard:
            raise KeyboardInterrupt

    _stopping_since = 0.0

    def _give_up(self) -> float:
        """Return until when slices that are being trained are waited for."""
        self._stopping_since = self._stopping_since or time.monotonic()
        return self._stopping_since + self._slice() + 2

    def _slice(self) -> float:
        return max(_SLICE, self._cores / _SLICES_PER_SECOND)

    def _submit(self, job: Job) -> Any:
        task = {
            "parameters": job.settings.as_dict(),
            "until": job.until,
            "seconds": self._slice(),
            "state": job.state,
            "update": job.update,
            "version": VERSION,
        }
        with self._lost_scheduler():
            future = self._client.submit(
                train_slice, self._text, task, pure=False, priority=int(bool(job.state)),
                key=f"{job.point.name}/{job.settings.seed}-{os.urandom(6).hex()}",
            )  # fmt: skip
            future.add_done_callback(self._events.put)
        return future

    def _take(self, job: Job, future: Any) -> bool:
        """Keep what a slice gave back; tell whether its training has ended."""
        got = self._answer(future)
        if "other_version" in got:
            raise ReportError(
                f"SCHEDULER: expected workers with this version of the project ({VERSION}), got "
                f"one with {got['other_version']}; install the same one there"
            )
        seed = job.settings.seed
        if "error" in got:
            job.point.told[seed] = {"seed": seed, "error": got["error"]}
            self._note_seeds(job.point)
            job.update = job.until
            return True
        job.state, job.update, job.loss = got["state"], got["update"], got["smooth_loss"]
        job.checkpoints.take(job.update, job.state)
        job.seconds += got["seconds"]
        job.timed_updates += got["timed_updates"]
        if not got["ended"]:
            return False
        job.state = b""
        told: dict[str, Any] = {"seed": seed, "updates": job.update, "seconds": job.seconds}
        told |= {"timed_updates": job.timed_updates, "smooth_loss": job.loss}
        told |= {name: got[name] for name in ("diverged", "validation_loss", "text_losses")}
        told["stages"] = [*job.stages, [job.update, loss_of(_plain(told), self.held_out)]]
        job.point.told[seed] = told
        self._note_seeds(job.point)
        self._save(job.point)
        job.update = job.until
        return True

    def _note_seeds(self, point: Point) -> None:
        told = _plain([point.told[seed] for seed in self.asked.seeds if seed in point.told])
        content = json.dumps(told, indent=1) + "\n"
        write_whole(self.folder / point.name / "seeds.json", content.encode())

    def _save(self, point: Point) -> None:
        """Write a point's results once all its seeds have ended; nothing if they are there."""
        told = [point.told.get(seed, {"error": ""}) for seed in self.asked.seeds]
        if any("error" in one for one in told):
            return
        folder = self.folder / point.name
        if not is_saved(folder, told):
            save_point(folder, self.corpus, self.asked.corpus, point.settings, told)

    def _swept(self, point: Point) -> Any:
        return swept_point(self.folder, self._told(point), self.held_out)

    def _told(self, point: Point) -> dict[str, Any]:
        nothing = {"error": "it was not trained"}
        seeds = [point.told.get(seed, {"seed": seed} | nothing) for seed in self.asked.seeds]
        facts = {"name": point.name, "parameters": point.settings.as_dict()}
        return facts | {"seeds": seeds, "stopped": point.stopped}

    def _finish(self) -> None:
        """Write ``sweep.json`` and ``best.yaml``, if they have changed, and say what is best."""
        asked = self.asked
        content = {
            "corpus": asked.corpus,
            "encoding": asked.encoding,
            "title": self.corpus.title,
            "characters": len(self.corpus),
            "K": self.corpus.K,
            "grid": asked.grid,
            "varied": asked.varied,
            "halving": asked.halving if asked.halving > 1 else 0,
            "stages": self.stages,
            "seeds": asked.seeds,
            "points": [self._told(point) for point in self.points],
        }
        _write_if_changed(
            self.folder / "sweep.json", (json.dumps(_plain(content), indent=1) + "\n").encode()
        )
        sweep = read_sweep(self.folder)
        if not sweep.points:
            reasons = "; ".join(dict.fromkeys(one.trouble for one in sweep.failed))
            (self.folder / "best.yaml").unlink(missing_ok=True)
            raise ReportError(f"expected a point that can be trained, got none: {reasons}")
        best = sweep.points[0]
        parameters = (best.folder / "parameters.yaml").read_bytes()
        _write_if_changed(self.folder / "best.yaml", parameters)
        kind = "held-out loss" if self.held_out else "loss over the text"
        print(
            f"sweep: {len(self.points)} points, {len(sweep.failed)} failed; the best is "
            f"{best.name}, {kind} {best.loss:.4f} nats per character"
        )

    # ---- The cluster --------------------------------------------------------------------------

    @contextmanager
    def _cluster(self) -> Iterator[None]:
        """Open a cluster of this machine's cores, or a client of the one that was named."""
        address = self.asked.scheduler
        logging.getLogger("distributed").setLevel(logging.CRITICAL)
        quiet: dict[str, Any] = {
            "logging.distributed": "critical",
            "distributed.admin.large-graph-warning-threshold": "1TB",
        }
        with dask.config.set(quiet), ExitStack() as opened:
            if address:
                host = urlsplit(address).hostname or ""
                if host not in ("localhost", "::1") and not host.startswith("127."):
                    print(
                        f"sweep: whoever reaches {address} can run code on its workers and on "
                        "this machine; use it in a network that you trust, with tls:// elsewhere",
                        file=sys.stderr,
                    )
            else:
                scratch = ROOT / ".cache" / "dask"
                scratch.mkdir(parents=True, exist_ok=True)
                address = opened.enter_context(_local_cluster(scratch))
            try:
                client = distributed.Client(address, timeout=10, set_as_default=False)
            except (OSError, TimeoutError, ValueError) as error:
                reason = " ".join(str(error).split())[:200]
                raise ReportError(
                    f"SCHEDULER: expected a scheduler of Dask at {address}, got none ({reason}); "
                    "start one with .venv/bin/dask scheduler"
                ) from None
            opened.callback(_close, client)
            self._client = client
            print(f"sweep: dashboard at {client.dashboard_link}", file=sys.stderr, flush=True)
            self._text = client.submit(_itself, self.corpus, key=f"text-{os.urandom(6).hex()}")
            try:
                yield
            finally:
                self._text = self._client = None

    def _look_after_workers(self) -> None:
        """Count the workers now and then; a ReportError if there have been none for long."""
        now = time.monotonic()
        if now - self._looked < 2:
            return
        with self._lost_scheduler():
            workers = self._client.nthreads()
        self._looked, self._cores = now, max(1, sum(workers.values()))
        self._alone_since = 0.0 if workers else self._alone_since or now
        if self._alone_since and now - self._alone_since > _PATIENCE:
            raise ReportError(
                f"SCHEDULER: expected a worker within {_PATIENCE:.0f} s, got none; start some with "
                f".venv/bin/dask worker {self.asked.scheduler} --nworkers auto --nthreads 1"
            )

    def _answer(self, future: Any) -> dict[str, Any]:
        """Return what a slice gave back; one that ended its workers is a failure of its point."""
        with self._lost_scheduler():
            try:
                return dict(future.result())
            except distributed.KilledWorker:
                return {"error": "every worker that trained it ended (out of memory?)"}
            except ImportError as error:
                raise ReportError(
                    f"SCHEDULER: expected workers with this project installed, got {error}; run "
                    "pip install -e . there"
                ) from None

    @contextmanager
    def _lost_scheduler(self) -> Iterator[None]:
        """Turn whatever the loss of the scheduler raises into a ReportError."""
        try:
            yield
        except ReportError:
            raise
        except (OSError, TimeoutError, RuntimeError, distributed.CancelledError) as error:
            where = self.asked.scheduler or "this machine's scheduler"
            raise ReportError(
                f"expected {where} to answer, got {type(error).__name__}; what was trained is "
                "kept: run the same command again"
            ) from None


def _itself(corpus: Corpus) -> Corpus:
    """Return the text: the result of a task goes once to every worker that needs it."""
    return corpus


@contextmanager
def _local_cluster(scratch: Path) -> Iterator[Any]:
    """Start a scheduler, and a worker with one thread for each core, all on the loopback."""
    before = [signal.signal(n, signal.SIG_IGN) for n in (signal.SIGINT, signal.SIGTERM)]
    try:
        # The workers inherit that they ignore Ctrl-C: this process tells them what to do.
        cluster = distributed.LocalCluster(
            n_workers=os.cpu_count(),
            threads_per_worker=1,
            processes=True,
            host="127.0.0.1",
            dashboard_address="127.0.0.1:0",
            worker_dashboard_address=None,
            memory_limit=0,
            local_directory=str(scratch),
            silence_logs=logging.CRITICAL,
            env={"TMPDIR": str(scratch)},
        )
    finally:
        for number, handler in zip((signal.SIGINT, signal.SIGTERM), before, strict=True):
            signal.signal(number, handler)
    try:
        yield cluster
    finally:
        with suppress(Exception):
            cluster.close(timeout=5)


def _close(client: Any) -> None:
    with suppress(Exception):
        client.close(timeout=2)


def fractions(points: int, halving: int) -> list[float]:
    """Return which fraction of its training each stage brings a point to; the last is 1."""
    stages = 1
    while halving > 1 and halving**stages <= points:
        stages += 1
    return [float(halving) ** -left for left in reversed(range(stages))]


def _plain(value: Any) -> Any:
    """Return what JSON can hold: NaN and infinity become None."""
    return json.loads(json.dumps(value), parse_constant=lambda _: None)


def _write_if_changed(path: Path, content: bytes) -> None:
    if not path.exists() or path.read_bytes() != content:
        write_whole(path, content)


def main(arguments: Sequence[str] | None = None) -> int:
    """Run the command; return its exit status: 0, 1 for a failure, 130 if it was stopped."""
    (folder,) = sys.argv[1:] if arguments is None else arguments
    stop.listen()
    try:
        Sweeping(run_folder(folder), Asked.of(os.environ)).run()
    except ReportError as error:
        print(f"sweep: {error}", file=sys.stderr)
        return 1
    except KeyboardInterrupt:
        print("sweep: stopped; run the same command again", file=sys.stderr)
        return STOPPED
    return 0


if __name__ == "__main__":
    sys.exit(main())
