"""The report's sentences: Markdown with Jinja, a file per section, a block per group of sentences.

``sections/loss.md`` holds the sentences of the section ``loss``::

    {% block caption %}
    Smooth loss for {{ epochs | g }} epochs, lowest {{ lowest | decimals }}.
    {% endblock %}

Whatever is not a number is escaped, so that no text, title or file name becomes markup.  A file of
the same name in a folder of the user's own takes the place of ours, block by block; in it
``{{ super() }}`` is what ours says.
"""

import math
import re
import traceback
from collections.abc import Callable, Iterable, Mapping
from pathlib import Path
from typing import Any

import jinja2

from rnn import ROOT
from rnn.errors import ReportError, one_of
from rnn.report.escaping import escape, pictured

__all__ = ["Markdown", "Sentences", "enumerated"]

_OURS = Path(__file__).parent / "sections"

_TAG = r"\{%(?:(?!%\}).)*%\}|\{#(?:(?!#\}).)*#\}"
#: Lines that hold nothing but tags and leave no line behind.
_ONLY_TAGS = re.compile(rf"^[ \t]*((?:(?:{_TAG})[ \t]*)+)\n", re.MULTILINE | re.DOTALL)
#: A sentence that ends with a value at the beginning of a line: a number would make a list of it.
_LIKE_A_LIST = re.compile(r"(?<=\S)\n[ \t]*\{\{([^{}]*\}\}[.)]\s)")

Filter = Callable[..., str]


class Markdown(str):
    """Text that is markup already and is not escaped again."""

    __slots__ = ()


def enumerated(items: Iterable[Any], word: str = "and") -> str:
    """Return 'a', 'a and b' or 'a, b and c'."""
    *first, last = [str(item) for item in items] or [""]
    return f"{', '.join(first)} {word} {last}" if first else last


def _separator(loop: Any, word: str = "and") -> str:
    """Return what stands behind an item of a Jinja loop: a comma, 'and', or nothing."""
    return "" if loop.last else f" {word} " if loop.revindex == 2 else ", "


def _count(number: int, thing: str, things: str = "") -> str:
    """Return '1 epoch' or '2 epochs'; with a plural of its own, '2 epoker'."""
    return f"{number:,} {thing if number == 1 else things or thing + 's'}"


def _percent(share: float) -> str:
    """Return a share in whole percent, or a dash where there is none."""
    return "–" if math.isnan(share) else f"{share:.0%}"


def _power(number: float) -> str:
    """Write a number as mathematics: ``2.2 x 10^-6``."""
    digits, exponent = f"{number:.1e}".split("e")
    if number == 0 or -3 < int(exponent) < 3:
        return f"{number:.3g}"
    factor = "" if digits == "1.0" else rf"{digits} \cdot "
    return f"${factor}10^{{{int(exponent)}}}$"


def _code(text: object) -> str:
    """Write data as code, which no backtick in it can end."""
    shown = pictured(text) or " "
    fence = "`" * (1 + max(map(len, re.findall("`+", shown)), default=0))
    space = " " * ("`" in shown)
    return f"{fence}{space}{shown}{space}{fence}"


def _finite(write: Filter) -> Filter:
    """Let a filter for numbers write those that are none as ``NaN`` or ``∞``."""

    def written(number: float, *arguments: Any, **options: Any) -> str:
        if math.isfinite(number):
            return write(number, *arguments, **options)
        return "NaN" if math.isnan(number) else "∞" if number > 0 else "−∞"

    return written


_FILTERS: dict[str, Filter] = {
    "thousands": _finite(lambda number: f"{number:,}"),
    "decimals": _finite(lambda number, places=4: f"{number:,.{places}f}"),
    "g": _finite(lambda number, digits=6: f"{number:.{digits}g}"),
    "short": _finite(lambda number: f"{number:.1e}"),
    "percent": _percent,
    "nats": _finite(lambda loss: f"{loss:.4f} nats"),
    "bits": _finite(lambda loss: f"{loss / math.log(2):.4f} bits"),
    "count": _count,
    "separator": _separator,
}
#: Those that write one thing as Markdown and another as plain text.
_MARKDOWN: dict[str, Filter] = {
    "code": _code,
    "emphasis": lambda text: f"*{escape(text)}*",
    "power": _finite(_power),
}
_PLAIN: dict[str, Filter] = {
    "code": str,
    "emphasis": str,
    "power": _finite(lambda number: f"{number:.2g}"),
}


class _Environment(jinja2.Environment):
    """Jinja in which macros, set blocks and ``super()`` give what is markup already."""

    @staticmethod
    def concat(parts: Iterable[str]) -> Markdown:
        return Markdown("".join(parts))


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
        If there is no such folder, a file in it has the name of no section, a block the name of
        none of ours, or Jinja cannot read it.
    """

    def __init__(self, folder: str = "") -> None:
        self._environments = {plain: _environment(plain) for plain in (False, True)}
        self._templates: dict[tuple[Path, bool], jinja2.Template] = {}
        self._own: Path | None = None
        if folder:
            given = Path(folder).expanduser()
            self._own = given if given.is_dir() else ROOT / given
            if not self._own.is_dir():
                raise ReportError(
                    f"text: expected a folder with Markdown files, got {folder!r}; "
                    "choose one that exists"
                )
            known = sorted(path.name for path in _OURS.glob("*.md"))
            for path in sorted(self._own.glob("*.md")):
                ours = self._template(_OURS / one_of("text", path.name, known), plain=False)
                blocks = self._template(path, plain=False).blocks
                for block in blocks:
                    one_of(f"{_name(path)}: block", block, ours.blocks)
                if not blocks:
                    raise ReportError(
                        f"{_name(path)}: expected sentences in blocks, got none; write them "
                        "between {% block NAME %} and {% endblock %}"
                    )

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
        path = _OURS / f"{section}.md"
        context = self._template(path, plain).new_context(dict(values))
        one_of(f"{_name(path)}: block", block, context.blocks)
        if self._own and (self._own / path.name).is_file():
            for name, function in self._template(self._own / path.name, plain).blocks.items():
                context.blocks[name].insert(0, function)
        try:
            text = _Environment.concat(context.blocks[block][0](context))
        except Exception as error:  # a template can fail in as many ways as any program
            raise self._mistake(error, values) from None
        return re.sub(r"\n{3,}", "\n\n", re.sub(r"[ \t]+$", "", text, flags=re.M)).strip()

    def _template(self, path: Path, plain: bool) -> jinja2.Template:
        if (path, plain) not in self._templates:
            environment = self._environments[plain]
            try:
                source = _ONLY_TAGS.sub(_joined, path.read_text(encoding="utf-8"))
                source = _LIKE_A_LIST.sub(r" {{\n\1", source)
                code = environment.compile(source, name=path.name, filename=str(path))
            except (jinja2.TemplateSyntaxError, OSError, ValueError) as error:
                raise _told(path, getattr(error, "lineno", 1), error) from None
            self._templates[path, plain] = jinja2.Template.from_code(
                environment, code, environment.make_globals(None)
            )
        return self._templates[path, plain]

    def _mistake(self, error: Exception, values: Mapping[str, Any]) -> ReportError:
        """Say in which line of which file an error was raised."""
        ours = {str(path): (path, template) for (path, _), template in self._templates.items()}
        frames = [f for f in traceback.extract_tb(error.__traceback__) if f.filename in ours]
        path, template = ours[frames[-1].filename]
        line = template.get_corresponding_lineno(frames[-1].lineno or 1)
        names = f"; choose from {', '.join(values)}"
        return _told(path, line, error, names * isinstance(error, jinja2.UndefinedError))


def _environment(plain: bool) -> jinja2.Environment:
    """Return Jinja with our filters, for Markdown or for plain text."""

    def finalize(value: Any) -> Any:
        if isinstance(value, Markdown | jinja2.Undefined):
            return value
        if isinstance(value, int | float):
            return str(value)
        return pictured(value) if plain else escape(value)

    def marked(filter_: Filter) -> Filter:
        return lambda *arguments, **options: Markdown(filter_(*arguments, **options))

    def enumerate_items(items: Iterable[Any], word: str = "and") -> str:
        return enumerated(map(finalize, items), word)

    environment = _Environment(undefined=jinja2.StrictUndefined, finalize=finalize)
    filters = {**_FILTERS, **(_PLAIN if plain else _MARKDOWN), "enumerate": enumerate_items}
    environment.filters |= {name: marked(filter_) for name, filter_ in filters.items()}
    environment.tests["finite"] = math.isfinite
    return environment


def _joined(lines: re.Match[str]) -> str:
    """Put the line's end into its last tag, where it means nothing but still counts."""
    tags = lines[1].rstrip()
    cut = len(tags) - (3 if tags[-3] in "+-" else 2)
    return f"{tags[:cut]}\n{tags[cut:]}"


def _told(path: Path, line: int, error: Exception, remedy: str = "") -> ReportError:
    reason = " ".join(str(error).split()) or type(error).__name__
    return ReportError(
        f"{_name(path)}, line {line}: expected Markdown with Jinja, got: {reason}{remedy}"
    )


def _name(path: Path) -> str:
    """Return how a message calls a file: from the project's root, if it is below it."""
    return str(path.relative_to(ROOT) if path.is_relative_to(ROOT) else path)
