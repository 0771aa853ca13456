"""A character-level recurrent network with hand-written gradients, and the report about it."""

from pathlib import Path

_source_tree = Path(__file__).resolve().parent.parent

#: The folder that holds ``data/`` and ``reports/``: the source tree that the package is used from,
#: or the working directory where the package was installed without one.
ROOT = _source_tree if (_source_tree / "notebooks").is_dir() else Path.cwd()
