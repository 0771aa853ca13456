"""The report's sentences: Markdown with Jinja, a file per section, a block per group of sentences.

``sections/loss.md`` holds the sentences of the section ``loss``::

    {% block caption %}
    Smooth loss for {{ epochs | g }} epochs, lowest {{ lowest | decimals }}.
    {% endblock %}

Whatever is not a number is escaped, so that no text, title or file name becomes markup.  A file
of the same name in a folder of the user's own takes the place of ours, block by block.
"""

import difflib
import math
import re
import traceback
from collections.abc import Callable, Iterable, Mapping
from pathlib import Path
from typing import Any

import jinja2

from rnn import ROOT
from rnn.errors import ReportError
from rnn.report.escaping import escape, pictured

__all__ = ["Markdown", "Sentences", "enumerated"]

_OURS = Path(__file__).parent / "sections"

#: A block tag at the end of a line of text: its line end is a blank between words.
_TAG_AT_END = re.compile(r"^(?!\s*\{%[^{}]*%\}$)(.*%\})$", re.MULTILINE)


class Markdown(str):
    """Text that is markup already and is not escaped again."""

    __slots__ = ()


def enumerated(items: Iterable[Any], word: str = "and") -> str:
    """Return 'a', 'a and b' or 'a, b and c'."""
    texts = [str(item) for item in items]
    return texts[0] if len(texts) == 1 else f"{', '.join(texts[:-1])} {word} {texts[-1]}"


def _power(number: float) -> str:
    """Write a number as mathematics: ``2.2 x 10^-6``."""
    if not math.isfinite(number):
        return str(number)
    digits, exponent = f"{number:.1e}".split("e")
    if number == 0 or -3 < int(exponent) < 3:
        return f"{number:.3g}"
    factor = "" if digits == "1.0" else rf"{digits} \cdot "
    return f"${factor}10^{{{int(exponent)}}}$"


def _separator(loop: Any, word: str = "and") -> str:
    """Return what stands behind an item of a Jinja loop: a comma, 'and', or nothing."""
    return "" if loop.last else f" {word} " if loop.revindex == 2 else ", "


#: How numbers are written, beside Jinja's own filters.
_FILTERS: dict[str, Callable[..., str]] = {
    "thousands": lambda number: f"{number:,}",
    "decimals": lambda number, places=4: f"{number:,.{places}f}",
    "g": lambda number, digits=6: f"{number:.{digits}g}",
    "short": lambda number: f"{number:.1e}",
    "percent": lambda share: "–" if math.isnan(share) else f"{share:.0%}",
    "nats": lambda loss: f"{loss:.4f} nats",
    "bits": lambda loss: f"{loss / math.log(2):.4f} bits",
    "count": lambda number, thing: f"{number:,} {thing}{'s' * (number != 1)}",
    "power": _power,
    "separator": _separator,
    "code": lambda text: f"`{''.join(x for x in str(text) if x.isalnum() or x in ' ._+-=')}`",
}


class Sentences:
    """The sentences of one report.

    Parameters
    ----------
    folder : str
        A folder with Markdown files that take the place of the project's own; relative to the
        working directory if it is there, else to the project's root.  Empty for none.

    Raises
    ------
    ReportError
        If there is no such folder, or a file in it has the name of no section.
    """

    def __init__(self, folder: str = "") -> None:
        self._folders = [_OURS]
        if folder:
            given = Path(folder).expanduser()
            own = given if given.is_dir() else ROOT / given
            if not own.is_dir():
                raise ReportError(f"text: expected a folder with Markdown files, got {folder!r}")
            known = [path.name for path in _OURS.glob("*.md")]
            for path in sorted(own.glob("*.md")):
                if path.name not in known:
                    raise ReportError(
                        f"text: expected files named after sections, got {path.name!r}; "
                        f"choose from {', '.join(_nearest(path.name, known))}"
                    )
            self._folders.insert(0, own)
        self._markdown, self._plain = _environment(escape), _environment(pictured)
        self._templates: dict[tuple[Path, bool], jinja2.Template] = {}

    def render(
        self, section: str, block: str, values: Mapping[str, Any], *, plain: bool = False
    ) -> str:
        """Return a block of sentences.

        Parameters
        ----------
        section, block : str
            The file's name without its suffix, and the block's.
        values : mapping
            The numbers and names that the sentences mention.
        plain : bool
            Whether the result is plain text, as for alternative texts, and not Markdown.

        Raises
        ------
        ReportError
            If a file has a mistake; it names the file and the line.
        """
        for folder in self._folders:
            path = folder / f"{section}.md"
            if not path.is_file():
                continue
            template = self._template(path, plain)
            if block in template.blocks:
                context = template.new_context(dict(values))
                try:
                    text = "".join(template.blocks[block](context))
                except ReportError:
                    raise
                except Exception as error:  # a template can fail in as many ways as any program
                    line = _line_of(template, path, error)
                    raise _mistake(path, error, line) from None
                return re.sub(r"\n{3,}", "\n\n", re.sub(r"[ \t]+$", "", text, flags=re.M)).strip()
        raise ReportError(f"{section}.md: expected a block named {block!r}, got none")

    def _template(self, path: Path, plain: bool) -> jinja2.Template:
        if (path, plain) not in self._templates:
            environment = self._plain if plain else self._markdown
            try:
                source = _TAG_AT_END.sub(r"\1 ", path.read_text(encoding="utf-8"))
                code = environment.compile(source, name=path.name, filename=str(path))
                template = jinja2.Template.from_code(environment, code, environment.globals)
            except (jinja2.TemplateSyntaxError, OSError, ValueError) as error:
                raise _mistake(path, error, getattr(error, "lineno", 1)) from None
            if path.parent != _OURS:
                known = list(self._template(_OURS / path.name, plain).blocks)
                for name in template.blocks:
                    if name not in known:
                        raise ReportError(
                            f"{path.name}: expected a block of ours, got {name!r}; choose from "
                            f"{', '.join(_nearest(name, known))}"
                        )
            self._templates[path, plain] = template
        return self._templates[path, plain]


def _environment(escaped: Callable[[object], str]) -> jinja2.Environment:
    def finalize(value: Any) -> Any:
        if isinstance(value, Markdown | jinja2.Undefined):
            return value
        return str(value) if isinstance(value, int | float) else escaped(value)

    def enumerate_items(items: Iterable[Any], word: str = "and") -> Markdown:
        return Markdown(enumerated(map(finalize, items), word))

    def written(filter_: Callable[..., str]) -> Callable[..., Markdown]:
        return lambda *arguments: Markdown(filter_(*arguments))

    environment = jinja2.Environment(
        trim_blocks=True,
        lstrip_blocks=True,
        undefined=jinja2.StrictUndefined,
        finalize=finalize,
    )
    environment.filters |= {name: written(filter_) for name, filter_ in _FILTERS.items()}
    environment.filters["enumerate"] = enumerate_items
    return environment


def _line_of(template: jinja2.Template, path: Path, error: Exception) -> int:
    """Return the line of a template that an error was raised in."""
    frames = traceback.extract_tb(error.__traceback__)
    lines = [frame.lineno or 1 for frame in frames if frame.filename == str(path)]
    return template.get_corresponding_lineno(lines[-1] if lines else 1)


def _mistake(path: Path, error: Exception, line: int) -> ReportError:
    reason = " ".join(str(error).split()) or type(error).__name__
    return ReportError(f"{path.name}, line {line}: expected Markdown with Jinja, got: {reason}")


def _nearest(name: str, known: list[str]) -> list[str]:
    return difflib.get_close_matches(name, known, 1) or sorted(known)
