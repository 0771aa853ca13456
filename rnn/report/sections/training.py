"""What the network was trained on, and how."""

from rnn.report.show import Section
from rnn.runs.run import Run
from rnn.settings import LEFT_OUT


def show(section: Section, run: Run) -> None:
    """Say what the network was trained on and how."""
    epochs = run.last_update / run.updates_per_epoch
    values = LEFT_OUT | run.settings.as_dict() | {"run": run, "epochs": epochs}
    values |= {"last_eta": float(run.schedule.etas(run.last_update, 1)[0])}
    section.prose("setting", values)
