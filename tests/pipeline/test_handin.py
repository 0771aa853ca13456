"""What is packed to be handed in, and what is refused when it is unpacked."""

import errno
import hashlib
import json
import os
import shlex
import stat
import struct
import zipfile
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest

from rnn import ROOT
from rnn.errors import ReportError
from rnn.pipeline.differences import first_difference
from rnn.pipeline.handin import PROFILE, command, main, pack
from rnn.pipeline.unpack import FILES, METADATA, unpack
from rnn.text.books import BOOKS

NOTEBOOKS = sorted(name for name in FILES if name[0] == "0")


def notebook(**given: object) -> str:
    """Return what papermill leaves of a notebook that shows nothing."""
    lines = "\n".join(f"{name} = {value!r}" for name, value in given.items())
    cell = {
        "cell_type": "code", "id": "injected-parameters", "source": lines, "outputs": [],
        "metadata": {"tags": ["injected-parameters"]}, "execution_count": 1,
    }  # fmt: skip
    metadata = {"papermill": {"parameters": given}}
    return json.dumps({"cells": [cell], "metadata": metadata, "nbformat": 4, "nbformat_minor": 5})


GIVEN = {
    NOTEBOOKS[0]: {"text": "", "corpus": "saltmarrow", "seed": 0, "run_dir": "reports/my-run"},
    NOTEBOOKS[1]: {
        "text": "", "corpus": "saltmarrow", "seed": 3, "run_dir": "reports/my-run", "seeds": 2,
        "m": 200, "eta": 0.05, "document_end": "The end; 'so'", "checkpoints": "reports/size/m200",
    },
    NOTEBOOKS[2]: {"text": "", "seed": 3, "run_dir": "reports/my-run", "prime": "Wren said"},
}  # fmt: skip


@pytest.fixture
def run(tmp_path: Path) -> Path:
    """Return a folder with all that a finished run leaves, and some files of somebody's own."""
    folder = tmp_path / "my-run"
    folder.mkdir()
    for name in FILES:
        (folder / name).write_text(f"what {name} holds\n")
    for name, given in GIVEN.items():
        (folder / name).write_text(notebook(**given))
    page = {"title": "My report", "authors": [{"name": "N. N."}], "date": "2026-11-26"}
    (folder / "report.ipynb").write_text(json.dumps({"cells": [], "metadata": page}))
    book = BOOKS["saltmarrow"]
    results = {
        "gradient_check": {"parameters": {"m": 5, "seed": 0}},
        "training": {
            "parameters": {"m": 200, "eta": 0.05},
            "book": {"title": book.title, "file": book.file, "bytes": 9, "sha256": book.sha256},
        },
        "text_losses": {},
        "sampling": {"seed": 3, "prime": "Wren said", "text": "abc"},
        "provenance": {"commit": "ab" * 20, "clean": True, "versions": {"numpy": "2.0"}},
    }
    (folder / "results.json").write_text(json.dumps(results))
    np.savez(folder / "best_model.npz", W=np.zeros((3, 3)))
    (folder / "plan.txt").write_text("a file of somebody's own")
    (folder / "checkpoints").mkdir()
    return folder


def change(run: Path, section: str, name: str, value: object) -> None:
    results = json.loads((run / "results.json").read_bytes())
    results[section][name] = value
    (run / "results.json").write_text(json.dumps(results))


def graph(archive: Path) -> dict[str, dict]:
    with zipfile.ZipFile(archive) as file:
        return {one["@id"]: one for one in json.loads(file.read(METADATA))["@graph"]}


def test_zip_holds_the_run_s_files_with_their_sha256_and_nothing_else(run: Path) -> None:
    archive = pack(run)
    assert archive == run.with_name("my-run.zip")
    entities = graph(archive)
    with zipfile.ZipFile(archive) as file:
        assert set(file.namelist()) == {*FILES, METADATA, "data/saltmarrow.txt"}
        for name in set(file.namelist()) - {METADATA}:
            content = file.read(name)
            assert entities[name]["sha256"] == hashlib.sha256(content).hexdigest()
            assert entities[name]["contentSize"] == str(len(content))
    parts = {part["@id"] for part in entities["./"]["hasPart"]}
    assert parts == {*FILES, "data/saltmarrow.txt"}


def test_same_run_gives_the_same_zip_wherever_and_whenever_it_is_packed(
    run: Path, tmp_path: Path
) -> None:
    first = pack(run).read_bytes()
    elsewhere = run.rename(tmp_path / "sub").rename(tmp_path / "other")
    moved = elsewhere.rename(tmp_path / "my-run")
    for path in moved.iterdir():
        path.touch()
    assert pack(moved).read_bytes() == first
    with zipfile.ZipFile(tmp_path / "my-run.zip") as file:
        entries = file.infolist()
    assert {entry.date_time for entry in entries} == {(1980, 1, 1, 0, 0, 0)}
    assert [entry.filename for entry in entries] == sorted(entry.filename for entry in entries)
    assert str(tmp_path).encode() not in first and str(ROOT).encode() not in first


def test_metadata_follow_the_profile(run: Path) -> None:
    entities = graph(pack(run))
    root, action = entities["./"], entities["#run"]
    assert root["conformsTo"] == {"@id": PROFILE} and PROFILE in entities
    assert root["mentions"] == {"@id": "#run"}
    assert root["datePublished"] == "2026-11-26"
    assert action["@type"] == "CreateAction"
    software = entities[action["instrument"]["@id"]]
    assert software["@type"] == "SoftwareApplication" and "ab" * 20 in software["description"]
    assert software["@id"] == "swh:1:rev:" + "ab" * 20
    assert "numpy 2.0" in software["softwareRequirements"]
    results = {one["@id"] for one in action["result"]}
    assert results == set(FILES)
    told = [entities[one["@id"]] for one in action["object"]]
    assert told[0]["@id"] == "data/saltmarrow.txt" and "license" in told[0]
    values = {(one["@id"], one["value"]) for one in told if one["@type"] == "PropertyValue"}
    assert ("#training-eta", 0.05) in values and ("#sampling-prime", "Wren said") in values
    assert entities[action["agent"]["@id"]]["name"] == "N. N."
    assert "make report RUN=my-run" in action["description"]


def test_nobody_is_named_unless_the_report_has_an_author(run: Path) -> None:
    (run / "report.ipynb").write_text(json.dumps({"metadata": {"title": "T", "authors": []}}))
    entities = graph(pack(run))
    assert "agent" not in entities["#run"]
    assert "Person" not in {one["@type"] for one in entities.values()}


def test_text_that_may_not_be_passed_on_is_not_packed_but_its_sha256_is(run: Path) -> None:
    mine = {"title": "my.txt", "file": "my.txt", "bytes": 1234, "sha256": "12" * 32}
    change(run, "training", "book", mine)
    entities = graph(pack(run))
    assert not [name for name in entities if name.startswith("data/")]
    assert entities["#text"]["sha256"] == "12" * 32
    assert {"@id": "#text"} in entities["#run"]["object"]


def test_sentences_of_the_run_s_own_are_packed_and_unpacked(run: Path, tmp_path: Path) -> None:
    own = tmp_path / "swedish"
    own.mkdir()
    (own / "loss.md").write_text("{% block caption %} Förlust. {% endblock %}", encoding="utf-8")
    (run / NOTEBOOKS[1]).write_text(notebook(**GIVEN[NOTEBOOKS[1]] | {"text": str(own)}))
    archive = pack(run)
    assert {"@id": "sentences/loss.md"} in graph(archive)["#run"]["object"]
    unpack(archive, tmp_path / "there")
    unpacked = tmp_path / "there" / "sentences" / "loss.md"
    assert unpacked.read_bytes() == (own / "loss.md").read_bytes()


@pytest.fixture
def old(tmp_path: Path) -> Path:
    """Return the folder of a run whose model another one was trained with."""
    folder = tmp_path / "old"
    folder.mkdir()
    np.savez(folder / "best_model.npz", W=np.ones((2, 2)))
    (folder / "results.json").write_text('{"training": {"corpus": "saltmarrow"}}')
    return folder


def gone_on(run: Path, old: Path) -> None:
    """Let a run say that it went on with the model of another one, on a text of its own."""
    digest = hashlib.sha256((old / "best_model.npz").read_bytes()).hexdigest()
    book = {"title": BOOKS["saltmarrow"].title, "sha256": BOOKS["saltmarrow"].sha256}
    change(run, "training", "from_run", {"run": str(old), "sha256": digest, "book": book})
    mine = {"title": "my.txt", "file": "my.txt", "bytes": 1234, "sha256": "12" * 32}
    change(run, "training", "book", mine)
    (run / NOTEBOOKS[1]).write_text(notebook(**GIVEN[NOTEBOOKS[1]] | {"from_run": str(old)}))


def test_model_that_a_run_went_on_with_is_packed_and_unpacked(
    run: Path, old: Path, tmp_path: Path
) -> None:
    gone_on(run, old)
    archive = pack(run)
    action = graph(archive)["#run"]
    objects = {one["@id"] for one in action["object"]}
    files = {"from_run/best_model.npz", "from_run/results.json"}
    assert {"#text", "data/saltmarrow.txt", *files} <= objects
    assert shlex.split(action["description"])[3:5] == ["SEED=3", "SEEDS=2"]
    assert f"FROM={old}" in shlex.split(action["description"])
    unpack(archive, tmp_path / "there")
    for name in files:
        assert (tmp_path / "there" / name).read_bytes() == (old / Path(name).name).read_bytes()


def test_run_whose_model_before_is_gone_or_another_is_not_packed(
    run: Path, old: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    gone_on(run, old)
    for spoil in (lambda path: path.write_bytes(b"another"), Path.unlink):
        spoil(old / "best_model.npz")
        assert main([str(run)]) == 1
        (line,) = capsys.readouterr().err.splitlines()
        assert "from_run: expected " in line and str(old) in line


def test_known_texts_may_be_passed_on_only_with_a_licence() -> None:
    assert {name for name, book in BOOKS.items() if book.licence} == {
        "saltmarrow",
        "tinyshakespeare",
    }


def test_command_says_again_what_the_run_was_told() -> None:
    words = shlex.split(command("my-run", GIVEN, {"title": "It's mine", "authors": []}))
    assert words[:3] == ["make", "report", "RUN=my-run"]
    said = dict(word.split("=", 1) for word in words[2:])
    assert said["SEED"] == "3" and said["SEEDS"] == "2" and said["TITLE"] == "It's mine"
    assert shlex.split(said["PARAMS"]) == [
        "-p", "m", "200", "-p", "eta", "0.05", "-r", "document_end", "The end; 'so'",
    ]  # fmt: skip
    assert shlex.split(said["SAMPLE_PARAMS"]) == ["-r", "prime", "Wren said"]
    assert shlex.split(said["CHECK_PARAMS"]) == ["-p", "seed", "0"]


@pytest.mark.parametrize("name", ["report.pdf", "history.csv", NOTEBOOKS[2]])
def test_run_without_a_file_is_refused_in_one_line(
    run: Path, name: str, capsys: pytest.CaptureFixture[str]
) -> None:
    (run / name).unlink()
    assert main([str(run)]) == 1
    (line,) = capsys.readouterr().err.splitlines()
    assert name in line and "make report RUN=my-run" in line
    assert not run.with_name("my-run.zip").exists()


def test_point_of_a_sweep_is_called_as_make_does(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.chdir(tmp_path)
    Path("reports/size/m5").mkdir(parents=True)
    assert main(["reports/size/m5"]) == 1
    assert "make report RUN=size/m5" in capsys.readouterr().err


def no_space(*paths: object) -> None:
    raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC))


@pytest.mark.parametrize(
    ("name", "content", "named"),
    [
        ("results.json", '{"gradient_check": {}, "training": {}, "sampling": {}}', "text_losses"),
        (
            "results.json",
            '{"gradient_check": {}, "training": {}, "sampling": {}, "text_losses": {}}',
            "book",
        ),
        ("report.ipynb", "[]", "make report RUN=my-run"),
        ("report.ipynb", "{", "make report RUN=my-run"),
        ("../my-run.zip", "", "my-run.zip"),
        ("", "full", os.strerror(errno.ENOSPC)),
    ],
)
def test_what_cannot_be_packed_is_told_in_one_line(
    run: Path, name: str, content: str, named: str, monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
) -> None:  # fmt: skip
    if content == "full":
        monkeypatch.setattr(os, "fsync", no_space)
    elif content:
        (run / name).write_text(content)
    else:
        run.with_name("my-run.zip").mkdir()
    assert main([str(run)]) == 1
    (line,) = capsys.readouterr().err.splitlines()
    assert "expected" in line and named in line
    assert not run.with_name("my-run.zip").is_file()


def test_what_was_packed_is_unpacked_to_the_same_bytes(run: Path, tmp_path: Path) -> None:
    unpack(pack(run), tmp_path / "there")
    for name in FILES:
        assert (tmp_path / "there" / name).read_bytes() == (run / name).read_bytes()
    assert not (tmp_path / "there" / METADATA).exists()
    assert not (tmp_path / "there" / "plan.txt").exists()


Entries = dict[str | zipfile.ZipInfo, bytes]


def zipped(path: Path, entries: Entries, *more: tuple[str, bytes], told: bool = True) -> Path:
    """Write a zip of somebody who knows how metadata look, and renews every sha256 in them."""
    with zipfile.ZipFile(path, "w", zipfile.ZIP_DEFLATED) as archive:
        for name, content in [*entries.items(), *more]:
            archive.writestr(name, content)
        if told:
            files = [
                {
                    "@id": getattr(name, "filename", name),
                    "@type": "File",
                    "sha256": hashlib.sha256(content).hexdigest(),
                }
                for name, content in entries.items()
            ]
            archive.writestr(METADATA, json.dumps({"@graph": files}))
    return path


def refused(path: Path, tmp_path: Path) -> str:
    """Return in what words a zip is refused; nothing may have been unpacked."""
    before = set(tmp_path.rglob("*"))
    with pytest.raises(ReportError) as told:
        unpack(path, tmp_path / "there")
    assert set(tmp_path.rglob("*")) == before
    assert len(str(told.value).splitlines()) == 1
    return str(told.value)


@pytest.mark.parametrize(
    "name",
    [
        "/etc/passwd", "../up.csv", "data/../../up", "data/..", "data/.", "a\\..\\b", "plan.txt",
        "C:history.csv", "data/a/b.txt", "reports/history.csv", "history.csv/", "data/‮a",
        "sentences/../x.md", "sentences/x.py", "HISTORY.CSV", "history.csv\n",
    ],
)  # fmt: skip
def test_name_that_no_run_has_is_refused(tmp_path: Path, name: str) -> None:
    path = zipped(tmp_path / "x.zip", {"history.csv": b"1", zipfile.ZipInfo(name): b"x"})
    assert "expected" in refused(path, tmp_path)


def entry(name: str, mode: int) -> zipfile.ZipInfo:
    info = zipfile.ZipInfo(name)
    info.external_attr = mode << 16
    return info


@pytest.mark.parametrize("kind", [stat.S_IFLNK, stat.S_IFDIR, stat.S_IFIFO, stat.S_IFCHR])
def test_link_or_other_special_file_is_refused(tmp_path: Path, kind: int) -> None:
    path = zipped(tmp_path / "x.zip", {entry("history.csv", kind | 0o777): b"/etc/passwd"})
    assert "plain files" in refused(path, tmp_path)


@pytest.mark.filterwarnings("ignore:Duplicate name")
def test_same_name_twice_is_refused(tmp_path: Path) -> None:
    path = zipped(tmp_path / "x.zip", {"history.csv": b"1"}, ("history.csv", b"2"))
    assert "once" in refused(path, tmp_path)


def test_bomb_is_refused_before_it_is_read(tmp_path: Path) -> None:
    path = zipped(tmp_path / "x.zip", {"history.csv": bytes(20_000_000)})
    assert path.stat().st_size < 50_000
    assert "20,000,000 bytes" in refused(path, tmp_path)


def test_size_that_an_entry_hides_is_not_unpacked(tmp_path: Path) -> None:
    path = zipped(tmp_path / "x.zip", {"history.csv": bytes(20_000_000)})
    content = path.read_bytes().replace(struct.pack("<L", 20_000_000), struct.pack("<L", 10))
    path.write_bytes(content)
    assert "expected" in refused(path, tmp_path)


def test_more_files_than_a_run_has_are_refused(tmp_path: Path) -> None:
    path = zipped(tmp_path / "x.zip", {f"data/{number}": b"" for number in range(300)})
    assert "at most" in refused(path, tmp_path)


def test_encrypted_file_is_refused(tmp_path: Path) -> None:
    path = zipped(tmp_path / "x.zip", {"history.csv": b"12345"})
    content = bytearray(path.read_bytes())
    content[6] |= 1
    content[content.index(b"PK\x01\x02") + 8] |= 1
    path.write_bytes(content)
    assert "password" in refused(path, tmp_path)


@pytest.mark.parametrize("name", ["history.csv", "results.json", "report.ipynb", METADATA])
def test_data_that_would_fill_the_memory_are_refused(tmp_path: Path, name: str) -> None:
    path = tmp_path / "x.zip"
    with zipfile.ZipFile(path, "w") as archive:  # stored: no more than it seems
        archive.writestr(name, b"[[]," + b"[]," * 24_000_000 + b"[]]")
    assert "bytes in" in refused(path, tmp_path)


@pytest.mark.parametrize("name", [5, None, True])
def test_names_in_the_metadata_that_are_no_texts_are_refused(tmp_path: Path, name: object) -> None:
    files = [{"@type": "File", "@id": one, "sha256": ""} for one in ("history.csv", name)]
    graph = json.dumps({"@graph": files}).encode()
    path = zipped(tmp_path / "x.zip", {"history.csv": b"1", METADATA: graph}, told=False)
    assert "repacked" in refused(path, tmp_path)


@pytest.mark.parametrize("method", [zipfile.ZIP_BZIP2, zipfile.ZIP_LZMA])
def test_other_compression_is_refused(tmp_path: Path, method: int) -> None:
    info = zipfile.ZipInfo("history.csv")
    info.compress_type = method
    path = tmp_path / "x.zip"
    with zipfile.ZipFile(path, "w") as archive:
        archive.writestr(info, b"1" * 100, method)
    assert "stored or deflated" in refused(path, tmp_path)


@pytest.mark.parametrize(
    "spoil",
    [
        lambda content: content[: len(content) // 2],
        lambda content: b"",
        lambda content: b"no zip",
        lambda content: content.replace(b"what history.csv holds", b"what history.csv folds"),
    ],
)
def test_damaged_zip_is_refused_in_one_line(
    run: Path, tmp_path: Path, spoil: Callable[[bytes], bytes]
) -> None:
    archive = pack(run)
    archive.write_bytes(spoil(archive.read_bytes()))
    assert "my-run.zip" in refused(archive, tmp_path)


def repacked(run: Path, change: Callable[[dict[str, bytes]], object]) -> Path:
    """Pack a run, and change what is in the zip without renewing the metadata."""
    archive = pack(run)
    with zipfile.ZipFile(archive) as file:
        contents = {name: file.read(name) for name in file.namelist()}
    change(contents)
    return zipped(archive, contents, told=False)  # type: ignore[arg-type]


def test_file_that_is_not_what_the_metadata_say_is_named(run: Path, tmp_path: Path) -> None:
    archive = repacked(run, lambda files: files.update({"history.csv": b"1"}))
    assert "history.csv" in refused(archive, tmp_path)


@pytest.mark.parametrize("name", ["history.csv", METADATA])
def test_file_that_is_missing_is_named(run: Path, tmp_path: Path, name: str) -> None:
    assert name in refused(repacked(run, lambda files: files.pop(name)), tmp_path)


def test_file_that_the_metadata_do_not_name_is_named(run: Path, tmp_path: Path) -> None:
    archive = repacked(run, lambda files: files.update({"data/more.txt": b"1"}))
    assert "data/more.txt" in refused(archive, tmp_path)


def test_changed_weight_is_found_though_its_sha256_was_renewed(run: Path, tmp_path: Path) -> None:
    changed = tmp_path / "changed.npz"
    weights = np.zeros((3, 3))
    weights[1, 2] = 4.0
    np.savez(changed, W=weights)
    path = zipped(tmp_path / "x.zip", {"best_model.npz": changed.read_bytes()})
    unpack(path, tmp_path / "there")
    told = first_difference(tmp_path / "there" / "best_model.npz", run / "best_model.npz")
    assert told == "W[1, 2]: 4.0, made again 0.0"


class Evil:
    def __reduce__(self) -> tuple[object, tuple[str]]:
        return (open, ("pickle-was-run", "w"))  # type: ignore[return-value]


def test_pickle_in_a_model_is_not_run(
    run: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    evil = tmp_path / "evil.npz"
    np.savez(evil, W=np.array([Evil()], dtype=object))
    path = zipped(tmp_path / "x.zip", {"best_model.npz": evil.read_bytes()})
    unpack(path, tmp_path / "there")
    assert "expected a npz file" in first_difference(
        tmp_path / "there" / "best_model.npz", run / "best_model.npz"
    )
    assert not (tmp_path / "pickle-was-run").exists()
