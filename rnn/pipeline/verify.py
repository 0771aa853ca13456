"""Make a run again and compare every file: ``python -m rnn.pipeline.verify reports/NAME``.

What a run was told is in its executed notebooks and its ``results.json``.  It is run again in a
temporary folder, and what comes out is compared with what is there.  The commit, the packages and
the machine that ``results.json`` names are written into the new pages too, so that these can be
compared wherever they are made; where they are not those of this place, that is said.  What was
handed in as a zip is unpacked first, see `rnn.pipeline.unpack`.

The exit status is 0 if all is the same, 1 if something differs, and 2 if it could not be compared.
"""

import ast
import json
import os
import platform
import re
import secrets
import shutil
import signal
import subprocess
import sys
from collections.abc import Collection, Iterator, Mapping
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import Any

import yaml

from rnn import ROOT
from rnn.errors import ReportError
from rnn.pipeline.differences import first_difference
from rnn.pipeline.parameters import declared_parameters
from rnn.pipeline.unpack import FILES, OPTIONAL, PRETRAINED, unpack
from rnn.runs.pretrained import MODEL, pretrained_folder
from rnn.runs.results import PAGES, provenance, read_results
from rnn.runs.storage import read_json
from rnn.settings import Schedule, Settings
from rnn.text.books import BOOKS, locate
from rnn.text.characters import printable
from rnn.text.files import expanded, holds, sha256_of

SAME, DIFFERENT, NOT_COMPARED, STOPPED = 0, 1, 2, 130

#: The steps of a run by the section of ``results.json`` that each leaves, and that of a comparison.
STEPS = {
    "gradient_check": "01_gradient_check",
    "training": "02_training_evolution",
    "sampling": "03_best_model_sampling",
    "comparison": "04_compare_runs",
}

_TIMED = "speed.json"  # how long it took, and where
_PATIENCE = 40  # seconds that a step has to end after it was told to

#: The sha256 of the files that each step leaves with its default values, on every processor.
DEFAULT_RUN: dict[str, dict[str, str]] = json.loads(
    Path(__file__).with_name("default_run.json").read_text(encoding="utf-8")
)

Values = Mapping[str, Any]


class Again:
    """A run that is made again, in a temporary folder of the project.

    Paths in its parameters are moved into that folder; as its name occurs nowhere else, what the
    run leaves can be told from what the first one left once that name is taken out again.
    """

    def __init__(self, there: Path, work: Path, *, foreign: bool) -> None:
        self.there, self.work = there, work
        self.foreign = foreign  # from somebody else: only the files in data/ are looked at
        self.results = read_results(there)
        self.origin = _origin(self.results, read_json(there / _TIMED, {"machine": str}, {}))
        self.given = _parameters(there, self.results)
        self.left_out: dict[str, str] = {}  # why files are not compared, by name
        if not self.given:
            expected = f"expected a finished run or comparison in {there.name}, got none"
            raise ReportError(f"{expected}; run make report RUN=NAME")
        _require_end(there.name, self.results.get("training", {}))
        run_dir: Any = next(iter(self.given.values())).get("run_dir")
        run_dir = run_dir if _is_inside(run_dir) else f"reports/{there.name}"
        self.folder = ROOT / self._moved(run_dir)
        self.folder.mkdir(parents=True)
        for name, values in self.given.items():
            if name != STEPS["comparison"]:
                if values.get("run_dir") != run_dir and (there / f"{name}.ipynb").exists():
                    self.left_out[f"{name}.ipynb"] = "it was not made by make report"
                values["run_dir"] = self._moved(run_dir)
            if "corpus" in values:
                book = self.results.get("training", {}).get("book", {})
                values["corpus"] = self._text(values["corpus"], book)
            if values.get("from_run"):
                values["from_run"] = self._pretrained(str(values["from_run"]))
            if values.get("checkpoints"):  # an empty folder: nothing is taken from elsewhere
                values["checkpoints"] = self._moved(str(values["checkpoints"]))
                (ROOT / values["checkpoints"]).mkdir(parents=True, exist_ok=True)
            if values.get("text"):
                values["text"] = self._sentences(str(values["text"]))

    def _moved(self, path: str) -> str:
        """Return a path in the temporary folder; with a folder more for every '..' in it."""
        up = f"{self.work.name}/" * path.split("/").count("..")
        return f"{self.work.relative_to(ROOT)}/{up}{path}"

    def _back(self, content: bytes) -> bytes:
        """Take the temporary folder out of a file, where a sign may have been escaped."""
        name = f"{self.work.relative_to(ROOT).parent}/".encode()
        parts = [b"".join(rb"\\*" + re.escape(bytes([c])) for c in part)
                 for part in (name, f"{self.work.name}/".encode())]  # fmt: skip
        return re.sub(b"%s(%s)+" % tuple(parts), b"", content)

    def _text(self, corpus: Any, book: Values) -> str:
        """Return what to give the notebooks for a text with this passport, found by its sha256."""
        wanted, corpus = book.get("sha256"), str(corpus)
        if corpus in BOOKS:
            places = [locate(corpus)[0]]
        else:
            places = [] if self.foreign else [expanded(corpus), ROOT / corpus]
        if any(path.is_file() and wanted in (None, sha256_of(path)) for path in places):
            return corpus
        folders = () if corpus in BOOKS else (self.there / "data", ROOT / "data")
        for path in (path for folder in folders for path in sorted(folder.glob("*"))):
            if holds(path, str(wanted)):
                moved = self._moved(corpus)  # its name is among the results
                os.makedirs(ROOT / os.path.dirname(moved), exist_ok=True)
                with suppress(FileExistsError):  # of the step before
                    (ROOT / moved).symlink_to(path)
                return moved
        title, size = book.get("title", corpus), book.get("bytes", "unknown")
        file = f"data/{BOOKS[corpus].file}" if corpus in BOOKS else "data/"
        raise ReportError(
            f"corpus: expected the text {title!r} of {size} bytes, sha256 {wanted}, got none such "
            f"in data/; put it into {file}"
        )

    def _pretrained(self, from_run: str) -> str:
        """Return what to give the notebooks for the run whose model was trained on.

        It is a copy of its model and its results, in which its text is one that is found here, or
        none if the losses over it were not measured.
        """
        wanted = self.results.get("training", {}).get("from_run", {}).get("sha256", "")
        place = self.there / PRETRAINED
        if not self.foreign:
            place = pretrained_folder(from_run, wanted)
        elif not holds(place / MODEL, wanted):
            raise ReportError(
                f"from_run: expected the model that the run went on with in {self.there.name}.zip, "
                f"sha256 {wanted}, got none such; ask for another zip"
            )
        moved = self._moved(from_run)
        (ROOT / moved).mkdir(parents=True, exist_ok=True)
        shutil.copyfile(place / MODEL, ROOT / moved / MODEL)
        results = read_results(place)
        training, measured = results["training"], self.results.get("losses_before_and_after", {})
        training["corpus"] = (
            self._text(training["corpus"], training["book"])
            if "old text" in measured
            else self._moved("no text")
        )
        (ROOT / moved / "results.json").write_text(json.dumps(results), encoding="utf-8")
        return moved

    def _sentences(self, folder: str) -> str:
        """Return the folder with the run's own sentences, or none if they are not here."""

        def sentences(place: Path) -> dict[str, bytes]:
            return {path.name: path.read_bytes() for path in place.glob("*.md")}

        for here in map(sentences, (expanded(folder), ROOT / folder)):
            if here and (not self.foreign or here == sentences(self.there / "sentences")):
                return folder
        # Sentences are templates, which can compute: those of somebody else are not run.
        for name in (*(f"{step}.ipynb" for step in STEPS.values()), *PAGES):
            self.left_out[name] = f"its sentences are not here; put them into {folder}"
        return ""

    def run(self) -> None:
        """Run every step, and set the pages if there were some."""
        noted = self.results.get("provenance", {})
        environment = os.environ | ({"RNN_PROVENANCE": json.dumps(noted)} if noted else {})
        for name, values in self.given.items():
            source, target = f"notebooks/{name}.ipynb", self.folder / f"{name}.ipynb"
            told = yaml.safe_dump(values, sort_keys=False)
            if _python("rnn.pipeline.execute", source, str(target), "-y", told, env=environment):
                self.left_out[target.name] = "it could not be made again, see above"
                break
        for path in (*self.folder.glob("0*.ipynb"), *self.folder.glob("results.json")):
            path.write_bytes(self._back(path.read_bytes()))
        made = all((self.folder / f"{name}.ipynb").exists() for name in self.given)
        if made and any((self.there / name).exists() for name in PAGES):
            page = read_json(self.there / "report.ipynb", {"metadata": dict}, {}).get(
                "metadata", {}
            )
            block = [f"--{name}={value}" for name, value in title_block(page).items()]
            print("report: rendering", flush=True)
            _python("rnn.report.pages.render", str(self.folder), *block, stdout=subprocess.DEVNULL)

    def compare(self) -> int:
        """Say of every file whether it is the same; return the exit status."""
        reason = "; ".join([*self.origin, *(["or it was edited"] if self.origin else [])])
        same = differ = 0
        default = self._of_default_values()
        names = sorted(self._names())
        for name in names:
            there, again = self.there / name, self.folder / name
            if name in self.left_out or not again.exists():
                why = self.left_out.get(name, "it could not be made again")
                told = f"not compared: {why}"
            elif default.get(name, sha256_of(again)) != sha256_of(again):
                told = "made here, it is not the one of the project's default run"
                told, differ = f"{told} ({reason or 'another machine; report it'})", differ + 1
            elif not there.exists():
                told, differ = f"missing ({reason or 'it was deleted'})", differ + 1
            elif found := first_difference(there, again):
                told, differ = f"{found} ({reason or 'edited after it was made'})", differ + 1
            else:
                whole = there.read_bytes() == again.read_bytes()
                told = "same bytes" if whole else "same, but for messages"
                told += ", those of the project's default run" if name in default else ""
                same += 1
            print(f"{name:<30}{printable(told)}")
        for name in self._other_texts():
            print(f"{name:<30}a text, but none that the run was made with")
            names.append(name)
            differ += 1
        print(f"verify: {len(names)} files, {same} the same, {differ} different", end="")
        left = len(names) - same - differ
        print(f", {left} not compared" if left else "")
        return DIFFERENT if differ else NOT_COMPARED if left else SAME

    def _other_texts(self) -> list[str]:
        """Return the texts in a zip that are not the run's, nor those of the run before it."""
        training = self.results.get("training", {})
        books = (one.get("book", {}) for one in (training, training.get("from_run", {})))
        wanted = {book.get("sha256") for book in books}
        texts = sorted(self.there.glob("data/*")) if self.foreign else []
        return [f"data/{path.name}" for path in texts if sha256_of(path) not in wanted]

    def _of_default_values(self) -> dict[str, str]:
        """Return the sha256 by file of what the steps leave that were told the default values."""
        found: dict[str, str] = {}
        for step in DEFAULT_RUN.keys() & self.given.keys():
            notebook = json.loads((ROOT / "notebooks" / f"{step}.ipynb").read_bytes())
            cells = ["".join(cell["source"]) for cell in notebook["cells"]]
            defaults = {name: ast.literal_eval(line.value)
                        for name, line in declared_parameters(cells).items()}  # fmt: skip
            told = {**self.given[step], "run_dir": defaults["run_dir"]}
            if all(defaults.get(name) == value for name, value in told.items()):
                found |= DEFAULT_RUN[step]
        return found

    def _names(self) -> set[str]:
        """Return the names of the files to compare: those made again, and what else a run has."""
        here = {path.name for path in self.there.iterdir() if path.is_file()}
        made = {path.name for path in self.folder.iterdir() if path.is_file()}
        notebooks = {f"{name}.ipynb" for name in self.given}
        wanted = made | (here & (notebooks | FILES.keys()))
        if self.foreign:
            wanted |= FILES.keys() - OPTIONAL
        elif not here & notebooks:
            wanted -= notebooks  # data without notebooks
        wanted = {name for name in wanted if name[0] != "." and not name.startswith("failed_")}
        return wanted - {_TIMED}


def _parameters(folder: Path, results: Values) -> dict[str, dict[str, Any]]:
    """Return what each step of a run was told, by the name of its notebook.

    The executed notebook says it to the letter; where there is none, the results do.
    """
    found = {}
    for section, name in STEPS.items():
        path = folder / f"{name}.ipynb"
        if path.exists():
            found[name] = told_by_notebook(path)
        elif section in results and section != "comparison":
            found[name] = _told_by_results(section, results)
    return found


def told_by_notebook(path: Path) -> dict[str, Any]:
    """Return what an executed notebook was told, in the order of the cell that papermill put in.

    Raises a ReportError if it is none, or the values are others than numbers and texts.
    """
    with suppress(OSError, ValueError, LookupError, TypeError, AttributeError, SyntaxError):
        notebook = json.loads(path.read_bytes())
        values = notebook["metadata"]["papermill"]["parameters"]
        cells = ["".join(cell["source"]) for cell in notebook["cells"] if
                 "injected-parameters" in cell["metadata"].get("tags", [])]  # fmt: skip
        order = [line.targets[0].id for line in ast.parse("".join(cells)).body]  # type: ignore[attr-defined]
        plain = all(isinstance(value, str | int | float | None) for value in values.values())
        if plain and sorted(order) == sorted(values):
            return {name: values[name] for name in order}
    expected = "expected an executed notebook with its parameters, got others"
    raise ReportError(f"{path.name}: {expected}; run make report again")


def title_block(page: Values) -> dict[str, str]:
    """Return what the metadata of a report's notebook say of title, date and author."""
    authors = page.get("authors") or [{}]
    said = {name: page.get(name, "") for name in ("title", "date")}
    return said | {"author": authors[0].get("name", "")}


def _told_by_results(section: str, results: Values) -> dict[str, Any]:
    facts, training = results[section], results.get("training", {})
    encoding = {"encoding": training.get("encoding", "utf-8")}
    if section == "gradient_check":
        return facts["parameters"] | encoding
    if section == "training":
        told = {"corpus": facts["corpus"], "seeds": len(facts.get("seeds", [0]))}
        told |= {"from_run": facts["from_run"]["run"]} if "from_run" in facts else {}
        return facts["parameters"] | encoding | told
    return {name: value for name, value in facts.items() if name != "text"}


def _require_end(name: str, training: Values) -> None:
    """Raise a ReportError if a training was stopped before its last update."""
    try:
        settings, characters = Settings(**training["parameters"]), training["book"]["characters"]
        last = Schedule.of(settings, characters).last_update
    except (KeyError, TypeError, ReportError):
        return  # no training, or settings of another version: the step itself will say
    ended = training.get("diverged") or training.get("early_stopping")
    if training["updates"] < last and not ended:
        raise ReportError(
            f"{name}: expected a training of {last:,} updates, got one that was stopped after "
            f"{training['updates']:,}; let make report RUN={name} end it"
        )


def _origin(results: Values, timed: Values) -> list[str]:
    """Say in what the origin of a run is not what is here, each in some words."""
    noted, here = results.get("provenance", {}), provenance()
    words = []
    if results and not noted:  # a comparison has none, but the provenance of its runs
        words.append("an older version, which noted neither commit nor packages")
    elif noted and noted.get("commit") != here["commit"]:
        commits = [str(one.get("commit"))[:10] for one in (noted, here)]
        words.append(f"another commit ({commits[0]}, here {commits[1]})")
    if noted and not noted.get("clean"):
        words.append("made with changes that no commit has")
    if not here["clean"]:
        words.append("changes here that no commit has")
    versions = noted.get("versions", {})
    others = [
        f"{name} {versions[name]}, here {here['versions'].get(name, 'none')}"
        for name in versions
        if versions[name] != here["versions"].get(name)
    ]
    if others:
        words.append(f"other packages ({', '.join(others)})")
    # Among processors of one architecture the bytes are the same.
    machine = str(noted.get("machine") or timed.get("machine") or "").split(",")[0]
    if machine and machine != platform.machine():
        words.append(f"another processor ({machine}, here {platform.machine()})")
    settings = results.get("training", {}).get("parameters", {})
    if settings and (lacking := Settings().as_dict().keys() - settings.keys()):
        words.append(f"an older version (without {', '.join(sorted(lacking))})")
    return words


def _is_inside(path: Any) -> bool:
    return isinstance(path, str) and path[:1] not in ("", "/", "~") and ".." not in path


def _python(module: str, *words: str, **options: Any) -> int:
    """Run a module in the project's folder; return its exit status.  An interrupt ends it too.

    The options are those of `subprocess.Popen`.
    """
    command = [sys.executable, "-m", module, *words]
    with subprocess.Popen(command, cwd=ROOT, **options) as process:
        try:
            status = process.wait()
            if status == STOPPED:
                raise KeyboardInterrupt
            return status
        except KeyboardInterrupt:
            process.terminate()
            try:
                process.wait(_PATIENCE)
            except subprocess.TimeoutExpired:
                process.kill()
            raise


@contextmanager
def _temporary() -> Iterator[Path]:
    """Make a folder with a name that occurs nowhere else, and remove it however this ends."""
    folder = ROOT / ".cache" / f"verify{secrets.token_hex(8)}"
    folder.mkdir(parents=True)
    try:
        yield folder
    finally:
        before = signal.signal(signal.SIGINT, signal.SIG_IGN)
        shutil.rmtree(folder, ignore_errors=True)
        signal.signal(signal.SIGINT, before)


def verify(path: Path) -> int:
    """Make the run in a folder, or in a zip that was handed in, again; return the exit status.

    Raises
    ------
    ReportError
        If there is no such run, its text is not here, or the zip cannot be trusted.
    """
    with _temporary() as work:
        there, foreign = path, path.is_file()
        if foreign:
            there = work / ".handed-in" / path.stem
            unpack(path, there)
        elif not path.is_dir():
            raise ReportError(f"{path}: expected a run's folder or a zip, got none; check its name")
        try:
            again = Again(there, work, foreign=foreign)
            alike = "made with this commit and these packages" if again.results else "a comparison"
            told = "; ".join(again.origin) or alike
            print(f"verify: {printable(str(path))}: {printable(told)}; making it again", flush=True)
            again.run()
        except (ValueError, TypeError, LookupError, AttributeError, OSError) as error:
            # Anything can be in the files of somebody else.
            expected = "expected results of a run and notebooks that make report wrote, got others"
            reason = " ".join(str(error).split())[:100]
            raise ReportError(f"{there.name}: {expected} ({reason}); make the run again") from None
        return again.compare()


def main(arguments: Collection[str]) -> int:
    """Run the command; return its exit status."""
    (path,) = arguments
    for one in (signal.SIGINT, signal.SIGTERM, signal.SIGHUP):
        if one != signal.SIGHUP or signal.getsignal(one) != signal.SIG_IGN:  # as after nohup
            signal.signal(one, signal.default_int_handler)  # raises KeyboardInterrupt
    try:
        return verify(expanded(path))
    except ReportError as error:
        print(f"verify: {printable(str(error))}", file=sys.stderr)
        return NOT_COMPARED
    except KeyboardInterrupt:
        print("verify: stopped; nothing is left behind", file=sys.stderr)
        return STOPPED


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
