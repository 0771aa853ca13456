"""What the tests share: Chromium where it is installed, and a word where it is not."""

import os
import re
import shutil
from collections.abc import Generator
from importlib.util import find_spec
from typing import Any

import pytest

import rnn.report.pages  # noqa: F401  (first, see there: nbformat takes a second less)

CHROMIUM = next(filter(None, map(shutil.which, ("chromium", "chromium-browser"))), None)

#: What a machine lacks for the tests in a browser.
LACKING = (
    "no Chromium on PATH"
    if CHROMIUM is None
    else "no Playwright in this Python"
    if find_spec("playwright") is None
    else None
)


def pytest_collection_modifyitems(config: pytest.Config, items: list[pytest.Item]) -> None:
    # Whoever does not ask for what takes an hour does not want it.
    for name in ("kills", "exhaustive"):
        if name not in config.option.markexpr:
            items[:] = [item for item in items if not item.get_closest_marker(name)]
    # Where everything is to be looked at, what cannot be looked at is a failure.
    if LACKING is None or os.environ.get("CI"):
        return
    for item in items:
        if item.get_closest_marker("browser"):
            item.add_marker(pytest.mark.skip(reason=LACKING))


def pytest_terminal_summary(terminalreporter: Any) -> None:
    skipped = terminalreporter.stats.get("skipped", [])
    left_out = [report for report in skipped if LACKING and LACKING in str(report.longrepr)]
    if left_out:
        terminalreporter.write_line(
            f"left out: {len(left_out)} tests in a browser, for want of "
            f"{str(LACKING).removeprefix('no ')}"
        )


@pytest.hookimpl(wrapper=True)
def pytest_runtest_makereport(
    item: pytest.Item,
) -> Generator[None, pytest.TestReport, pytest.TestReport]:
    """Keep what the browser showed when a test failed, and say where."""
    report = yield
    lab = getattr(item, "funcargs", {}).get("lab")
    if lab is not None and report.when == "call" and report.failed:
        name = re.sub(r"\W+", "-", item.name)
        kept = lab.keep(item.funcargs["kept"] / name)  # type: ignore[attr-defined]
        report.sections.append(("browser", f"the screenshot and the console are in {kept}"))
    return report


@pytest.fixture(scope="session")
def chromium() -> str:
    """Return the path of Chromium; for tests marked ``browser``."""
    assert LACKING is None, f"{LACKING}; run apt install chromium, and make test-browser"
    assert CHROMIUM is not None
    return CHROMIUM


@pytest.fixture
def embedded_fonts_alone(monkeypatch: pytest.MonkeyPatch) -> Generator[None, None, None]:
    """Let no other font be found, whatever this machine has."""
    from rnn.report import fonts

    monkeypatch.setattr(fonts, "_candidates", lambda folders: [])
    fonts._borrowed.cache_clear()
    yield
    fonts._borrowed.cache_clear()
