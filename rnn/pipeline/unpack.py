"""Read a zip that somebody else has packed with `rnn.pipeline.handin`, and trust nothing in it."""

import hashlib
import json
import re
import stat
import zipfile
from collections.abc import Iterator
from pathlib import Path

from rnn.errors import ReportError
from rnn.text.characters import printable

METADATA = "ro-crate-metadata.json"

#: The files of a finished run that are handed in, with the type of each.
FILES = {
    "report.pdf": "application/pdf",
    "report.html": "text/html",
    "report.ipynb": "application/x-ipynb+json",
    "01_gradient_check.ipynb": "application/x-ipynb+json",
    "02_training_evolution.ipynb": "application/x-ipynb+json",
    "03_best_model_sampling.ipynb": "application/x-ipynb+json",
    "results.json": "application/json",
    "gradient_check.csv": "text/csv",
    "history.csv": "text/csv",
    "snapshots.json": "application/json",
    "best_model.npz": "application/zip",
    "last_model.npz": "application/zip",
    "best_held_out_model.npz": "application/zip",
    "speed.json": "application/json",
}

#: Those that not every run has: the last model, if it diverged, that with the lowest held-out loss,
#: and the speed.
OPTIONAL = {"last_model.npz", "best_held_out_model.npz", "speed.json"}

#: What a run that went on with another one's model needs of that, in the folder of that name.
PRETRAINED, PRETRAINED_FILES = "from_run", ("best_model.npz", "results.json")

#: What else a zip may hold: texts, the run's own sentences, and the model that it went on with.
_MORE = re.compile(
    r"data/\w[\w. -]{0,50}|sentences/\w[\w-]{0,50}\.md"
    rf"|{PRETRAINED}/({'|'.join(map(re.escape, PRETRAINED_FILES))})"
)

_MOST_ENTRIES = 200
_MOST_BYTES = 1 << 28
_MOST_READ = 1 << 26  # of a file that becomes many objects when it is read
_MOST_RATIO = 200  # of a file's size to what it takes in the zip


def unpack(path: Path, folder: Path) -> None:
    """Unpack what was handed in into a new folder, after a look at every name, size and sha256.

    Only files that a run has are taken, as they are written here; nothing in them is run.

    Raises
    ------
    ReportError
        If the file is no such zip, or is not what its own metadata says.
    """
    try:
        with zipfile.ZipFile(path) as archive:
            contents = dict(_contents(archive))
        told = _told(contents.pop(METADATA, b"{}"))
    except ReportError as error:
        raise ReportError(f"{path.name}: {error}; ask for another zip") from None
    except OSError as error:
        raise ReportError(f"{path}: expected a zip to read, got {error.strerror}") from None
    # The readers of zip and JSON raise a dozen kinds of errors on what is not theirs.
    except Exception as error:
        wrong = f"expected what make handin writes, got another or a damaged file ({error})"
        raise ReportError(f"{path.name}: {wrong}; ask for another zip") from None
    for name in sorted(contents.keys() | told.keys()):
        if name not in told or name not in contents:
            where = "in it" if name in told else f"in {METADATA}"
            raise ReportError(f"{path.name}: expected {name} {where}, got none; it was repacked")
        if hashlib.sha256(contents[name]).hexdigest() != told[name]:
            wrong = f"expected {name} with the sha256 in {METADATA}, got another"
            raise ReportError(f"{path.name}: {wrong}; it was edited after it was packed")
    for name, content in contents.items():
        target = folder / name
        target.parent.mkdir(parents=True, exist_ok=True)
        with target.open("xb") as file:
            file.write(content)


def _contents(archive: zipfile.ZipFile) -> Iterator[tuple[str, bytes]]:
    """Yield the files of a zip, within bounds, or raise a ReportError for the first bad one."""
    entries, left, seen = archive.infolist(), _MOST_BYTES, set[str]()
    if len(entries) > _MOST_ENTRIES:
        raise ReportError(f"expected at most {_MOST_ENTRIES} files, got {len(entries):,}")
    for entry in entries:
        name, shown = entry.filename, printable(entry.filename)[:80]
        if name not in FILES and name != METADATA and not _MORE.fullmatch(name):
            raise ReportError(f"expected files of a run, got {shown!r}")
        if name.casefold() in seen:
            raise ReportError(f"expected every file once, got {shown!r} again")
        seen.add(name.casefold())
        if stat.S_IFMT(entry.external_attr >> 16) not in (0, stat.S_IFREG) or entry.is_dir():
            raise ReportError(f"expected plain files, got the link or folder {shown!r}")
        if entry.flag_bits & 1:
            raise ReportError(f"expected files to read, got {shown!r} under a password")
        if entry.compress_type not in (zipfile.ZIP_STORED, zipfile.ZIP_DEFLATED):
            raise ReportError(f"expected files stored or deflated, got {shown!r}")
        left -= entry.file_size
        most = _MOST_READ if name.endswith((".json", ".ipynb", ".csv")) else _MOST_BYTES
        most = min(most, _MOST_RATIO * max(entry.compress_size, 1))
        if left < 0 or entry.file_size > most:
            raise ReportError(f"expected files of a run, got {entry.file_size:,} bytes in {shown}")
        with archive.open(entry) as file:  # reads no more than the entry claims
            yield name, file.read(entry.file_size)


def _told(metadata: bytes) -> dict[str, str]:
    """Return the sha256 of every file that the metadata names."""
    graph = json.loads(metadata).get("@graph", [])
    files = {str(one["@id"]): one.get("sha256", "") for one in graph if one["@type"] == "File"}
    if not files:
        raise ReportError(f"expected {METADATA} with the files of a run, got none")
    return files
