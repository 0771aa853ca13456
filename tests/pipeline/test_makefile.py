"""What make runs, and what it leaves alone.

A project of empty files stands in for this one, and a shell script for its Python, which writes
down each step and makes the step's files.  The Makefile and rnn/pipeline are the real ones.
"""

import json
import os
import re
import shutil
import subprocess
import sys
import tempfile
import time
from pathlib import Path

import pytest

from rnn.pipeline.__main__ import look_around
from rnn.pipeline.parameters import written_values
from rnn.text.files import note_sum

ROOT = Path(__file__).resolve().parents[2]
MAKE = shutil.which("make") or "make"

NOTEBOOKS = ["01_gradient_check", "02_training_evolution", "03_best_model_sampling"]
CHECK, TRAINING, SAMPLE, RENDER = [*NOTEBOOKS, "render"]
COMPARE = "04_compare_runs"
SWEEP = "05_sweep"
PRETRAINED = ["best_model.npz", "results.json"]
#: Targets that are steps of others, not for a person to say.
STEPS = set("pages compared swept trained ready browser".split())

STAND_IN = f"""#!/bin/sh
case "$2" in
rnn.pipeline.execute)
    name=$(basename "$4" .ipynb)
    echo "$name" >> steps
    case " $FAILING " in *" $name "*) exit 1;; esac
    for word; do printf '%s\\n' "$word"; done > "$4";;
rnn.pipeline.sweep)
    echo trained >> steps
    echo "$GRID" > new; cmp -s new "$3/sweep.json" || cp new "$3/sweep.json";;
"import bokeh"*) ;;
*"import locate"*)
    echo located >> steps; echo text > "data/$3.txt";;
rnn.pipeline.verify|rnn.pipeline.handin)
    echo "$2 $3" >> steps;;
rnn.report.pages.render)
    echo render >> steps
    for word; do printf '%s\\n' "$word"; done > "$3/report.pdf"
    cp "$3/report.pdf" "$3/report.html";;
*)
    exec "{sys.executable}" "$@";;
esac
"""


class Project:
    """A copy of the pipeline in which every step is quick."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        for name in ("Makefile", "pyproject.toml", "requirements.lock", "LICENSE"):
            shutil.copy(ROOT / name, folder)
        shutil.copytree(ROOT / "rnn" / "pipeline", folder / "rnn" / "pipeline")
        (folder / "rnn" / "text").mkdir()
        for name in ("rnn/text/files.py", "rnn/text/books.toml", "rnn/errors.py"):
            shutil.copy(ROOT / name, folder / name)
        for name in (
            "rnn/__init__.py",
            "rnn/model.py",
            "rnn/kernels/products.py",
            "rnn/report/show.py",
            "rnn/report/lab/playground.py",
            "rnn/report/pages/render.py",
            "rnn/report/pages/templates/page.j2",
            "rnn/report/pages/templates/report-pdf/style.typ",
            "rnn/report/sections/loss.md",
            "rnn/report/templates/table.html",
            "rnn/report/sections/runs_curves.py",
            "rnn/report/sections/runs_curves.md",
            "rnn/report/sections/sweep.py",
            "data/saltmarrow.txt",
            *(f"notebooks/{name}.ipynb" for name in [*NOTEBOOKS, COMPARE, SWEEP]),
        ):
            (folder / name).parent.mkdir(parents=True, exist_ok=True)
            (folder / name).touch()
        python = folder / ".venv" / "bin" / "python"
        python.parent.mkdir(parents=True)
        python.write_text(STAND_IN)
        python.chmod(0o755)
        shutil.copy(folder / "requirements.lock", folder / ".venv" / "installed.lock")
        pyproject = (folder / "pyproject.toml").read_text()
        (folder / ".venv" / "installed.rnn").write_text(f"{folder}\n{pyproject}")
        self.run = folder / "reports" / "assignment"
        # What was made long ago must look older than what the test touches now.
        for path in folder.rglob("*"):
            os.utime(path, (1, 1), follow_symlinks=False)

    def make(
        self, *words: str, program: str = MAKE, **environment: str
    ) -> subprocess.CompletedProcess[str]:
        # What the make that runs the tests says to its own steps is not for this one.
        ours = ("MAKE", "MFLAGS", "CONDA", "PYTHON", "JUPYTER")
        clean = {name: text for name, text in os.environ.items() if not name.startswith(ours)}
        return subprocess.run(
            [program, *words],
            cwd=self.folder,
            env=clean | environment,
            capture_output=True,
            text=True,
            timeout=60,
        )

    def report(self, *words: str, **environment: str) -> list[str]:
        """Make the report, one step at a time; return the steps that were run."""
        return self.steps("report", "-j1", *words, **environment)

    def compare(self, *words: str) -> list[str]:
        """Compare the runs a and b, unless others are named; return the steps that were run."""
        return self.steps("compare", "RUNS=a b", *words)

    def steps(self, *words: str, **environment: str) -> list[str]:
        """Make something; return the steps that were run."""
        (self.folder / "steps").write_text("")
        done = self.make(*words, **environment)
        assert done.returncode == 0, done.stderr
        return (self.folder / "steps").read_text().split()

    def finish(self, *runs: str) -> None:
        """Leave what finished runs leave."""
        for run in runs:
            folder = self.folder / "reports" / run
            folder.mkdir(parents=True)
            for name in ("results.json", "history.csv"):
                (folder / name).touch()
                os.utime(folder / name, (1, 1))


@pytest.fixture
def project(tmp_path: Path) -> Project:
    return Project(tmp_path)


def test_make_alone_shows_every_target_and_variable(project: Project) -> None:
    makefile = (ROOT / "Makefile").read_text(encoding="utf-8")
    (phony,) = re.findall(r"^\.PHONY: (.*)", makefile, re.M)
    shown = project.make().stdout
    for target in set(phony.split()) - STEPS:
        assert re.search(rf"make {target} +\S", shown), target
    for variable in re.findall(r"^([A-Z_]+) =", makefile, re.M):
        assert re.search(rf"^  {variable}= +\S", shown, re.M), variable


def test_first_report_runs_every_step_in_order(project: Project) -> None:
    assert project.report() == [CHECK, TRAINING, SAMPLE, RENDER]


def test_second_report_runs_nothing(project: Project) -> None:
    project.report()
    assert project.report() == []


@pytest.mark.parametrize(
    ("said", "steps"),
    [
        ("CORPUS=goblet", [CHECK, TRAINING, SAMPLE, RENDER]),
        ("ENCODING=cp1252", [CHECK, TRAINING, SAMPLE, RENDER]),
        ("SEED=1", [CHECK, TRAINING, SAMPLE, RENDER]),
        ("SEEDS=2", [TRAINING, SAMPLE, RENDER]),
        ("CHECK_PARAMS=-p m 4", [CHECK, SAMPLE, RENDER]),
        ("PARAMS=-p m 200", [TRAINING, SAMPLE, RENDER]),
        ("PARAMS=-p m 200 -p cell 'lstm'", [CHECK, TRAINING, SAMPLE, RENDER]),
        ("SAMPLE_PARAMS=-p length 10", [SAMPLE, RENDER]),
        ("TITLE=Another", [RENDER]),
        ("AUTHOR=Somebody", [RENDER]),
        ("DATE=2026-01-01", [RENDER]),
    ],
)
def test_changed_variable_runs_what_depends_on_it(
    project: Project, said: str, steps: list[str]
) -> None:
    project.report()
    assert project.report(said) == steps
    assert project.report(said) == []
    assert project.report() == steps


@pytest.mark.parametrize(
    ("touched", "steps"),
    [
        ("rnn/model.py", [CHECK, TRAINING, SAMPLE, RENDER]),
        ("rnn/kernels/products.py", [CHECK, TRAINING, SAMPLE, RENDER]),
        ("rnn/report/show.py", [CHECK, TRAINING, SAMPLE, RENDER]),
        ("rnn/report/sections/loss.md", [CHECK, TRAINING, SAMPLE, RENDER]),
        ("rnn/report/templates/table.html", [CHECK, TRAINING, SAMPLE, RENDER]),
        ("rnn/report/pages/templates/page.j2", [RENDER]),
        ("rnn/report/pages/templates/report-pdf/style.typ", [RENDER]),
        ("rnn/report/pages/render.py", [RENDER]),
        ("rnn/report/lab/playground.py", []),
        ("notebooks/03_best_model_sampling.ipynb", [SAMPLE, RENDER]),
        ("data/saltmarrow.txt", [CHECK, TRAINING, SAMPLE, RENDER]),
        ("requirements.lock", []),
    ],
)
def test_touched_file_runs_what_depends_on_it(
    project: Project, touched: str, steps: list[str]
) -> None:
    project.report()
    (project.folder / touched).touch()
    assert project.report() == steps
    assert project.report() == []


@pytest.mark.parametrize("path", ["my own book.txt", "~/my own book.txt"])
def test_book_of_one_s_own_is_read_again_when_another_takes_its_place(
    project: Project, path: str
) -> None:
    book, home = project.folder / "my own book.txt", {"HOME": str(project.folder)}
    book.write_text("a text")
    all_steps = [CHECK, TRAINING, SAMPLE, RENDER]
    assert project.report(f"CORPUS={path}", **home) == all_steps
    assert project.report(f"CORPUS={path}", **home) == []
    for time_of_writing in (2_000_000_000, 1):  # an older one too
        os.utime(book, (time_of_writing, time_of_writing))
        assert project.report(f"CORPUS={path}", **home) == all_steps
        assert project.report(f"CORPUS={path}", **home) == []


@pytest.mark.parametrize("option", ["-f ", "-f", "--parameters_file ", "--parameters_file="])
def test_file_of_parameters_is_read_again_when_it_changes(project: Project, option: str) -> None:
    said = f"PARAMS={option}'my own.yaml'"
    (project.folder / "my own.yaml").write_text("m: 9")
    assert project.report(said) == [CHECK, TRAINING, SAMPLE, RENDER]
    assert project.report(said) == []
    (project.folder / "my own.yaml").write_text("m: 10")
    assert project.report(said) == [TRAINING, SAMPLE, RENDER]
    (project.folder / "my own.yaml").write_text("{m: 10, cell: lstm}")
    assert project.report(said) == [CHECK, TRAINING, SAMPLE, RENDER]


def test_line_end_that_moves_from_one_value_to_the_next_is_a_change(project: Project) -> None:
    project.report("AUTHOR=A\n\nB", "DATE=C")
    assert project.report("AUTHOR=A", "DATE=B\n\nC") == [RENDER]


def test_run_that_is_gone_on_from_is_looked_at_before_and_after(project: Project) -> None:
    project.finish("old")
    model, results = (project.folder / "reports/old" / name for name in PRETRAINED)
    results.write_text(json.dumps({"training": {"parameters": {"cell": "gru", "m": 9}}}))
    model.touch()
    os.utime(model, (1, 1))
    all_steps = [CHECK, TRAINING, SAMPLE, RENDER]
    assert project.report("FROM=old") == all_steps
    words = (project.run / f"{TRAINING}.ipynb").read_text().splitlines()
    assert words[words.index("from_run") + 1] == "old"
    words = (project.run / f"{CHECK}.ipynb").read_text().splitlines()
    assert words[words.index("--options") + 1].split() == ["-p", "cell", "gru"]
    assert project.report("FROM=old") == []
    model.touch()
    assert project.report("FROM=old") == [TRAINING, SAMPLE, RENDER]
    assert project.report(f"FROM={model.parent}") == [TRAINING, SAMPLE, RENDER], "by its folder"
    assert project.report() == all_steps


@pytest.mark.parametrize(
    ("name", "lacking"),
    [
        ("old", "best_model.npz"),
        ("nobody", "results.json"),
        ("~nobody-at-all", "results.json"),
        ("assignment", ""),
    ],
)
def test_run_that_cannot_be_gone_on_from_is_refused_in_one_line(
    project: Project, name: str, lacking: str
) -> None:
    project.finish("old")
    refused = project.make("report", f"FROM={name}")
    told = one_line(refused)
    assert refused.returncode and told.startswith("FROM: expected ") and lacking in told
    assert repr(name) in told and not project.run.exists()


def test_altered_model_is_not_gone_on_from(project: Project) -> None:
    project.finish("old")
    model = project.folder / "reports/old/best_model.npz"
    (model.parent / ".sums").touch()
    model.write_text("as the run left it")
    note_sum(model, model)
    assert project.report("FROM=old")
    model.write_text("edited")
    told = one_line(project.make("report", "FROM=old"))
    assert "old/best_model.npz: expected " in told and "make report RUN=old" in told


def test_lock_without_uv_says_what_to_install(project: Project) -> None:
    tools = project.folder / "tools"
    tools.mkdir()
    for name in ("sh", "env", "make", "test"):
        (tools / name).symlink_to(shutil.which(name) or "/bin/true")
    told = one_line(project.make("lock", PATH=str(tools)))
    assert told.startswith("lock: expected uv ") and "pip install uv" in told


def test_sentences_of_one_s_own_are_read_again_when_a_file_changes_comes_or_goes(
    project: Project,
) -> None:
    folder = project.folder / "my own text"
    folder.mkdir()
    first, second = folder / "loss.md", folder / "story.md"
    first.touch()
    os.utime(first, (1, 1))
    said, all_steps = f"TEXT={folder}", [CHECK, TRAINING, SAMPLE, RENDER]
    project.report()
    assert project.report(said) == all_steps
    assert project.report(said) == []
    words = (project.run / f"{SAMPLE}.ipynb").read_text().splitlines()
    assert words[words.index("text") + 1] == str(folder)
    first.touch()
    assert project.report(said) == all_steps
    second.touch()
    os.utime(second, (1, 1))
    assert project.report(said) == all_steps
    second.unlink()
    assert project.report(said) == all_steps
    assert project.report(said) == []


def test_failed_step_leaves_no_target_and_what_was_done_is_not_done_again(
    project: Project,
) -> None:
    failed = project.make("report", FAILING=TRAINING)
    assert failed.returncode != 0
    assert (project.run / f"{CHECK}.ipynb").exists()
    assert not (project.run / f"{TRAINING}.ipynb").exists()
    assert not (project.run / "report.pdf").exists()
    assert project.report() == [TRAINING, SAMPLE, RENDER]


def test_a_known_text_is_downloaded_first_so_that_a_second_make_does_nothing(
    project: Project,
) -> None:
    first = project.report("CORPUS=tinyshakespeare")
    assert first == ["located", CHECK, TRAINING, SAMPLE, RENDER]
    assert project.report("CORPUS=tinyshakespeare") == []
    assert project.report("CORPUS=goblet") == [CHECK, TRAINING, SAMPLE, RENDER]


def test_deleted_page_is_made_again(project: Project) -> None:
    project.report()
    (project.run / "report.html").unlink()
    assert project.report() == [RENDER]
    assert (project.run / "report.html").exists()


@pytest.mark.parametrize(("jobs", "begun"), [((), True), (("-j3",), True), (("-j1",), False)])
def test_training_begins_beside_the_gradient_check_unless_make_has_one_job(
    project: Project, jobs: tuple[str, ...], begun: bool
) -> None:
    assert project.make("report", *jobs, FAILING=CHECK).returncode != 0
    assert (TRAINING in (project.folder / "steps").read_text().split()) == begun
    assert SAMPLE not in (project.folder / "steps").read_text().split()


@pytest.mark.parametrize("variable", ["CHECK_PARAMS", "PARAMS", "SAMPLE_PARAMS"])
def test_unknown_parameter_is_refused_before_any_step_begins(
    project: Project, variable: str
) -> None:
    for name in NOTEBOOKS:
        cell = {"cell_type": "code", "source": ["m: int = 100  # hidden units"]}
        (project.folder / "notebooks" / f"{name}.ipynb").write_text(json.dumps({"cells": [cell]}))
    told = one_line(project.make("report", f"{variable}=-p m 5 -p n 6"))
    assert told.startswith(f"{variable}: n: expected a parameter of this notebook")
    assert not (project.folder / "steps").exists()
    assert project.report(f"{variable}=-p m 5")


def test_question_whether_all_is_done_changes_nothing(project: Project) -> None:
    project.report()
    assert project.make("-q", "report", "PARAMS=-p m 5").returncode == 1
    assert project.report() == []


def test_dry_run_names_the_steps_and_runs_none(project: Project) -> None:
    project.report()
    plan = project.make("-n", "report", "SAMPLE_PARAMS=-p length 10")
    assert f"{SAMPLE}.ipynb" in plan.stdout
    assert f"{TRAINING}.ipynb -d" not in plan.stdout
    assert project.report() == []
    assert project.report("SAMPLE_PARAMS=-p length 10") == [SAMPLE, RENDER]


def test_finished_run_is_packed_and_a_stale_or_unfinished_one_refused(project: Project) -> None:
    assert one_line(project.make("handin")).startswith("assignment: expected a finished run")
    project.report("PARAMS=-p m 9", "SEED=4")
    assert project.steps("handin") == ["rnn.pipeline.handin", "reports/assignment"]
    (project.folder / "rnn" / "model.py").touch()
    refused = project.make("handin")
    assert refused.returncode != 0
    assert "make report RUN=assignment" in one_line(refused)
    assert project.report("PARAMS=-p m 9", "SEED=4") == [CHECK, TRAINING, SAMPLE, RENDER]


def test_altered_run_is_not_packed(project: Project) -> None:
    project.report()
    model = project.run / "best_model.npz"
    model.write_text("a model")
    (project.run / ".sums").touch()
    note_sum(model, model)
    assert project.steps("handin") == ["rnn.pipeline.handin", "reports/assignment"]
    model.write_text("another")
    refused = one_line(project.make("handin"))
    assert refused.startswith("reports/assignment/best_model.npz: expected what a step left")


def test_point_of_a_sweep_that_is_not_finished_is_called_as_make_does(project: Project) -> None:
    point = project.run.parent / "size" / "m5"
    point.mkdir(parents=True)
    (point / "parameters.yaml").touch()
    for words in (("handin", "RUN=size/m5"), ("report", "FROM=size/m5")):
        assert "make report RUN=size/m5" in one_line(project.make(*words))


def test_comparison_is_verified_but_not_packed(project: Project) -> None:
    project.finish("a", "b")
    project.compare()
    assert project.steps("verify", "RUN=comparison")[-1] == "reports/comparison"
    assert project.steps("verify", "COMPARISON=comparison")[-1] == "reports/comparison"
    for named in ("RUN", "COMPARISON"):
        refused = project.make("handin", f"{named}=comparison")
        assert one_line(refused).startswith("RUN: expected a name")


def test_verify_is_given_the_run_s_folder_or_what_was_handed_in(project: Project) -> None:
    assert project.steps("verify", "RUN=wide") == ["rnn.pipeline.verify", "reports/wide"]
    assert project.steps("verify", "HANDIN=a b.zip") == ["rnn.pipeline.verify", "a", "b.zip"]
    assert one_line(project.make("verify", "RUN=../up")).startswith("RUN: expected a name")
    assert not (project.folder / "reports").exists()


HOSTILE = """It’s 5 $HOME $(shell touch bad) `touch bad` "q" \\n #1 %s & ; * 书 $$"""


def test_values_reach_the_steps_unharmed(project: Project) -> None:
    project.report(f"TITLE={HOSTILE}", f"AUTHOR={HOSTILE}", f"CORPUS={HOSTILE}")
    words = (project.run / "report.pdf").read_text(encoding="utf-8").splitlines()
    assert {f"--title={HOSTILE}", f"--author={HOSTILE}"} <= set(words)
    for name in (CHECK, TRAINING):
        words = (project.run / f"{name}.ipynb").read_text(encoding="utf-8").splitlines()
        assert words[words.index("corpus") + 1] == HOSTILE
    assert not list(project.folder.rglob("bad"))
    assert project.report(f"TITLE={HOSTILE}", f"AUTHOR={HOSTILE}", f"CORPUS={HOSTILE}") == []


def test_options_reach_the_training_as_one_text(project: Project) -> None:
    options = "-p m 200 -r corpus 'a book' -y '{eta: 1.0e-3}'"
    project.report(f"PARAMS={options}")
    words = (project.run / f"{TRAINING}.ipynb").read_text().splitlines()
    assert words[words.index("--options") + 1] == options


@pytest.mark.parametrize(
    "options",
    [
        "-p cell lstm -p m 200 -r layers 2 -p dropout 0.5",
        "-y '{cell: lstm, m: 200}' --parameters layers 2 --parameters_raw dropout 0.5",
        "--parameters_yaml='{cell: lstm, layers: 2}' -p dropout 0.5",
        "-f my.yaml",
        "-p cell lstm -y 'dropout: 0.5' --parameters_file=gru.yaml",
    ],
)
def test_the_check_takes_the_network_of_the_training_and_its_own_options_last(
    project: Project, options: str
) -> None:
    (project.folder / "my.yaml").write_text("# mine: {\ncell: lstm\nlayers: 2\ndropout: 0.5\n")
    (project.folder / "gru.yaml").write_text("{layers: 2, cell: gru}")
    project.report(f"PARAMS={options}", "CHECK_PARAMS=-p layers 3")
    words = (project.run / f"{CHECK}.ipynb").read_text().splitlines()
    taken = words[words.index("--options") + 1]
    assert taken == "-p cell lstm -p layers 2 -p dropout 0.5 -p layers 3"


@pytest.mark.parametrize("wrong", ["-f nowhere.yaml", "-y '{cell'", "-y text", "-p 'cell"])
def test_options_that_cannot_be_are_left_to_the_step_that_refuses_them(
    project: Project, wrong: str
) -> None:
    project.report(f"PARAMS={wrong}")
    words = (project.run / f"{TRAINING}.ipynb").read_text().splitlines()
    assert words[words.index("--options") + 1] == wrong


def without_caches(folder: Path) -> list[Path]:
    """Return all that is in a folder, but for compiled code."""
    return sorted(path for path in folder.rglob("*") if "__pycache__" not in path.parts)


def one_line(refused: subprocess.CompletedProcess[str]) -> str:
    """Return the one line that is not make's own."""
    lines = refused.stderr.splitlines()
    (told,) = [line for line in lines if not re.match(r"make(\[\d\])?: \*\*\* ", line)]
    return told


@pytest.mark.parametrize(
    "name", ["", "..", ".hidden", "-x", "a b", "a/b/c", "../up", "a:b", "a%b", "$HOME", "ä", "a'b"]
)
def test_run_that_is_no_plain_name_is_refused_in_one_line(project: Project, name: str) -> None:
    refused = project.make("report", f"RUN={name}")
    assert refused.returncode != 0
    assert one_line(refused).startswith("RUN: expected a name")
    assert not (project.folder / "reports").exists()


def test_runs_of_other_names_leave_each_other_alone(project: Project) -> None:
    project.report()
    assert project.report("RUN=wide-2.0_b") == [CHECK, TRAINING, SAMPLE, RENDER]
    assert project.report() == []
    assert project.make("clean").returncode == 0
    assert not project.run.exists()
    assert (project.folder / "reports" / "wide-2.0_b" / "report.pdf").exists()


def test_clean_deletes_what_was_named_and_nothing_else(project: Project) -> None:
    project.finish("a", "b")
    project.report()
    project.compare("COMPARISON=both")
    project.steps("sweep", "SWEEP=size", "GRID=m=5")
    reports = project.run.parent
    refused = project.make("clean", "SWEEP=size", "RUN=a")
    assert refused.returncode != 0 and "RUN" in one_line(refused) and "SWEEP" in one_line(refused)
    assert {path.name for path in reports.iterdir()} == {"a", "b", "assignment", "both", "size"}
    assert project.make("clean", "SWEEP=size").returncode == 0
    assert project.make("clean", "COMPARISON=both").returncode == 0
    assert {path.name for path in reports.iterdir()} == {"a", "b", "assignment"}
    assert project.make("clean").returncode == 0
    assert {path.name for path in reports.iterdir()} == {"a", "b"}


def test_clean_of_a_link_removes_the_link_alone(project: Project) -> None:
    project.finish("a")
    project.run.symlink_to("a")
    done = project.make("clean")
    assert done.returncode == 0 and str(project.run.parent / "a") in done.stdout
    assert not project.run.is_symlink() and (project.run.parent / "a" / "results.json").exists()


def test_second_make_of_a_run_says_who_holds_it_and_stops(project: Project) -> None:
    hold = (
        "import os; from pathlib import Path; from rnn.pipeline import hold;"
        "hold(Path('reports/assignment')); os.execvp('sleep', ['sleep', '60'])"
    )
    with subprocess.Popen([sys.executable, "-c", hold], cwd=project.folder) as holder:
        try:
            lock = project.run / ".lock"
            while not (lock.exists() and lock.read_text()):
                time.sleep(0.01)
            refused = project.make("report", "SEED=3")
            assert refused.returncode != 0
            assert f"process {holder.pid}" in refused.stderr.splitlines()[0]
            assert not (project.run / ".training.values").exists()
            assert project.report("RUN=other") == [CHECK, TRAINING, SAMPLE, RENDER]
        finally:
            holder.kill()
    assert project.report("SEED=3") == [CHECK, TRAINING, SAMPLE, RENDER]


@pytest.mark.skipif(sys.platform != "linux", reason="looks into /proc")
def test_process_that_was_given_the_number_of_a_dead_make_is_left_alone(project: Project) -> None:
    """Its number stands in the lock, but it has not opened it."""
    orphan(project, "import signal; signal.signal(15, lambda *_: sys.exit())")
    with subprocess.Popen([sys.executable, "-c", "import time; time.sleep(60)"]) as innocent:
        (project.run / ".lock").write_text(f"{innocent.pid} 999999999")
        assert project.make("report").returncode == 0
        assert innocent.poll() is None
        innocent.kill()


def orphan(project: Project, code: str) -> int:
    """Start a process that holds the run's folder as a step does whose make was killed."""
    step = f"import sys, time; {code}; open('started', 'w').write('x'); time.sleep(60)"
    start = (
        "import os, subprocess, sys; from pathlib import Path; from rnn.pipeline import hold;"
        "hold(Path('reports/assignment'));"
        f"step = subprocess.Popen([sys.executable, '-c', {step!r}], close_fds=False, stdout=-3);"
        "print(step.pid)"
    )
    done = subprocess.run(
        [sys.executable, "-c", start], cwd=project.folder, stdout=subprocess.PIPE, check=False
    )
    while not (project.folder / "started").exists():
        time.sleep(0.01)
    return int(done.stdout)


@pytest.mark.skipif(sys.platform != "linux", reason="looks into /proc")
def test_step_whose_make_was_killed_is_named_and_stopped_and_its_run_goes_on(
    project: Project,
) -> None:
    saves = "import signal; signal.signal(15, lambda *_: (open('saved', 'w'), sys.exit()))"
    step = orphan(project, saves)
    done = project.make("report")
    assert done.returncode == 0, done.stderr
    assert f"process {step} " in done.stdout.splitlines()[0]
    assert (project.folder / "saved").exists()
    assert project.report() == []


@pytest.mark.parametrize("variable", ["TITLE", "CORPUS", "TEXT", "PARAMS", "GRID", "SCHEDULER"])
def test_value_that_is_not_in_utf_8_is_refused_in_a_line(project: Project, variable: str) -> None:
    refused = project.make("report", f"{variable}={os.fsdecode(bytes([97, 255]))}")
    assert refused.returncode != 0
    assert one_line(refused).startswith(f"{variable}: expected ") and "UTF-8" in refused.stderr


def test_folder_for_temporary_files_that_cannot_be_is_refused_in_a_line(
    project: Project, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    def none() -> str:
        raise FileNotFoundError("no usable folder")

    monkeypatch.setattr(tempfile, "gettempdir", none)
    monkeypatch.setenv("TMPDIR", "/nowhere")
    with pytest.raises(SystemExit, match=r"^TMPDIR: expected .*, got /nowhere; "):
        look_around()


@pytest.mark.parametrize("mask", [0o777, 0o700, 0o277, 0o22, 0o77])
def test_umask_that_takes_ones_own_files_away_is_refused_in_a_line(mask: int) -> None:
    before = os.umask(mask)
    try:
        if mask & 0o700:
            with pytest.raises(SystemExit, match=r"^umask: expected .* run umask 022$"):
                look_around()
        else:
            look_around()
        assert os.umask(mask) == mask
    finally:
        os.umask(before)


@pytest.mark.parametrize("name", [".check.values", ".sums"])
def test_folder_in_the_place_of_a_file_is_named_and_what_to_do(project: Project, name: str) -> None:
    project.report()
    shutil.rmtree(project.run)
    (project.run / name).mkdir(parents=True)
    (project.run / name / "something of the user's").touch()
    refused = project.make("report")
    assert refused.returncode != 0
    assert one_line(refused).startswith(f"reports/assignment/{name}: expected ")
    assert "remove it" in refused.stderr
    assert (project.run / name / "something of the user's").exists()


def test_file_that_was_altered_is_named_and_its_step_run_again(project: Project) -> None:
    project.report()
    assert project.report() == []
    for name, step in ((f"{TRAINING}.ipynb", TRAINING), ("history.csv", TRAINING)):
        note_sum(project.run / name, project.run / f"{TRAINING}.ipynb")
        (project.run / name).write_text("something else")
        (project.folder / "steps").write_text("")
        done = project.make("report")
        assert f"reports/assignment/{name}: expected what a step left" in done.stdout
        assert (project.folder / "steps").read_text().split() == [step, SAMPLE, RENDER]


def test_settings_of_other_programs_do_not_reach_the_steps(project: Project) -> None:
    python = project.folder / ".venv" / "bin" / "python"
    python.write_text(python.read_text().replace("render)", "render)\n    env > variables", 1))
    names = ("MPLBACKEND", "MATPLOTLIBRC", "NUMBA_NUM_THREADS", "PYPANDOC_PANDOC")
    project.report(**dict.fromkeys(names, "nonsense"))
    assert "nonsense" not in (project.folder / "variables").read_text()


@pytest.mark.skipif(not shutil.which("bmake"), reason="no make of the BSDs")
def test_make_that_is_not_gnu_make_says_so_in_a_line(project: Project) -> None:
    done = project.make("report", program="bmake")
    # It may add where it works and where it stopped.
    (line,) = (line for line in (done.stderr + done.stdout).splitlines() if '" line ' in line)
    assert done.returncode != 0 and "expected GNU make" in line and "gmake" in line


def test_closing_lines_name_the_pages_and_the_numbers(project: Project) -> None:
    project.report()
    training = {
        "book": {"title": "A \x1b[31mBook", "characters": 1132470, "K": 81},
        "updates": 317086,
        "lowest_smooth_loss": 39.9815,
        "lowest_smooth_loss_update": 310000,
        "diverged": "",
    }
    (project.run / "results.json").write_text(json.dumps({"training": training}))
    (project.run / "speed.json").write_text(json.dumps({"seconds": 20.0, "updates": 317086}))
    lines = project.make("report").stdout.splitlines()
    assert lines[:2] == ["reports/assignment/report.pdf", "reports/assignment/report.html"]
    assert [line.split(maxsplit=1)[0] for line in lines[2:]] == [
        "book",
        "updates",
        "lowest",
        "speed",
    ]
    assert "1,132,470 characters, K = 81" in lines[2] and "\x1b" not in lines[2]
    assert "317,086" in lines[3]
    assert "39.9815 at update 310,000" in lines[4]
    assert "15,854 updates per second: 317,086 in 20.0 s" in lines[5]


def test_first_comparison_runs_its_notebook_and_a_second_one_nothing(project: Project) -> None:
    project.finish("a", "b")
    assert project.compare() == [COMPARE, RENDER]
    assert project.compare() == []
    words = (project.folder / "reports" / "comparison" / f"{COMPARE}.ipynb").read_text()
    assert "runs\na b\n" in words


@pytest.mark.parametrize(
    ("said", "steps"),
    [
        ("RUNS=b a", [COMPARE, RENDER]),
        ("TITLE=Another", [RENDER]),
        ("AUTHOR=Somebody", [RENDER]),
        ("DATE=2026-01-01", [RENDER]),
        ("COMPARISON=other", [COMPARE, RENDER]),
        ("SEED=1", []),
    ],
)
def test_changed_variable_compares_again_only_if_it_matters(
    project: Project, said: str, steps: list[str]
) -> None:
    project.finish("a", "b")
    project.compare()
    assert project.compare(said) == steps
    assert project.compare(said) == []


@pytest.mark.parametrize(
    ("touched", "steps"),
    [
        ("reports/a/history.csv", [COMPARE, RENDER]),
        ("reports/b/results.json", [COMPARE, RENDER]),
        ("notebooks/04_compare_runs.ipynb", [COMPARE, RENDER]),
        ("rnn/model.py", [COMPARE, RENDER]),
        ("rnn/report/sections/runs_curves.md", [COMPARE, RENDER]),
        ("rnn/report/pages/render.py", [RENDER]),
        ("notebooks/02_training_evolution.ipynb", []),
        ("data/saltmarrow.txt", []),
    ],
)
def test_touched_file_compares_again_only_if_it_matters(
    project: Project, touched: str, steps: list[str]
) -> None:
    project.finish("a", "b")
    project.compare()
    (project.folder / touched).touch()
    assert project.compare() == steps
    assert project.compare() == []


def test_code_of_comparisons_alone_makes_no_run_again(project: Project) -> None:
    project.report()
    for suffix in (".py", ".md"):
        (project.folder / "rnn" / "report" / "sections" / f"runs_curves{suffix}").touch()
    (project.folder / "notebooks" / f"{COMPARE}.ipynb").touch()
    assert project.report() == []


def test_comparison_has_a_title_of_its_own_unless_one_is_said(project: Project) -> None:
    page = project.folder / "reports" / "comparison" / "report.pdf"
    project.finish("a", "b")
    project.compare()
    assert "--title=Runs compared" in page.read_text().splitlines()
    project.compare(f"TITLE={HOSTILE}")
    assert f"--title={HOSTILE}" in page.read_text(encoding="utf-8").splitlines()
    assert not list(project.folder.rglob("bad"))


def test_report_and_comparison_said_together_have_each_its_title(project: Project) -> None:
    project.finish("a", "b")
    words = ("-j2", "report", "compare", "RUNS=a b")
    assert sorted(project.steps(*words)) == sorted([*NOTEBOOKS, COMPARE, RENDER, RENDER])
    for name, title in (("assignment", "Training a ch"), ("comparison", "Runs compared")):
        page = (project.folder / "reports" / name / "report.pdf").read_text()
        assert f"--title={title}" in page
    assert project.steps(*words) == []
    assert project.report() == project.compare() == []


def test_comparison_s_closing_lines_name_its_pages(project: Project) -> None:
    project.finish("a", "b")
    done = project.make("compare", "RUNS=a b", "COMPARISON=two")
    assert done.stdout.splitlines()[-2:] == ["reports/two/report.pdf", "reports/two/report.html"]


def test_failed_comparison_leaves_no_target(project: Project) -> None:
    project.finish("a", "b")
    assert project.make("compare", "RUNS=a b", FAILING=COMPARE).returncode != 0
    folder = project.folder / "reports" / "comparison"
    assert not list(folder.glob("*.ipynb")) and not list(folder.glob("report.*"))
    assert project.compare() == [COMPARE, RENDER]


@pytest.mark.parametrize("missing", ["results.json", "history.csv", ""])
def test_run_that_is_not_there_is_named_with_what_makes_it(project: Project, missing: str) -> None:
    project.finish("a", "wide")
    gone = project.folder / "reports" / "wide" / missing
    gone.unlink() if missing else shutil.rmtree(gone)
    refused = project.make("compare", "RUNS=a wide")
    assert refused.returncode != 0
    told = one_line(refused)
    assert told.startswith("wide: ") and "make report RUN=wide" in told
    assert not (project.folder / "reports" / "comparison").exists()


@pytest.mark.parametrize(
    ("words", "told"),
    [
        ("", "RUNS: expected the names of at least two runs, got ''; choose from a b"),
        ("RUNS=a", "RUNS: expected the names of at least two runs"),
        ("RUNS=a b a", "RUNS: expected every run once"),
        ("RUNS=a ../b", "RUNS: expected a name of letters"),
        ("RUNS=a $(shell touch bad)", "RUNS: expected a name of letters"),
        ("RUNS=a .b", "RUNS: expected a name of letters"),
        ("RUNS=a -b", "RUNS: expected a name of letters"),
        ("RUNS=a b%", "RUNS: expected a name of letters"),
        ("RUNS=a b;c", "RUNS: expected a name of letters"),
        ("RUNS=a b COMPARISON=a", "COMPARISON: expected a name that no run has"),
        ("RUNS=a b COMPARISON=begun", "COMPARISON: expected a name that no run has"),
        ("RUNS=a b COMPARISON=assignment", "COMPARISON: expected a name that no run has"),
        ("RUNS=a b COMPARISON=", "COMPARISON: expected a name of letters"),
        ("RUNS=a b COMPARISON=../up", "COMPARISON: expected a name of letters"),
        ("RUNS=a b COMPARISON=x y", "COMPARISON: expected a name of letters"),
        ("RUNS=a b COMPARISON=.x", "COMPARISON: expected a name of letters"),
    ],
)
def test_comparison_of_what_cannot_be_is_refused_in_one_line(
    project: Project, words: str, told: str
) -> None:
    project.finish("a", "b")
    begun = project.folder / "reports" / "begun"
    begun.mkdir()
    (begun / ".training.values").touch()
    before = without_caches(project.folder)
    refused = project.make("compare", *re.split(r" (?=COMPARISON)", words) if words else [])
    assert refused.returncode != 0
    assert one_line(refused).startswith(told)
    assert without_caches(project.folder) == before


def test_run_is_not_made_into_the_folder_of_a_comparison(project: Project) -> None:
    project.finish("a", "b")
    project.compare()
    refused = project.make("report", "RUN=comparison")
    assert refused.returncode != 0
    assert one_line(refused).startswith("RUN: expected a name that no comparison has")
    assert project.make("clean", "RUN=comparison").returncode == 0
    assert project.report("RUN=comparison") == [CHECK, TRAINING, SAMPLE, RENDER]


def test_sweep_trains_first_and_makes_its_page_again_only_if_something_is_new(
    project: Project,
) -> None:
    said = ("sweep", "SWEEP=size", "GRID=m=5,7")
    assert project.steps(*said) == ["trained", SWEEP, RENDER]
    assert project.steps(*said) == ["trained"]
    larger = ("sweep", "SWEEP=size", "GRID=m=5,7,9")
    assert project.steps(*larger) == ["trained", SWEEP, RENDER]
    assert project.steps(*larger, "TEXT=.") == ["trained", SWEEP, RENDER]
    page = project.run.parent / "size" / "report.pdf"
    assert "--title=A sweep over settings" in page.read_text()
    # It changes no run.
    project.report()
    (project.folder / "rnn/report/sections/sweep.py").touch()
    assert project.report() == []


@pytest.mark.parametrize(
    ("run", "options"),
    [("size/m5", ""), ("mine", "-f reports/size/m5/parameters.yaml ")],
)
def test_report_of_a_sweep_s_point_has_the_values_of_its_training(
    project: Project, run: str, options: str
) -> None:
    point = project.run.parent / "size" / "m5"
    point.mkdir(parents=True)
    values = {"corpus": "mine $x.txt", "encoding": "cp1252", "seed": 4, "m": 5, "seeds": 2}
    (point / "parameters.yaml").write_bytes(written_values(values | {"cell": "gru"}))
    text, folder = project.folder / "mine $x.txt", project.run.parent / run
    text.touch()
    said = (f"RUN={run}", f"PARAMS={options}-p epochs 2", "SEED=0", "CORPUS=goblet")
    assert project.report(*said) == [CHECK, TRAINING, SAMPLE, RENDER]
    told = {step: (folder / f"{step}.ipynb").read_text().splitlines() for step in NOTEBOOKS}
    assert told[TRAINING][-1] == "-f reports/size/m5/parameters.yaml -p epochs 2"
    assert told[CHECK][-1].split() == ["-p", "cell", "gru"]
    for step, names in ((CHECK, ["corpus", "encoding", "seed"]), (TRAINING, ["corpus", "seeds"])):
        for name in names:
            assert told[step][told[step].index(name) + 1] == str(values[name])
    assert told[SAMPLE][told[SAMPLE].index("seed") + 1] == "4"
    assert project.report(*said) == []
    os.utime(text, (1, 1))
    assert project.report(*said) == [CHECK, TRAINING, SAMPLE, RENDER]
    assert project.make("clean", f"RUN={run}").returncode == 0 and not folder.exists()


@pytest.mark.parametrize(
    ("words", "told"),
    [
        ("sweep SWEEP=a", "SWEEP: expected a name that no run has"),
        ("sweep SWEEP=assignment", "SWEEP: expected a name that no run has"),
        ("sweep SWEEP=../up", "SWEEP: expected a name of letters"),
        ("report RUN=size", "RUN: expected a name that no comparison has, nor a sweep"),
        ("report RUN=size/m6", "RUN: expected a point of the sweep"),
        ("report RUN=size/../a", "RUN: expected a name of letters"),
    ],
)
def test_what_sweeps_and_runs_cannot_share_is_refused_in_one_line(
    project: Project, words: str, told: str
) -> None:
    project.finish("a")
    project.steps("sweep", "SWEEP=size", "GRID=m=5")
    refused = project.make(*words.split())
    assert refused.returncode != 0 and one_line(refused).startswith(told)


def stand_in_python(folder: Path, name: str, code: str) -> str:
    path = folder / name
    path.write_text(f"#!/bin/sh\n{code}\n")
    path.chmod(0o755)
    return str(path)


def test_python_too_old_is_told_in_one_line(project: Project) -> None:
    shutil.rmtree(project.folder / ".venv")
    old = stand_in_python(project.folder, "old", "exit 1")
    refused = project.make("report", f"PYTHON={old}")
    assert "set-up: expected Python 3.11 or newer" in refused.stderr + refused.stdout
    assert "apt install python3" in refused.stderr + refused.stdout
    assert not (project.folder / ".venv").exists()


def test_missing_venv_module_is_told_in_one_line(project: Project) -> None:
    shutil.rmtree(project.folder / ".venv")
    code = (
        "import runpy, sys; sys.modules['ensurepip'] = None; "
        "runpy.run_module('rnn.pipeline', run_name='__main__')"
    )
    real = f'shift 2; exec "{sys.executable}" -c "{code}" "$@"'
    bare = stand_in_python(project.folder, "bare", f'test "$1" != -m || {{ {real}; }}')
    tools = project.folder / "bin"
    tools.mkdir()
    (tools / "sh").symlink_to(str(shutil.which("sh")))
    refused = project.make("report", f"PYTHON={bare}", PATH=str(tools))
    assert "set-up: expected the module venv" in refused.stderr + refused.stdout
    assert "python3-venv" in refused.stderr + refused.stdout
    assert not (project.folder / ".venv").exists()


@pytest.mark.parametrize("lacking", ["sys.version_info = (3, 10)", "sys.modules['pip'] = None"])
def test_venv_that_nothing_can_be_installed_into_is_told_in_one_line(
    project: Project, lacking: str
) -> None:
    tools, python = project.folder / "bin", project.folder / ".venv" / "bin" / "python"
    tools.mkdir()
    for name in ("sh", "test"):
        (tools / name).symlink_to(str(shutil.which(name)))
    code = f'test "$1" != -c || exec "{sys.executable}" -c "import sys; {lacking}; $2"'
    stand_in_python(python.parent, "python", f'{code}\nexec "{sys.executable}" "$@"')
    (project.folder / ".venv" / "installed.lock").unlink()
    told = one_line(project.make("report", PATH=str(tools)))
    assert told.startswith("set-up: expected Python 3.11 or newer in .venv")
    assert "remove .venv" in told


STAND_IN_UV = """echo "$@" >> uv.log
test "$1" != venv || { mkdir -p .venv/bin && mv python .venv/bin/python; }
"""


def test_set_up_is_done_once_and_again_only_after_a_change(project: Project) -> None:
    folder = project.folder
    (folder / ".venv" / "bin" / "python").rename(folder / "python")
    shutil.rmtree(folder / ".venv")
    (folder / "bin").mkdir()
    stand_in_python(folder / "bin", "uv", STAND_IN_UV)
    path = f"{folder / 'bin'}:{os.environ['PATH']}"

    def installed() -> list[str]:
        """Set up; return what uv was told to do."""
        (folder / "uv.log").write_text("")
        assert project.make("ready", f"PYTHON={sys.executable}", PATH=path).returncode == 0
        return (folder / "uv.log").read_text().splitlines()

    venv, lock, project_itself = installed()
    assert venv.startswith("venv ") and sys.executable in venv
    assert "--require-hashes" in lock and lock.endswith("-r requirements.lock")
    assert project_itself.endswith("--editable .")
    assert installed() == []
    (folder / "requirements.lock").touch()
    assert installed() == []
    (folder / "pyproject.toml").write_text("[project]")
    assert installed() == [project_itself]
    (folder / "requirements.lock").write_text("another")
    assert installed() == [lock, project_itself]


def test_dry_run_sets_nothing_up(project: Project) -> None:
    shutil.rmtree(project.folder / ".venv")
    before = without_caches(project.folder)
    assert project.make("-n", "report", f"PYTHON={sys.executable}").returncode == 0
    assert without_caches(project.folder) == before


def conda(project: Project) -> dict[str, str]:
    """Return the variables of an active conda environment whose Python is this one."""
    shutil.rmtree(project.folder / ".venv")
    prefix = project.folder / "my conda" / "env"
    (prefix / "bin").mkdir(parents=True)
    stand_in_python(prefix / "bin", "python", STAND_IN.split("\n", 1)[1])
    return {"CONDA_PREFIX": str(prefix), "CONDA_DEFAULT_ENV": "some-env"}


def test_active_conda_environment_is_used_and_nothing_installed_into_it(
    project: Project,
) -> None:
    active = conda(project)
    before = sorted(Path(active["CONDA_PREFIX"]).rglob("*"))
    assert project.report(**active) == [CHECK, TRAINING, SAMPLE, RENDER]
    assert sorted(Path(active["CONDA_PREFIX"]).rglob("*")) == before
    assert not (project.folder / ".venv").exists()
    (told,) = (project.folder / ".cache" / "rnn").glob("rnn-*.dist-info/entry_points.txt")
    assert "report-pdf" in told.read_text()
    assert project.report(**active) == []


def test_what_a_conda_environment_lacks_is_told_in_one_line(project: Project) -> None:
    active = conda(project)
    pyproject = project.folder / "pyproject.toml"
    text = pyproject.read_text().replace('"numba >=', '"nonesuch >=1.0", "numba >=99')
    pyproject.write_text(text)
    refused = project.make("report", **active)
    assert refused.returncode != 0
    told = refused.stderr.splitlines()[0]
    assert "nonesuch >=1.0" in told and "numba >=99" in told and "numpy" not in told
    assert "conda env update -f environment.yml" in told


def test_base_environment_of_conda_is_not_used(project: Project) -> None:
    base = {"CONDA_PREFIX": "/nowhere", "CONDA_DEFAULT_ENV": "base"}
    assert project.report(**base) == [CHECK, TRAINING, SAMPLE, RENDER]
