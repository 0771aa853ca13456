"""Drives a training: bar, checkpoints, Ctrl-C, several seeds side by side."""

import os
import signal
import sys
import threading
import time
from collections.abc import Callable, Collection, Iterator
from concurrent.futures import ThreadPoolExecutor, wait
from contextlib import ExitStack, contextmanager, nullcontext
from dataclasses import replace
from functools import partial
from pathlib import Path
from typing import Any

from rnn.errors import require_whole
from rnn.runs.checkpoints import Checkpoints, checkpoints_of
from rnn.runs.pretrained import Pretrained, begin
from rnn.runs.progress import bar, is_interactive, note
from rnn.runs.run import Run
from rnn.settings import Schedule, Settings
from rnn.state import require_memory
from rnn.text.corpus import Corpus
from rnn.training import SECONDS_PER_CALL, Trainer

Show = Callable[[Trainer], object]  # told of a trainer now and then


def train(
    corpus: Corpus,
    settings: Settings,
    checkpoints: Checkpoints | None = None,
    progress: bool = True,
    pretrained: Pretrained | None = None,
) -> Run:
    """Train on a text.

    The same text and settings give the same numbers to the last bit, on every processor and however
    often the run was interrupted.  A loss that is not finite stops the training, and so does a
    held-out loss that has not fallen for the settings' patience, with a line on standard error;
    what was reached is kept.

    Parameters
    ----------
    checkpoints : Checkpoints, optional
        Where states are kept, and taken up again after an interruption.
    progress : bool
        Whether to show a bar.
    pretrained : Pretrained, optional
        The model to go on with, by whose sha256 `checkpoints` are told from others.

    Raises
    ------
    ReportError
        If the text is too short or memory too small for the settings, the very first loss is
        not finite, or a checkpoint cannot be written.
    KeyboardInterrupt
        On Ctrl-C or SIGTERM, after the state has been saved; on a second one, at once.
    """
    with _under_a_bar(corpus, settings, 1, progress) as (schedule, interrupts, show):
        return _train(corpus, schedule, checkpoints, pretrained, interrupts, show)


def train_seeds(
    corpus: Corpus,
    settings: Settings,
    folder: Path,
    seeds: int,
    progress: bool = True,
    watch: Callable[[Collection[Trainer]], None] | None = None,
    pretrained: Pretrained | None = None,
) -> list[Run]:
    """Train with several seeds, side by side on the cores; return the runs in their order.

    Parameters
    ----------
    corpus, settings, progress, pretrained
        As for `train`, as are the errors.
    folder : Path
        Where the states are kept.
    seeds : int
        How many: that of the settings, and those that follow it.
    watch : callable, optional
        Called now and then, in this thread, with the trainers at work.  Then an interrupt is no
        error: the runs are returned as far as they came.
    """
    seeds = require_whole("seeds", seeds, 1)
    at_work: dict[int, Trainer] = {}
    with (
        _under_a_bar(corpus, settings, seeds, progress) as (schedule, interrupts, show),
        ThreadPoolExecutor(os.cpu_count()) as pool,
    ):

        def one(seed: int) -> Run:
            its = replace(schedule, settings=replace(settings, seed=seed))
            model = pretrained.sha256 if pretrained else ""
            checkpoints = checkpoints_of(folder, corpus, its.settings, settings.seed, model)
            enlist = partial(at_work.setdefault, seed)
            return _train(corpus, its, checkpoints, pretrained, interrupts, enlist, bool(watch))

        jobs = [pool.submit(one, settings.seed + i) for i in range(seeds)]
        try:
            working = True
            while working:
                done, rest = wait(jobs, SECONDS_PER_CALL)
                working = bool(rest)
                trainers = [at_work[seed] for seed in sorted(at_work)]
                for trainer in trainers:
                    show(trainer)
                if watch and trainers:
                    watch(trainers)
                for job in done:
                    job.result()
        except BaseException:
            interrupts.append(signal.SIGTERM)  # so that the others save their states and end
            pool.shutdown(wait=False, cancel_futures=True)
            raise
        return [job.result() for job in jobs]


def _train(
    corpus: Corpus,
    schedule: Schedule,
    checkpoints: Checkpoints | None,
    pretrained: Pretrained | None,
    interrupts: list[int],
    show: Show,
    partly: bool = False,
) -> Run:
    """Train until the last update or (`partly`) an interrupt, which else is an error."""
    with checkpoints.held() if checkpoints else nullcontext():
        state = checkpoints.newest(schedule.last_update) if checkpoints else None
        if state:
            note(f"going on from update {state.update:,}")
        trainer = Trainer(corpus, schedule, state or begin(corpus, schedule, pretrained))
        state, first = trainer.state, trainer.first
        show(trainer)
        # The clock starts after the first call, which may have had to compile.
        begun, timed = time.perf_counter(), first
        for _ in trainer:
            if timed == first:
                begun, timed = time.perf_counter(), state.update
            show(trainer)
            if interrupts:
                break
            if checkpoints and time.monotonic() >= checkpoints.due:
                checkpoints.save(state)
        seconds, reached = time.perf_counter() - begun, state.update
        if checkpoints and (reached > first or state.diverged):
            checkpoints.save(state)
        if interrupts and not partly:
            raise KeyboardInterrupt
        validation = trainer.validation_loss() if schedule.settings.held_out else None
    made = reached - first, seconds, reached - timed
    run = Run(corpus, schedule, state, validation, *made, pretrained)
    if run.diverged:
        print(run.diverged, file=sys.stderr)
    elif run.early_stopping:
        print(f"stopped early, {run.early_stopping}", file=sys.stderr)
    return run


@contextmanager
def _under_a_bar(
    corpus: Corpus, settings: Settings, runs: int, progress: bool
) -> Iterator[tuple[Schedule, list[int], Show]]:
    """Yield what all runs of a training share: schedule, interrupts, and what moves the bar."""
    require_memory(settings, corpus.K)
    schedule = Schedule.of(settings, len(corpus))
    loss = "" if is_interactive() else "{postfix}"  # which the live view shows in a larger font
    numbers = f"{{n:,}}/{{total:,}} [{{remaining}} left, {{rate_fmt}}{loss}]"
    with (
        _deferred_interrupts() as interrupts,
        bar(
            shown=progress,
            total=runs * schedule.last_update,
            desc="getting ready",
            unit=" updates",
            mininterval=SECONDS_PER_CALL / 2,
            bar_format="{desc} {percentage:3.0f}%|{bar}| " + numbers,
        ) as shown,
    ):
        yield schedule, interrupts, partial(_move, shown, {})


def _move(bar: Any, shown: dict[Trainer, int], trainer: Trainer) -> None:
    """Move a bar to where a trainer is, beside what was `shown` of it and of others."""
    update, before = trainer.state.update, shown.get(trainer, 0)
    if bar.disable or update == shown.get(trainer):
        return
    shown[trainer] = update
    if update:
        epoch = trainer.schedule.place(update)[0] + 1
        bar.set_description(f"epoch {epoch}/{trainer.settings.epochs}", False)
        told = f"smooth loss {trainer.state.losses[0]:.4f}"
        if measured := trainer.state.held_out_history:
            told += f", held-out {measured[-1][1]:.4f}"
        bar.set_postfix_str(told, refresh=False)
    if before > trainer.first:
        bar.update(update - before)
    else:
        # What a checkpoint gave, and the time that compiling took, tell nothing of the rest.
        bar.n += update - before
        bar.initial += update - before
        bar.last_print_n = bar.n
        bar.unpause()
        bar.refresh()


@contextmanager
def _deferred_interrupts() -> Iterator[list[int]]:
    """Note Ctrl-C and SIGTERM in a list, where signals can be heard; act on the second one.

    An exception could come between an update and its row in the history, or while a state is saved.
    """
    heard: list[int] = []

    def hear(number: int, frame: object) -> None:
        if heard:
            raise KeyboardInterrupt
        heard.append(number)

    in_main_thread = threading.current_thread() is threading.main_thread()
    numbers = (signal.SIGINT, signal.SIGTERM) if in_main_thread else ()
    with ExitStack() as afterwards:
        for number in numbers:
            afterwards.callback(signal.signal, number, signal.signal(number, hear))
        yield heard
