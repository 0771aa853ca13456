"""What the network was trained on, and how."""

from rnn.report.show import Section
from rnn.runs.run import Run
from rnn.settings import LEFT_OUT
from rnn.text.characters import visible

_NAMED = 30  # characters that are new to a model, at most


def show(section: Section, run: Run) -> None:
    """Say what the network was trained on and how, and what it was before if it was trained."""
    epochs = run.last_update / run.updates_per_epoch
    values = LEFT_OUT | run.settings.as_dict() | {"run": run, "epochs": epochs}
    values |= {"last_eta": float(run.schedule.etas(run.last_update, 1)[0])}
    if run.settings.held_out:
        values |= {"measured": int(run.history["validation_loss"].notna().sum())}
    if run.pretrained:
        told = run.pretrained.facts(run.corpus)
        named = [visible(character) for character in told["new"][:_NAMED]]
        values |= {"source": told, "named": named}
    section.prose("setting", values)
