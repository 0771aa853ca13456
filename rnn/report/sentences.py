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

#: Lines that hold nothing but tags and leave no line behind: up to the last tag's end, and that.
_ONLY_TAGS = re.compile(
    r"^[ \t]*((?:\{([%#])(?:(?!\2\}).)*\2\}[ \t]*)*\{([%#])(?:(?!\3\}).)*?)([-+]?\3\})[ \t]*\n",
    re.MULTILINE | re.DOTALL,
)
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

    def written(number: float, *arguments: Any) -> str:
        if math.isfinite(number):
            return write(number, *arguments)
        return "NaN" if math.isnan(number) else "∞" if number > 0 else "−∞"

    return written


_FILTERS: dict[str, Filter] = {
    "thousands": _finite("{:,}".format),
    "decimals": _finite(lambda number, places=4: f"{number:,.{places}f}"),
    "g": _finite(lambda number, digits=6: f"{number:.{digits}g}"),
    "short": _finite("{:.1e}".format),
    "percent": lambda share: "–" if math.isnan(share) else f"{share:.0%}",
    "nats": _finite("{:.4f} nats".format),
    "bits": _finite(lambda loss: f"{loss / math.log(2):.4f} bits"),
    "count": _count,
    "separator": _separator,
    "code": _code,
    "emphasis": lambda text: f"*{escape(text)}*",
    "power": _finite(_power),
}
#: Those that write plain text in another way than Markdown.
_PLAIN: dict[str, Filter] = {"code": str, "emphasis": str, "power": _finite("{:.2g}".format)}


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
        working directory if it is there, else to the project's root.  Empty for none.  A
        `ReportError` if it does not exist, or has a file, a block or a tag that ours do not know.
    """

    def __init__(self, folder: str = "") -> None:
        self._environments = {plain: _environment(plain) for plain in (False, True)}
        self._templates: dict[tuple[Path, bool], jinja2.Template] = {}
        self._own: Path | None = None
        if not folder:
            return
        self._own = Path(folder).expanduser()
        if not self._own.is_dir():
            self._own = ROOT / self._own
        if not self._own.is_dir():
            raise ReportError(
                f"text: expected a folder with Markdown files, got {folder!r}; choose one that "
                "exists"
            )
        known = sorted(path.name for path in _OURS.glob("*.md"))
        for path in sorted(self._own.glob("*.md")):
            ours = self._template(_OURS / one_of("text", path.name, known), plain=False)
            blocks = self._template(path, plain=False).blocks
            for block in blocks:
                one_of(f"{_name(path)}: block", block, ours.blocks)
            if not blocks:
                raise ReportError(
                    f"{_name(path)}: expected sentences in blocks, got none; write them between "
                    "{% block NAME %} and {% endblock %}"
                )

    def render(
        self, section: str, block: str, values: Mapping[str, Any], *, plain: bool = False
    ) -> str:
        """Return a block of sentences; a mistake is a `ReportError` with its file and line.

        Parameters
        ----------
        section, block : str
            The file's name without its suffix, and the block's.
        values : mapping
            What the sentences mention.
        plain : bool
            Whether the result is plain text and not Markdown.
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
                # The line's end goes into its last tag, where it means nothing but still counts.
                source = _ONLY_TAGS.sub(r"\1\n\4", path.read_text(encoding="utf-8"))
                source = _LIKE_A_LIST.sub(r" {{\n\1", source)
                code = environment.compile(source, name=path.name, filename=str(path))
            except (jinja2.TemplateSyntaxError, OSError, ValueError) as error:
                raise _told(path, getattr(error, "lineno", 1), error) from None
            globals_ = environment.make_globals(None)
            self._templates[path, plain] = environment.template_class.from_code(
                environment, code, globals_
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
        if isinstance(value, Markdown | jinja2.Undefined | int | float):
            return value
        return pictured(value) if plain else escape(value)

    def marked(write: Filter) -> Filter:
        return lambda *arguments, **options: Markdown(write(*arguments, **options))

    environment = _Environment(undefined=jinja2.StrictUndefined, finalize=finalize)
    filters = _FILTERS | (_PLAIN if plain else {})
    filters["enumerate"] = lambda items, word="and": enumerated(map(finalize, items), word)
    environment.filters |= {name: marked(write) for name, write in filters.items()}
    environment.tests["finite"] = math.isfinite
    return environment


def _told(path: Path, line: int, error: Exception, remedy: str = "") -> ReportError:
    got = " ".join(str(error).split()) or type(error).__name__
    return ReportError(
        f"{_name(path)}, line {line}: expected Markdown with Jinja, got: {got}{remedy}"
    )


def _name(path: Path) -> str:
    """Return how a message calls a file: from the project's root, if it is below it."""
    return str(path.relative_to(ROOT) if path.is_relative_to(ROOT) else path)
