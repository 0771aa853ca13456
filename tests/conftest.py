"""What the tests share: Chromium where it is installed, and a word where it is not."""

import shutil
from typing import Any

import pytest

CHROMIUM = next(filter(None, map(shutil.which, ("chromium", "chromium-browser"))), None)


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    if CHROMIUM is None:
        for item in items:
            if item.get_closest_marker("browser"):
                item.add_marker(pytest.mark.skip(reason="no Chromium on PATH"))


def pytest_terminal_summary(terminalreporter: Any) -> None:
    left_out = [
        report
        for report in terminalreporter.stats.get("skipped", [])
        if "no Chromium" in str(report.longrepr)
    ]
    if left_out:
        terminalreporter.write_line(
            f"left out: {len(left_out)} tests in a browser, for want of Chromium on PATH"
        )


@pytest.fixture
def chromium() -> str:
    """Return the path of Chromium; for tests marked ``browser``."""
    assert CHROMIUM is not None
    return CHROMIUM
