"""Train every point of a grid, on this machine's cores or on a cluster of Dask's.

``python -m rnn.pipeline.sweep reports/size`` reads what it is to do from the environment, as the
Makefile leaves it.  Trainings are made in slices of a few seconds (see `rnn.runs.points`): each
gives back a checkpoint, which is written here, so that whatever ends, little is lost.
"""

import json
import math
import os
import signal
import sys
import time
from collections import deque
from collections.abc import Iterator, Sequence
from contextlib import AbstractContextManager, ExitStack
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import TYPE_CHECKING, Any

from rnn import ROOT
from rnn.errors import ReportError
from rnn.pipeline.execute import STOPPED
from rnn.pipeline.grid import Asked, Point, fractions, named_points
from rnn.pipeline.parameters import written_values
from rnn.report.sections.sweep_finished import loss_of, read_sweep
from rnn.runs.checkpoints import Checkpoints, checkpoints_of
from rnn.runs.points import VERSION, is_saved, save_point
from rnn.runs.progress import bar, terminal
from rnn.runs.run import LOWEST_SMOOTH
from rnn.runs.storage import COUNT, misfit, plain, read_json, run_folder, write_whole
from rnn.settings import Schedule, Settings
from rnn.text.corpus import Corpus, load_corpus

if TYPE_CHECKING:
    from rnn.pipeline.cluster import Cluster

_SLICE = 3.0  # seconds of training from one checkpoint to the next ...
_SLICES_PER_SECOND = 20  # ... or longer, so that this process can keep up with its workers
_WAITING = 2  # slices that wait at the workers, so that none of them has nothing to do
_NAMED = 3  # trainings whose losses are told beside the bar

#: What is kept of what the last slice of a training told.
_TOLD = {
    **dict.fromkeys(("diverged", "early_stopping"), str),
    **dict.fromkeys(("validation_loss", "held_out_loss"), (float, None)),
    "text_losses": {str: (float, None)},
}
#: What ``seeds.json`` says of every training that has ended.
_ENDED = _TOLD | {
    **dict.fromkeys(("seed", "updates", "timed_updates"), COUNT),
    **{"state": str, "seconds": float, "smooth_loss": (float, None), "stages": [[(float, None)]]},
}


class Stop:
    """Ctrl-C and SIGTERM: the first is noted, the second ends the process."""

    heard = 0.0  # when, on the monotonic clock

    def listen(self) -> None:
        """Hear both from now on."""
        self.heard = 0.0
        for number in (signal.SIGINT, signal.SIGTERM):
            signal.signal(number, self._hear)

    def _hear(self, number: int, frame: object) -> None:
        if self.heard:
            os._exit(STOPPED)
        self.heard = time.monotonic()
        print("\nstopping; once more to stop at once", file=sys.stderr, flush=True)


stop = Stop()  # one a process, as signals are


@dataclass(eq=False)
class Job:
    """The training of a point with one seed, up to an update."""

    point: Point
    settings: Settings
    checkpoints: Checkpoints
    until: int
    weight: float  # of one update: about how many multiplications it takes
    update: int = 0
    state: bytes = b""
    loss: float = math.nan
    seconds: float = 0.0
    timed_updates: int = 0
    stages: list[Any] = field(default_factory=list)  # update and loss at the ends of earlier stages
    further: dict[str, Any] = field(default_factory=dict)  # what is told of it, trained further

    @property
    def left(self) -> float:
        """What is left to be done, in multiplications."""
        return self.weight * max(self.until - self.update, 0)

    def task(self, seconds: float) -> dict[str, Any]:
        """Return what a worker is told, as `rnn.runs.points.train_slice` takes it."""
        return {
            "parameters": self.settings.as_dict(),
            "until": self.until,
            "seconds": seconds,
            "state": self.state,
            "update": self.update,
            "version": VERSION,
        }


class Sweeping:
    """A sweep at work: its points, and what has become of them."""

    def __init__(self, folder: Path, asked: Asked) -> None:
        self.folder, self.asked = folder, asked
        self.corpus: Corpus = load_corpus(asked.corpus, asked.encoding)
        self.points = named_points(folder, asked)
        self.held_out = all(point.settings.held_out for point in self.points)
        self.stages: list[dict[str, Any]] = []

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
        alive, cluster = self.points, None
        with ExitStack() as afterwards:
            for number, fraction in enumerate(fractions(len(self.points), self.asked.halving), 1):
                jobs = [job for point in alive for job in self._jobs(point, fraction)]
                if jobs:
                    cluster = cluster or afterwards.enter_context(self._cluster())
                    self._train(cluster, jobs, f"stage {number}" if self.asked.halving > 1 else "")
                for point in alive:
                    self._save(point)
                kept = alive
                if fraction < 1:
                    losses = {point.name: self._loss_at(point, fraction) for point in alive}
                    ranked = sorted(alive, key=lambda point: (losses[point.name], point.name))
                    kept = ranked[: max(1, len(alive) // self.asked.halving)]
                    for point in alive:
                        point.stopped = 0 if point in kept else number
                self.stages.append({"fraction": fraction, "points": len(alive), "kept": len(kept)})
                alive = kept
        self._finish()

    def _cluster(self) -> AbstractContextManager["Cluster"]:
        # Dask takes a second to load, and is not needed where all is trained already.
        from rnn.pipeline.cluster import opened

        return opened(self.asked.scheduler, self.corpus)

    def _note_parameters(self, point: Point) -> None:
        """Leave what makes the point's report, in papermill's form; read what has ended before."""
        folder = run_folder(self.folder / point.name)
        states = folder / "checkpoints"
        where = states.relative_to(ROOT) if states.is_relative_to(ROOT) else states
        values = {"corpus": self.asked.corpus, "encoding": self.asked.encoding}
        values |= point.settings.as_dict() | {"seeds": len(self.asked.seeds)}
        values["checkpoints"] = str(where)
        _write_if_changed(folder / "parameters.yaml", written_values(values))
        # What failed is trained again, as is that of which not all is known.
        told = read_json(folder / "seeds.json", [dict], [])
        ended = (one for one in told if _ENDED.keys() <= one.keys() and not misfit(one, _ENDED))
        point.told = {one["seed"]: one for one in ended}

    def _until(self, point: Point, fraction: float) -> int:
        last = Schedule.of(point.settings, len(self.corpus)).last_update
        return max(1, math.ceil(last * fraction))

    def _jobs(self, point: Point, fraction: float) -> Iterator[Job]:
        """Yield what a point still lacks for a stage: one training for every seed."""
        s = point.settings
        try:
            until, last = self._until(point, fraction), self._until(point, 1)
        except ReportError as error:
            point.told = {seed: {"seed": seed, "error": str(error)} for seed in self.asked.seeds}
            return
        weight = float(s.architecture(self.corpus.K).size * s.seq_length * s.batch_size)
        folder = self.folder / point.name / "checkpoints"
        for seed in self.asked.seeds:
            its = replace(s, seed=seed)
            states = checkpoints_of(folder, self.corpus, its, s.seed)
            told = point.told.get(seed, {})
            if "error" in told:
                continue
            updates = told.get("updates", 0)
            if told.get("state") != states.path(updates).name:  # of another text or other code
                updates = 0
            by_itself = updates < until and (told.get("diverged") or told.get("early_stopping"))
            further = until < updates <= last
            known = further and until in dict(told["stages"])
            if (updates == until or by_itself or known) and states.path(updates).exists():
                continue
            job = Job(point, its, states, until, weight, further=told if further else {})
            if state := states.newest(until):
                job.update = state.update
                job.state = states.path(state.update).read_bytes()
            if 0 < updates <= job.update:
                job.stages = [one for one in told["stages"] if one[0] < until]
                job.seconds, job.timed_updates = told["seconds"], told["timed_updates"]
            point.pending.add(seed)
            yield job

    def _train(self, cluster: "Cluster", jobs: list[Job], label: str) -> None:
        """Train jobs to their ends; the longest begin first."""
        waiting = deque(sorted(jobs, key=lambda job: -job.left))
        running: dict[Any, Job] = {}
        ended = 0
        with bar(
            total=sum(job.left for job in jobs),
            desc=label or "sweep",
            bar_format="{desc} {percentage:3.0f}%|{bar:20}| {remaining} left{postfix}",
            mininterval=0.5 if terminal() else 30.0,
            smoothing=0.0,
        ) as shown:
            while running or (waiting and not stop.heard):
                # So long that this process can keep up with all its workers.
                seconds = max(_SLICE, cluster.cores / _SLICES_PER_SECOND)
                while waiting and len(running) < cluster.cores + _WAITING and not stop.heard:
                    job = waiting.popleft()
                    name = f"{job.point.name}/{job.settings.seed}"
                    running[cluster.submit(name, job.task(seconds))] = job
                if (handle := cluster.next(timeout=0.5)) in running:
                    job = running.pop(handle)
                    before = job.left
                    if self._take(job, cluster.answer(handle)):
                        ended += 1
                    else:
                        waiting.appendleft(job)
                    shown.update(before - job.left)
                at_work = [
                    f"{job.point.name}" + (f" {job.loss:.3f}" if math.isfinite(job.loss) else "")
                    for job in list(running.values())[: min(cluster.cores, _NAMED)]
                ]
                told = [f"{ended}/{len(jobs)} trainings", *at_work]
                shown.set_postfix_str("; ".join(told), refresh=False)
                if stop.heard and time.monotonic() > stop.heard + seconds + 2:
                    break
        if stop.heard:
            raise KeyboardInterrupt

    def _take(self, job: Job, got: dict[str, Any]) -> bool:
        """Keep what a slice gave back; tell whether its training has ended."""
        point, seed = job.point, job.settings.seed
        if "error" in got:
            told = {"seed": seed, "error": got["error"]}
        else:
            job.state, job.update, job.loss = got["state"], got["update"], got["smooth_loss"]
            job.checkpoints.take(job.update, job.state)
            job.seconds += got["seconds"]
            job.timed_updates += got["timed_updates"]
            if not got["ended"]:
                return False
            state = job.checkpoints.path(job.update).name
            told = {"seed": seed, "state": state, "updates": job.update, "seconds": job.seconds}
            told |= {"timed_updates": job.timed_updates, "smooth_loss": job.loss}
            told |= {name: got[name] for name in _TOLD}
            told = plain(told)
            told["stages"] = [*job.stages, plain([job.update, loss_of(told, self.held_out)])]
            if job.further and job.checkpoints.path(job.further["updates"]).exists():
                # Only its loss at the end of this stage was not known.
                stages = [*told["stages"], *job.further["stages"]]
                told = job.further | {"stages": sorted(stages)}
        point.told[seed] = told
        point.pending.discard(seed)
        self._save(point, anew=True)  # first: what is noted as trained is not looked at again
        content = json.dumps([point.told[one] for one in sorted(point.told)], indent=1)
        write_whole(self.folder / point.name / "seeds.json", (content + "\n").encode())
        job.update, job.state = job.until, b""
        return True

    def _save(self, point: Point, anew: bool = False) -> None:
        """Write a point's results once all its seeds have ended: those not there, or `anew`."""
        told = [point.told.get(seed, {"error": ""}) for seed in self.asked.seeds]
        if point.pending or any("error" in one for one in told):
            return
        folder = self.folder / point.name
        if anew or not is_saved(folder, point.settings, told):
            save_point(folder, self.corpus, self.asked.corpus, point.settings, told)

    def _loss_at(self, point: Point, fraction: float) -> float:
        """Return a point's loss at the end of a stage, or earlier; infinity if it has none."""
        losses = []
        for seed in self.asked.seeds:
            stages = point.told.get(seed, {}).get("stages", [])
            reached = [loss for update, loss in stages if update <= self._until(point, fraction)]
            last = reached[-1] if reached else None
            losses.append(math.inf if last is None else last)
        return sum(losses) / len(losses)

    def _at_these_stages(self, point: Point, told: dict[str, Any]) -> dict[str, Any]:
        """Leave out what only other halvings had: ends of stages, and all after its own last."""
        if "error" in told:
            return told
        if point.stopped:
            until = self._until(point, self.stages[point.stopped - 1]["fraction"])
            update, loss = [one for one in told["stages"] if one[0] <= until][-1]
            if update < told["updates"]:
                told = told | {"updates": update, "diverged": "", "early_stopping": ""}
                told |= {"held_out_loss": loss, "text_losses": {LOWEST_SMOOTH: loss}}
                told["stages"] = [one for one in told["stages"] if one[0] <= update]
        ends = {self._until(point, stage["fraction"]) for stage in self.stages} | {told["updates"]}
        return told | {"stages": [one for one in told["stages"] if one[0] in ends]}

    def _finish(self) -> None:
        """Write ``sweep.json`` and ``best.yaml``, if they have changed, and say what is best."""
        asked, nothing = self.asked, {"error": "it was not trained"}
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
            "points": [
                {
                    "name": point.name,
                    "parameters": point.settings.as_dict(),
                    "stopped": point.stopped,
                    "seeds": [
                        self._at_these_stages(point, point.told.get(seed, nothing))
                        for seed in asked.seeds
                    ],
                }
                for point in self.points
            ],
        }
        text = json.dumps(plain(content), indent=1, ensure_ascii=False) + "\n"
        _write_if_changed(self.folder / "sweep.json", text.encode())
        sweep = read_sweep(self.folder)
        if not sweep.points:
            reasons = "; ".join(dict.fromkeys(one.trouble for one in sweep.failed))
            (self.folder / "best.yaml").unlink(missing_ok=True)
            raise ReportError(f"expected a point that can be trained, got none: {reasons}")
        best = sweep.points[0]
        _write_if_changed(self.folder / "best.yaml", (best.folder / "parameters.yaml").read_bytes())
        kind = "held-out loss" if self.held_out else "loss over the text"
        print(
            f"sweep: {len(self.points)} points, {len(sweep.failed)} failed; the best is "
            f"{best.name}, {kind} {best.loss:.4f} nats or {best.loss / math.log(2):.4f} bits per "
            "character"
        )


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
