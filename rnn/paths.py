"""Where the project's folders are, whatever the working directory."""

from pathlib import Path

from rnn.errors import ReportError

__all__ = ["ROOT", "run_folder"]

_source_tree = Path(__file__).resolve().parent.parent

#: The folder that holds ``data/`` and ``reports/``: the source tree the package is used from, or
#: the working directory where the package was installed without one.
ROOT = _source_tree if (_source_tree / "notebooks").is_dir() else Path.cwd()


def run_folder(run_dir: str) -> Path:
    """Return the folder of a run, made if need be.

    Parameters
    ----------
    run_dir : str
        A folder; a relative one is taken from the project's root, so that a notebook finds it
        from any working directory.

    Raises
    ------
    ReportError
        If the folder cannot be made.
    """
    folder = ROOT / run_dir
    try:
        folder.mkdir(parents=True, exist_ok=True)
    except OSError as error:
        raise ReportError(
            f"run_dir: expected a folder that can be written, got {run_dir!r} ({error.strerror})"
        ) from None
    return folder
