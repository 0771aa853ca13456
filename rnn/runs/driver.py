"""Drives a training: bar, checkpoints, Ctrl-C, several seeds side by side."""

import os
import signal
import sys
import threading
import time
from collections.abc import Callable, Collection, Iterator
from concurrent.futures import ThreadPoolExecutor, wait
from contextlib import contextmanager, nullcontext
from dataclasses import replace
from pathlib import Path
from typing import Any

from threadpoolctl import threadpool_limits

from rnn.errors import require_whole
from rnn.runs import progress as bars
from rnn.runs.checkpoints import Checkpoints
from rnn.runs.run import Run
from rnn.settings import Schedule, Settings
from rnn.state import first_state, require_memory
from rnn.text.corpus import Corpus
from rnn.training import SECONDS_PER_CALL, Trainer

__all__ = ["train", "train_seeds"]

Watch = Callable[[Collection[Trainer]], None]


def train(
    corpus: Corpus,
    settings: Settings,
    checkpoints: Checkpoints | None = None,
    progress: bool = True,
) -> Run:
    """Train on a text.

    Parameters
    ----------
    corpus : Corpus
        The text.
    settings : Settings
        How.
    checkpoints : Checkpoints, optional
        Where states are kept, and taken up again after an interruption.
    progress : bool
        Whether to show a bar.

    Returns
    -------
    Run
        The result.  The same text, settings and machine give the same numbers to the last bit,
        however often the run was interrupted.

    Raises
    ------
    ReportError
        If the text is too short or memory too small for the settings, the very first loss is
        not finite, or a checkpoint cannot be written.
    KeyboardInterrupt
        On Ctrl-C or SIGTERM, after the state has been saved; on a second one, at once.

    Notes
    -----
    A loss that is not finite stops the training, with a line on standard error; what was reached
    is kept.
    """
    schedule = Schedule.of(settings, len(corpus))
    require_memory(settings, corpus.K)
    with (
        threadpool_limits(1, "blas"),
        _deferred_interrupts() as interrupts,
        _bar(progress, schedule.last_update) as bar,
    ):
        return _train(corpus, schedule, checkpoints, interrupts, _Meter(bar).show)


def train_seeds(
    corpus: Corpus,
    settings: Settings,
    folder: Path,
    seeds: int,
    progress: bool = True,
    watch: Watch | None = None,
) -> list[Run]:
    """Train with several seeds, side by side on the cores.

    Parameters
    ----------
    corpus, settings
        As for `train`; the first seed is that of the settings, the others follow it.
    folder : Path
        Where the states are kept.
    seeds : int
        How many.
    progress : bool
        Whether to show a bar for all of them.
    watch : callable, optional
        Called now and then, in this thread, with the trainers at work.  Then an interrupt is no
        error: the runs are returned as far as they came.

    Returns
    -------
    list of Run
        In the order of the seeds.

    Raises
    ------
    ReportError, KeyboardInterrupt
        As for `train`.
    """
    seeds = require_whole("seeds", seeds, 1)
    schedule = Schedule.of(settings, len(corpus))
    require_memory(settings, corpus.K)
    others = [replace(settings, seed=settings.seed + i) for i in range(seeds)]
    folders = [folder, *(folder / f"seed-{other.seed}" for other in others[1:])]
    at_work: dict[int, Trainer] = {}
    with (
        threadpool_limits(1, "blas"),
        _deferred_interrupts() as interrupts,
        _bar(progress, seeds * schedule.last_update) as bar,
        ThreadPoolExecutor(os.cpu_count()) as pool,
    ):

        def one(other: Settings, its_folder: Path) -> Run:
            def show(trainer: Trainer) -> None:
                at_work[other.seed] = trainer

            checkpoints = Checkpoints(its_folder, corpus, other)
            its_schedule = replace(schedule, settings=other)
            return _train(corpus, its_schedule, checkpoints, interrupts, show, watch is not None)

        jobs = [pool.submit(one, *job) for job in zip(others, folders, strict=True)]
        meter = _Meter(bar)
        working = True
        while working:
            working = bool(wait(jobs, SECONDS_PER_CALL).not_done)
            trainers = [at_work[seed] for seed in sorted(at_work)]
            for trainer in trainers:
                meter.show(trainer)
            if watch and trainers:
                watch(trainers)
        return [job.result() for job in jobs]


def _train(
    corpus: Corpus,
    schedule: Schedule,
    checkpoints: Checkpoints | None,
    interrupts: list[int],
    show: Callable[[Trainer], None],
    partly: bool = False,
) -> Run:
    """Train until the last update, showing the trainer now and then, or (`partly`) an interrupt."""
    with checkpoints.held() if checkpoints else nullcontext():
        state = checkpoints.latest(schedule.last_update) if checkpoints else None
        if state is None:
            state = first_state(schedule.settings, corpus.K)
        trainer = Trainer(corpus, schedule, state)
        show(trainer)
        # The clock starts after the first call, which may have had to compile.
        begun, timed = time.perf_counter(), trainer.first
        for _ in trainer:
            if timed == trainer.first:
                begun, timed = time.perf_counter(), state.update
            show(trainer)
            if interrupts:
                break
            if checkpoints and checkpoints.is_due():
                checkpoints.save(state)
        seconds, reached = time.perf_counter() - begun, state.update
        if checkpoints and (reached > trainer.first or state.diverged):
            checkpoints.save(state)
        if interrupts and not partly:
            raise KeyboardInterrupt
        validation = trainer.validation_loss() if schedule.settings.held_out else None
    if state.diverged:
        print(state.diverged, file=sys.stderr)
    return Run(
        corpus,
        schedule,
        state,
        validation,
        new_updates=reached - trainer.first,
        seconds=seconds,
        timed_updates=reached - timed,
    )


class _Meter:
    """Moves a bar by what trainers have done."""

    def __init__(self, bar: Any) -> None:
        self._bar = bar
        self._shown: dict[Trainer, int] = {}

    def show(self, trainer: Trainer) -> None:
        """Move the bar to where a trainer is, beside what others have done."""
        bar, update = self._bar, trainer.state.update
        before = self._shown.get(trainer, 0)
        if bar.disable or (trainer in self._shown and update == before):
            return
        self._shown[trainer] = update
        if update:
            epoch = trainer.schedule.place(update)[0] + 1
            bar.set_description(f"epoch {epoch}/{trainer.settings.epochs}", False)
            bar.set_postfix_str(f"smooth loss {trainer.state.losses[0]:.4f}", refresh=False)
        if before > trainer.first:
            bar.update(update - before)
        else:
            # What a checkpoint gave, and the time that compiling took, tell nothing of the rest.
            bar.n += update - before
            bar.initial += update - before
            bar.last_print_n = bar.n
            bar.unpause()
            bar.refresh()


def _bar(shown: bool, last: int) -> Any:
    # In front of a person the loss stands in a larger view.
    loss = "" if bars.is_interactive() else "{postfix}"
    return bars.bar(
        shown=shown,
        total=last,
        desc="getting ready",
        unit=" updates",
        mininterval=SECONDS_PER_CALL / 2,
        bar_format="{desc} {percentage:3.0f}%|{bar}| {n:,}/{total:,} [{remaining} left, "
        f"{{rate_fmt}}{loss}]",
    )


@contextmanager
def _deferred_interrupts() -> Iterator[list[int]]:
    """Note Ctrl-C and SIGTERM in a list, where signals can be heard; act on the second one.

    An exception could be raised anywhere: between an update and its row in the history, or while
    a state is saved.
    """
    heard: list[int] = []

    def note(number: int, frame: object) -> None:
        if heard:
            raise KeyboardInterrupt
        heard.append(number)

    if threading.current_thread() is not threading.main_thread():
        yield heard
        return
    before = {number: signal.signal(number, note) for number in (signal.SIGINT, signal.SIGTERM)}
    try:
        yield heard
    finally:
        for number, handler in before.items():
            signal.signal(number, handler)
