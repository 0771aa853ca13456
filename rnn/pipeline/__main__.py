"""What make starts with: ``python -m rnn.pipeline PYTHON report|compare|sweep|verify|...``.

It and what it imports run before anything is installed, with the standard library alone.
"""

import glob
import json
import os
import re
import shlex
import shutil
import signal
import subprocess
import sys
import tempfile
import tomllib
from collections.abc import Iterator, Mapping
from contextlib import suppress
from functools import cache
from itertools import chain
from pathlib import Path
from typing import Any

from rnn.errors import ReportError
from rnn.pipeline import hold, refuse, set_up
from rnn.pipeline.parameters import declared_parameters, refuse_unknown
from rnn.text.files import altered_files, expanded

_PAGE = {".pages.values": ("TITLE", "AUTHOR", "DATE", "FONTS")}

#: The variables that the steps read, by what make is told to do and by the stamp of each step.
_STAMPS = {
    "report": {
        ".check.values": ("CORPUS", "ENCODING", "SEED", "NETWORK", "CHECK_PARAMS", "TEXT"),
        ".training.values": ("CORPUS", "ENCODING", "SEED", "SEEDS", "FROM", "PARAMS", "TEXT"),
        ".sample.values": ("SEED", "SAMPLE_PARAMS", "TEXT", "FONTS"),
        **_PAGE,
    },
    "compare": {".compare.values": ("RUNS", "TEXT"), **_PAGE},
    "sweep": {".sweep.values": ("TEXT",), **_PAGE},
}

#: The long names of papermill's options for parameters.
_LONG = {"--parameters": "-p", "--parameters_raw": "-r"}
_LONG |= {"--parameters_file": "-f", "--parameters_yaml": "-y"}
#: Reads YAML with the Python that everything is installed into.
_READ_YAML = (
    "import json, sys, yaml; "
    "json.dump(list(map(yaml.safe_load, json.load(sys.stdin))), sys.stdout, default=str)"
)
#: Finds a text, with that Python, and downloads it if need be.
_LOCATE = "import sys; from rnn.text.books import locate; locate(sys.argv[1])"
#: What the other steps are told too if `PARAMS` says it of the training.
_SAID_BY_PARAMS = {"corpus": "CORPUS", "encoding": "ENCODING", "seed": "SEED", "seeds": "SEEDS"}
_SAID_BY_PARAMS |= {"from_run": "FROM"}

_REPORTS = Path("reports")
_RESULTS = ("results.json", "history.csv")
_PRETRAINED = ("results.json", "best_model.npz")  # of the run that another one goes on from
_RUN_TRACES = ("results.json", ".check.values", ".training.values")
_PARAMETERS = "parameters.yaml"  # of a sweep's point
_TAKEN_OVER = ("cell", "layers")  # from the model that is trained on
_NETWORK = (*_TAKEN_OVER, "dropout")  # parameters of the training and of the check

_STEPS = ("01_gradient_check.ipynb", "02_training_evolution.ipynb", "03_best_model_sampling.ipynb")
_PAGES = ("report.ipynb", "report.pdf", "report.html")

#: The steps that leave a file, which are to be run again where it is gone.
_MADE_BY: dict[str, tuple[str, ...]] = {
    "results.json": _STEPS,
    "gradient_check.csv": _STEPS[:1],
    **dict.fromkeys(("history.csv", "snapshots.json", "best_model.npz"), _STEPS[1:2]),
}
#: What is made again, besides the file itself, where a file was altered.
_MADE_WITH = _MADE_BY | dict.fromkeys(_PAGES, _PAGES)
_MADE_WITH |= dict.fromkeys(("last_model.npz", "best_held_out_model.npz"), _STEPS[1:2])


def main(python: str, verb: str, *command: str) -> None:
    """Do what the second word says; the words after it are the command that goes on."""
    look_around()
    if verb == "report":
        folder = run_folder()
        require_pretrained(folder)
        if (folder / _PARAMETERS).is_file():
            command = (*command, f"PARAMS=-f {folder / _PARAMETERS} {os.environ['PARAMS']}")
        go_on(python, verb, folder, *command)
    elif verb == "compare":
        go_on(python, verb, comparison_folder(), *command)
    elif verb == "sweep":
        go_on(python, verb, sweep_folder(), *command)
    elif verb == "verify":
        what = os.environ["HANDIN"] or str(named_folder())
        set_up.prepare(python)
        os.execvp(python, [python, "-m", "rnn.pipeline.verify", what])
    elif verb == "handin":
        folder = named_folder(new=True)
        set_up.prepare(python)
        require_up_to_date(folder, *command)
        os.execvp(python, [python, "-m", "rnn.pipeline.handin", str(folder)])
    elif verb == "clean":
        folder = named_folder()
        hold(folder)
        if folder.is_symlink():
            print(f"{folder}: only the link is removed; what is in {folder.resolve()} stays")
            folder.unlink()
        else:
            shutil.rmtree(folder)
    elif verb == "lock":
        set_up.write_lock()
    else:
        set_up.prepare(python, verb)


def go_on(python: str, verb: str, folder: Path, *command: str) -> None:
    """Set up, hold the folder, write its stamps, and let make take this process's place."""
    flags = os.environ.get("MAKEFLAGS", "").split(" ")[0]
    dry = bool(set("nq") & set(flags)) and not set("-=") & set(flags)
    if dry and not set_up.is_ready(python):
        print("set-up: comes first")
        return
    set_up.prepare(python, verb)
    hold(folder)
    if not dry:
        mend(folder)
    # What make is told here holds for the stamps too.
    os.environ |= dict(word.split("=", 1) for word in command if "=" in word)
    told = told_by(python, os.environ["PARAMS"])
    known = {name: told[name] for name in _SAID_BY_PARAMS if told.get(name) is not None}
    said = {_SAID_BY_PARAMS[name]: str(value) for name, value in known.items()}
    os.environ |= said
    os.environ["NETWORK"] = network(os.environ["FROM"], told)
    if verb == "report":
        look_at_parameters(python)
    if not dry:
        fetch_text(python)
    changed = write_stamps(folder, _STAMPS[verb], dry)
    # Python ignores this signal, and what a process ignores its successor does too.
    signal.signal(signal.SIGPIPE, signal.SIG_DFL)
    words = [f"{name}={value}" for name, value in said.items()]
    words += [f"--what-if={stamp}" for stamp in changed if dry]
    os.execvp(command[0], [*command, *words, f"out={folder}"])


def look_around() -> None:
    """Refuse what no step could work with, while it can still be told in a line."""
    for variable in {"RUNS", "GRID", "SCHEDULER", *chain(*_STAMPS["report"].values())}:
        value = os.environ.get(variable, "")
        if not value.isprintable() and any("\udc80" <= letter <= "\udcff" for letter in value):
            refuse(variable, "text in UTF-8", ascii(value), "write it, or name the file, in UTF-8")
    os.umask(mask := os.umask(0o077))
    if mask & 0o700:
        expected = "one that lets you read and write your own files"
        refuse("umask", expected, f"{mask:03o}", "run umask 022")
    try:
        tempfile.gettempdir()
    except OSError:
        got = os.environ.get("TMPDIR", "none")
        remedy = "name one with TMPDIR= or make room"
        refuse("TMPDIR", "a folder for temporary files that can be written", got, remedy)


def mend(folder: Path) -> None:
    """Remove the files that do not hold what a step left, so that the step makes them again.

    A training goes on from its last checkpoint, so that nothing has to be computed twice.
    """
    for path in altered_files(folder, tidy=True):
        if path.is_dir():
            refuse(str(path), "a file", "a folder", "remove it and run make again")
        made_with = _MADE_WITH.get(path.name, ())
        is_missed = path.name in _MADE_BY and any((folder / name).exists() for name in made_with)
        if path.exists() or is_missed:
            got = "something else" if path.exists() else "none"
            print(f"{path}: expected what a step left, got {got}; it is made again", flush=True)
            for name in (path.name, *made_with):
                (folder / name).unlink(missing_ok=True)


@cache
def told_by(python: str, options: str) -> Mapping[str, Any]:
    """Return the parameters that options of papermill give, as it does; none if it refuses them."""
    with suppress(OSError, ValueError, TypeError):  # what is wrong a step says
        given = _options(options)
        texts = [Path(path).read_text("utf-8") for option, path, _ in given if option == "-f"]
        texts += [text for option, text, _ in given if option == "-y"]
        told: dict[str, Any] = {}
        if texts:
            read = [python, "-c", _READ_YAML]
            done = subprocess.run(read, input=json.dumps(texts), capture_output=True, text=True)
            for values in json.loads(done.stdout):
                told |= values or {}
        for kind in ("-p", "-r"):
            told |= {name: value for option, name, value in given if option == kind}
        return told
    return {}


def look_at_parameters(python: str) -> None:
    """Refuse a name that no parameter of a step has, before any step begins."""
    for step, variable in zip(_STEPS, ("CHECK_PARAMS", "PARAMS", "SAMPLE_PARAMS"), strict=True):
        with suppress(OSError, ValueError, LookupError, TypeError):  # no notebook: the step says it
            cells = json.loads(Path("notebooks", step).read_bytes())["cells"]
            declared = declared_parameters("".join(cell["source"]) for cell in cells)
            try:
                refuse_unknown(told_by(python, os.environ[variable]), declared)
            except ReportError as error:
                sys.exit(f"{variable}: {error}")


def _options(text: str) -> list[tuple[str, str, str]]:
    """Return the words of some options, each by its short name, with the two after it."""
    words: list[str] = []
    for word in shlex.split(text):
        joined = re.fullmatch(r"(?s)(-[fypr]|--\w+=)(.+)", word)
        words += [joined[1].rstrip("="), joined[2]] if joined else [word]
    words += ["", ""]
    return [(_LONG.get(a, a), b, c) for a, b, c in zip(words, words[1:], words[2:], strict=False)]


def network(pretrained: str, told: Mapping[str, Any]) -> str:
    """Return, of what the training is told, the options that hold for the gradient check too.

    What a run takes over from the model that it goes on with is in that one's results.
    """
    known: dict[str, Any] = {}
    with suppress(OSError, ValueError, LookupError, TypeError):  # what is wrong a step says
        if pretrained:
            results = json.loads((_pretrained_folder(pretrained) / "results.json").read_bytes())
            former = results["training"]["parameters"]
            known |= {name: former[name] for name in _TAKEN_OVER if name in former}
    known |= told
    words = [("-p", name, str(known[name])) for name in _NETWORK if name in known]
    return shlex.join(chain(*words))


def require_up_to_date(folder: Path, make: str) -> None:
    """End the process if make would do anything for a run, with the values it was made with."""
    outer = ("MAKEFLAGS", "MFLAGS", "MAKELEVEL")
    clean = {name: value for name, value in os.environ.items() if name not in outer}
    question = [make, "-q", f"out={folder}", f"{folder}/report.pdf"]
    remedy = f"run make report RUN={folder.relative_to(_REPORTS)}"
    if subprocess.run(question, env=clean, capture_output=True).returncode:
        refuse(folder.name, "a finished run, up to date", "none", remedy)
    for path in altered_files(folder):
        if path.exists():
            refuse(str(path), "what a step left", "something else", remedy)


def named_folder(*, new: bool = False) -> Path:
    """Return the folder of the run, as `run_folder` does, or of what was named in its place."""
    said = os.environ["NAMED"].split()
    if len(said) > 1:
        refuse(said[0], "one name of a run, a comparison or a sweep", " ".join(said), "say one")
    os.environ["RUN"] = os.environ[said[0] if said else "RUN"]
    return run_folder(new=new)


def run_folder(*, new: bool = True) -> Path:
    """Return the folder of the run ``RUN``; a new one must not have a comparison's name.

    ``SWEEP/POINT`` is a point of a sweep.
    """
    sweep, slash, point = os.environ["RUN"].partition("/")
    folder = _folder("RUN", sweep)
    if slash:
        folder /= _folder("RUN", point).name
        if not (folder / _PARAMETERS).is_file():
            there = " ".join(
                sorted(path.parent.name for path in folder.parent.glob(f"*/{_PARAMETERS}"))
            )
            expected = f"a point of the sweep in {folder.parent}"
            refuse("RUN", expected, repr(point), f"choose from {there or 'those of make sweep'}")
    elif new and any((folder / name).exists() for name in (".compare.values", ".sweep.values")):
        expected = "a name that no comparison has, nor a sweep"
        refuse("RUN", expected, repr(folder.name), "choose another name")
    return folder


def require_pretrained(folder: Path) -> None:
    """Refuse a run ``FROM`` whose model cannot be trained on in a folder; none is no fault."""
    said = os.environ["FROM"]
    if not said:
        return
    run = _pretrained_folder(said)
    name = run.relative_to(_REPORTS) if run.is_relative_to(_REPORTS) else run.name
    remedy = f"run make report RUN={name}"
    if run.resolve() == folder.resolve():
        refuse("FROM", "another run than RUN", repr(said), "choose another name for the new one")
    if lacking := [name for name in _PRETRAINED if not (run / name).is_file()]:
        there = sorted(path.parent.name for path in _REPORTS.glob("*/best_model.npz"))
        remedy = f"choose from {' '.join(there)}" if there else remedy
        refuse("FROM", f"a finished run with {lacking[0]}", repr(said), remedy)
    for path in altered_files(run):
        if path.name in _PRETRAINED:
            refuse(str(path), "what the run left", "something else", remedy)


def _pretrained_folder(said: str) -> Path:
    """Return the folder of the run ``FROM``: in ``reports/`` by its name, or anywhere."""
    named = _REPORTS / said
    return named if named.is_dir() else expanded(said)


def sweep_folder() -> Path:
    """Return the folder of the sweep ``SWEEP``, which must not have another's name."""
    folder = _folder("SWEEP", os.environ["SWEEP"])
    default = _REPORTS / os.environ["RUN"]
    if folder == default or any(
        (folder / name).exists() for name in (*_RUN_TRACES, ".compare.values")
    ):
        expected = "a name that no run has, nor a comparison"
        refuse("SWEEP", expected, repr(folder.name), "choose another name")
    return folder


def comparison_folder() -> Path:
    """Return the folder of the comparison ``COMPARISON``, which must not have a run's name.

    ``RUNS`` has to name at least two finished runs, each once, with spaces between.
    """
    folder, said = _folder("COMPARISON", os.environ["COMPARISON"]), os.environ["RUNS"]
    runs = [_folder("RUNS", run) for run in said.split()]
    if len(runs) < 2:
        there = sorted(path.parent.name for path in _REPORTS.glob("*/results.json"))
        known = " ".join(there) or "those that make report RUN=NAME has made"
        refuse("RUNS", "the names of at least two runs", repr(said), f"choose from {known}")
    if len(set(runs)) < len(runs):
        refuse("RUNS", "every run once", repr(said), "leave out the repeated name")
    taken = folder in {*runs, _REPORTS / os.environ["RUN"]}
    if taken or any((folder / name).exists() for name in (*_RUN_TRACES, ".sweep.values")):
        expected = "a name that no run has, nor a sweep"
        refuse("COMPARISON", expected, repr(folder.name), "choose another name")
    for run in runs:
        remedy = f"run make report RUN={run.name}"
        if not all((run / name).is_file() for name in _RESULTS):
            refuse(run.name, f"a finished run in {run}", "none", remedy)
        if altered := [path for path in altered_files(run) if path.name in _MADE_BY]:
            refuse(str(altered[0]), "what the run left", "something else", remedy)
    return folder


def _folder(variable: str, name: str) -> Path:
    if not re.fullmatch(r"[A-Za-z0-9_][A-Za-z0-9._-]*", name):
        plain = 'a name of letters, digits, ".", "_" and "-" that starts with neither "." nor "-"'
        refuse(variable, plain, repr(name), "choose another name")
    return _REPORTS / name


def fetch_text(python: str) -> None:
    """Download a known text that is not there: with it a step would change what its stamp says."""
    with suppress(OSError):  # what is wrong a step says
        books = tomllib.loads(Path("rnn/text/books.toml").read_text("utf-8"))
        book = books.get(name := os.environ["CORPUS"], {})
        if book.get("url") and not Path("data", book["file"]).exists():
            subprocess.run([python, "-c", _LOCATE, name], capture_output=True)


def write_stamps(folder: Path, stamps: Mapping[str, tuple[str, ...]], dry: bool) -> list[Path]:
    """Write the stamps whose values, or files that they name, are no longer as they say.

    Return them.  If `dry`, those that are there stay as they are.
    """
    changed = []
    for name, variables in stamps.items():
        stamp, values = folder / name, {variable: os.environ[variable] for variable in variables}
        files: dict[str, list[int]] = {}
        for path in chain.from_iterable(_files(*said) for said in values.items()):
            with suppress(OSError):
                files[str(path)] = [path.stat().st_mtime_ns, path.stat().st_size]
        content = json.dumps({"values": values, "files": files}, indent=1).encode()
        with suppress(OSError):
            if stamp.read_bytes() == content:
                continue
        changed.append(stamp)
        if not (dry and stamp.exists()):
            stamp.write_bytes(content)
    return changed


def _files(variable: str, value: str) -> Iterator[Path]:
    """Yield the files that a value names: a text, sentences, results of runs, parameters."""
    if variable == "CORPUS":
        yield expanded(value)
        yield from map(Path, glob.glob(f"data/{glob.escape(value)}*.txt"))
    elif variable == "FROM" and value:
        yield _pretrained_folder(value) / "best_model.npz"
    elif variable == "TEXT" and value:
        yield from sorted(expanded(value).glob("*.md"))
    elif variable == "FONTS" and value:
        yield expanded(value)
    elif variable == "RUNS":
        yield from (_REPORTS / run / name for run in value.split() for name in _RESULTS)
    elif variable.endswith("PARAMS"):
        with suppress(ValueError):
            yield from (Path(path) for option, path, _ in _options(value) if option == "-f")


if __name__ == "__main__":
    try:
        main(*sys.argv[1:])
    except KeyboardInterrupt:
        sys.exit(130)
    except OSError as failed:
        known = failed.filename or "reports"
        remedy = "remove it, or make its folder writable, and run make again"
        refuse(str(known), "what can be read and written", str(failed.strerror or failed), remedy)
