"""Pack a run to hand it in: ``python -m rnn.pipeline.handin reports/NAME`` writes the zip.

The zip is an RO-Crate of the profile Process Run Crate: ``ro-crate-metadata.json`` names every
file with its sha256, what the run was told, the software, and the command that makes it again.
The same run gives the same zip, which holds no times and nobody's name but the report's author.
"""

import hashlib
import json
import re
import shlex
import sys
import zipfile
from collections.abc import Collection, Mapping
from importlib.metadata import version
from pathlib import Path
from typing import Any

from rnn import ROOT
from rnn.errors import ReportError
from rnn.pipeline.unpack import FILES, METADATA, OPTIONAL, PRETRAINED, PRETRAINED_FILES
from rnn.pipeline.verify import title_block, told_by_notebook
from rnn.runs.pretrained import pretrained_folder
from rnn.runs.results import git, read_results
from rnn.text.books import BOOKS
from rnn.text.files import atomic_write, expanded, holds

PROFILE = "https://w3id.org/ro/wfrun/process/0.5"

_SECTIONS = ("gradient_check", "training", "text_losses", "sampling")
_EARLIEST = (1980, 1, 1, 0, 0, 0)  # that a zip can hold


def pack(folder: Path) -> Path:
    """Write the zip of a finished run, beside its folder, and return its path.

    A text is packed only if it is a known one that may be passed on.  Of a run whose model was
    trained on, the model and the results go with it.

    Raises
    ------
    ReportError
        If the run is not finished, or the model that it went on with is not there any more.
    """
    results = read_results(folder)
    lacking = [name for name in FILES.keys() - OPTIONAL if not (folder / name).is_file()]
    lacking += [section for section in _SECTIONS if section not in results]
    if lacking:
        raise ReportError(
            f"{folder.name}: expected a finished run, got one without {sorted(lacking)[0]}; "
            f"run make report RUN={_run(folder)}"
        )
    paths = {name: folder / name for name in FILES if (folder / name).is_file()}
    given = {name: told_by_notebook(path) for name, path in paths.items() if name[0] == "0"}
    texts = {results["training"]["book"]["sha256"]}
    if origin := results["training"].get("from_run"):
        place = pretrained_folder(origin["run"], origin["sha256"])
        paths |= {f"{PRETRAINED}/{name}": place / name for name in PRETRAINED_FILES}
        texts.add(origin["book"]["sha256"])
    for book in BOOKS.values():
        path = ROOT / "data" / book.file
        if book.licence and book.sha256 in texts and holds(path, book.sha256):
            paths[f"data/{book.file}"] = path
    if own := next((values["text"] for values in given.values() if values.get("text")), ""):
        place = expanded(own)
        place = place if place.is_dir() else ROOT / own
        paths |= {f"sentences/{path.name}": path for path in place.glob("*.md")}
    contents = {name: path.read_bytes() for name, path in paths.items()}
    crate = _crate(folder.name, results, given, contents)
    contents[METADATA] = (json.dumps(crate, indent=1, ensure_ascii=False) + "\n").encode()
    target = folder.with_name(f"{folder.name}.zip")
    with atomic_write(target) as file, zipfile.ZipFile(file, "w") as archive:
        for name in sorted(contents):
            # Stored: what packs tighter is not the same on every machine.
            entry = zipfile.ZipInfo(name, _EARLIEST)
            entry.create_system, entry.external_attr = 3, 0o644 << 16
            archive.writestr(entry, contents[name])
    return target


def _run(folder: Path) -> Path:
    """Return what make calls the run in a folder."""
    reports = Path("reports")
    return folder.relative_to(reports if folder.is_relative_to(reports) else folder.parent)


def command(run: str, given: Mapping[str, Mapping[str, Any]], page: Mapping[str, Any]) -> str:
    """Return the line for a shell that makes a run again, with what is not as usual.

    `given` is what its notebooks were told, by their names, and `page` the report's title block.
    """
    check, training, sampling = (given[name] for name in sorted(given))
    usual = {"corpus": "saltmarrow", "encoding": "utf-8", "seed": 0, "seeds": 1, "text": "",
             "from_run": ""}  # fmt: skip
    words = [f"RUN={run}"]
    for name, value in usual.items():
        if training.get(name, value) != value:
            variable = {"from_run": "FROM"}.get(name, name.upper())
            words.append(f"{variable}={training[name]}")
    for variable, values in (
        ("CHECK_PARAMS", check), ("PARAMS", training), ("SAMPLE_PARAMS", sampling)
    ):  # fmt: skip
        options = []
        for name, value in values.items():
            said = name in usual.keys() | {"run_dir"} and value == training.get(name, value)
            if not said and name != "checkpoints":  # they spare time, and change no result
                raw = "-r" if isinstance(value, str) else "-p"
                options += [raw, name, str(value)]
        if options:
            words.append(f"{variable}={shlex.join(options)}")
    block = title_block(page)
    if block["title"] == "Training a character-level RNN":
        del block["title"]
    words += [f"{name.upper()}={value}" for name, value in block.items() if value]
    return shlex.join(["make", "report", *words])


def _crate(
    run: str,
    results: Mapping[str, Any],
    given: Mapping[str, Mapping[str, Any]],
    contents: Mapping[str, bytes],
) -> dict[str, Any]:
    """Return the metadata: files, parameters, software, and the action that made one of others."""
    # Only this needs it, and it is slow to import.
    from rocrate.model import ContextEntity
    from rocrate.rocrate import ROCrate

    crate = ROCrate(version="1.1")
    crate.metadata.extra_contexts.append("https://w3id.org/ro/terms/workflow-run/context")
    page = json.loads(contents["report.ipynb"])["metadata"]
    origin, book = results.get("provenance", {}), results["training"]["book"]
    again = command(run, given, page)

    def entity(identity: str, kind: str, **properties: Any) -> Any:
        return crate.add(ContextEntity(crate, identity, properties={"@type": kind, **properties}))

    def file(path: str, **properties: Any) -> Any:
        content = contents[path]
        facts = {
            "name": Path(path).name,
            "encodingFormat": FILES.get(Path(path).name, "text/plain"),
            "contentSize": str(len(content)),
            "sha256": hashlib.sha256(content).hexdigest(),
        }
        return crate.add_file(dest_path=path, properties=facts | properties)

    results_of_run = [file(name) for name in FILES if name in contents]
    packed = [known for known in BOOKS.values() if f"data/{known.file}" in contents]
    texts = []
    for known in packed:
        licence = entity(known.licence, "CreativeWork", name="the licence of the text")
        texts.append(file(f"data/{known.file}", name=known.title, license=licence))
    if book["sha256"] not in {known.sha256 for known in packed}:
        texts.insert(0, entity(
            "#text", "CreativeWork", name=book["title"], alternateName=book["file"],
            contentSize=str(book["bytes"]), sha256=book["sha256"],
        ))  # fmt: skip
    told = [
        entity(f"#{section}-{name}", "PropertyValue", name=name, value=_plain(value))
        for section, values in (
            ("gradient_check", results["gradient_check"]["parameters"]),
            ("training", results["training"]["parameters"]),
            ("sampling", results["sampling"]),
        )
        for name, value in values.items()
        if not (section == "sampling" and name == "text")
    ]
    folders = ("sentences/", f"{PRETRAINED}/")
    own = [file(name) for name in sorted(contents) if name.startswith(folders)]
    packages = [f"{name} {number}" for name, number in origin.get("versions", {}).items()]
    software = entity(
        # An identifier of Software Heritage, which any git commit has.
        f"swh:1:rev:{origin.get('commit')}" if origin.get("clean") else "#rnn",
        "SoftwareApplication", name="rnn: a character-level RNN and its report",
        softwareVersion=f"{version('rnn')}+{str(origin.get('commit'))[:12]}",
        description=f"Commit {origin.get('commit')}, "
        f"{'nothing changed since' if origin.get('clean') else 'with changes since'}.",
        softwareRequirements=packages,
    )  # fmt: skip
    action: dict[str, Any] = {
        "name": f"Training, sampling and report of the run {run}",
        "description": again,
        "instrument": software,
        "object": [*texts, *told, *own],
        "result": results_of_run,
    }
    if author := title_block(page)["author"]:
        action["agent"] = crate.root_dataset["author"] = entity("#author", "Person", name=author)
    crate.root_dataset["mentions"] = entity("#run", "CreateAction", **action)
    profile = entity(PROFILE, "CreativeWork", name="Process Run Crate", version="0.5")
    crate.root_dataset["conformsTo"] = profile
    crate.root_dataset["name"] = page.get("title") or run
    crate.root_dataset["description"] = (
        f"A run of a character-level recurrent network on {book['title']}. To make it again: "
        f"{again}. To compare: make verify HANDIN={run}.zip."
    )
    crate.root_dataset["license"] = entity(
        "#licence", "CreativeWork", name="All rights reserved",
        description="Whoever made the run has not said how others may use it.",
    )  # fmt: skip
    crate.root_dataset["datePublished"] = _date(page.get("date", ""), origin.get("commit"))
    metadata: dict[str, Any] = crate.metadata.generate()
    return metadata


def _plain(value: Any) -> Any:
    return value if isinstance(value, int | float | str) else str(value)


def _date(said: str, commit: Any) -> str:
    """Return the report's date, else that of the commit, else the earliest that a zip can hold."""
    if re.fullmatch(r"\d{4}-\d\d-\d\d", said):
        return said
    known = re.fullmatch(r"[0-9a-f]{40}", str(commit))
    return (known and git("show", "-s", "--format=%cs", known[0])) or "1980-01-01"


def main(arguments: Collection[str]) -> int:
    """Run the command; return its exit status."""
    (folder,) = arguments
    try:
        target = pack(Path(folder))
    except ReportError as error:
        print(f"handin: {error}", file=sys.stderr)
        return 1
    except OSError as error:
        where, why = error.filename2 or error.filename or folder, error.strerror or error
        expected = f"expected what can be read and written, got {why}; make room, or remove it"
        print(f"handin: {where}: {expected}", file=sys.stderr)
        return 1
    except (ValueError, TypeError, LookupError, AttributeError) as error:
        reason = " ".join(str(error).split())[:100]
        expected = f"expected results and pages that make report wrote, got others ({reason})"
        remedy = f"run make report RUN={_run(Path(folder))}"
        print(f"handin: {folder}: {expected}; {remedy}", file=sys.stderr)
        return 1
    if not read_results(Path(folder)).get("provenance", {}).get("clean"):
        print("handin: the run was made with changes that no commit has; others cannot repeat it")
    print(target)
    return 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
