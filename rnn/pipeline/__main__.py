"""What make starts with: ``python -m rnn.pipeline PYTHON report|compare|clean|ready|browser|help``.

It and what it imports run before anything is installed, with the standard library alone.
"""

import os
import re
import shutil
import signal
import sys
from collections.abc import Mapping
from pathlib import Path

from rnn.pipeline import set_up, values
from rnn.pipeline.locks import hold


def main(python: str, verb: str, *command: str) -> None:
    """Do what the second word says; the words after it are the command that goes on."""
    if verb == "report":
        go_on(python, values.run_folder(), values.RUN, *command)
    elif verb == "compare":
        go_on(python, values.comparison_folder(), values.COMPARISON, *command)
    elif verb == "clean":
        folder = values.run_folder(new=False)
        hold(folder)
        shutil.rmtree(folder)
    elif verb == "help":
        show_help()
    elif verb == "browser":
        set_up.add_browser(python)
    else:
        set_up.prepare(python)


def go_on(python: str, folder: Path, stamps: Mapping[str, tuple[str, ...]], *command: str) -> None:
    """Set up, hold the folder, write its stamps, and let make take this process's place."""
    flags = os.environ.get("MAKEFLAGS", "").split(" ")[0]
    if "n" in flags and not set("-=") & set(flags) and not set_up.is_ready(python):
        print("set-up: comes first")
        return
    set_up.prepare(python)
    hold(folder)
    # What make is told here holds for the stamps too.
    os.environ |= dict(word.split("=", 1) for word in command if "=" in word)
    values.write_stamps(folder, stamps)
    # Python ignores this signal, and what a process ignores its successor does too.
    signal.signal(signal.SIGPIPE, signal.SIG_DFL)
    os.execvp(command[0], [*command, f"out={folder}"])


def show_help() -> None:
    """Show the targets and variables of the Makefile, each with the comment above it."""
    makefile = Path("Makefile").read_text(encoding="utf-8")
    print("Targets:")
    for text, target in re.findall(r"^## (.*)\n([\w-]+):", makefile, re.M):
        print(f"  make {target:<14} {text}")
    print("\nVariables, with their defaults:")
    for text, name, default in re.findall(r"^## (.*)\n(\w+) = ?(.*)", makefile, re.M):
        print(f"  {name + '=':<15} {text}{default and f'  [{default}]'}")


if __name__ == "__main__":
    try:
        main(*sys.argv[1:])
    except KeyboardInterrupt:
        sys.exit(130)
