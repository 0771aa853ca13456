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
import os
import re
import traceback
from collections.abc import Callable, Iterable, Mapping
from pathlib import Path
from typing import Any
from urllib.parse import quote, unquote_to_bytes

import jinja2

from rnn import ROOT
from rnn.errors import ReportError, one_of
from rnn.kernels.elementary import exp
from rnn.report.escaping import escape, pictured
from rnn.text.files import expanded

_OURS = Path(__file__).parent / "sections"

#: Lines that hold nothing but tags and leave no line behind: up to the last tag's end, and that.
_ONLY_TAGS = re.compile(
    r"(?ms)^[ \t]*((?:\{([%#])(?:(?!\2\}).)*\2\}[ \t]*)*\{([%#])(?:(?!\3\}).)*?)([-+]?\3\})[ \t]*\n"
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


def decimals(number: float, places: int = 4) -> str:
    """Return a number with so many decimals, or with seven digits where they would not show."""
    return f"{number:,.{places}f}" if abs(number) < 1e7 else f"{number:.7g}"


def _epochs(number: float) -> str:
    """Return '1 epoch' or '1.99 epochs', never more than there were."""
    if 0 < number < 0.01:
        return "less than 0.01 epochs"
    shown = math.floor(100 * number) / 100
    return f"{shown:g} {'epoch' if shown == 1 else 'epochs'}"


def _power(number: float) -> str:
    """Write a number as mathematics: ``2.2 x 10^-6``."""
    digits, exponent = f"{number:.1e}".split("e")
    if number == 0 or -3 < int(exponent) < 3:
        return f"{number:.3g}"
    factor = "" if digits == "1.0" else rf"{digits} \cdot "
    return f"${factor}10^{{{int(exponent)}}}$"


def _perplexity(nats: float) -> str:
    """Return e to a loss, with three decimals as long as it has no more than seven digits."""
    if nats > 700:  # where it is more than the largest float, or nearly
        return f"1e+{nats / math.log(10):.0f}"
    return f"{exp(float(nats)):{',.3f' if nats < 14 else '.3g'}}"


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
    "decimals": _finite(decimals),
    "g": _finite(lambda number, digits=6: f"{number:.{digits}g}"),
    "short": _finite("{:.1e}".format),
    "percent": lambda share: "–" if math.isnan(share) else f"{share:.0%}",
    "nats": _finite(lambda loss: f"{decimals(loss)} nats"),
    "bits": _finite(lambda loss: f"{decimals(loss / math.log(2))} bits"),
    "perplexity": _finite(_perplexity),
    "count": _count,
    "epochs": _epochs,
    "separator": _separator,
    "code": _code,
    "emphasis": lambda text: f"*{escape(text)}*",
    "power": _finite(_power),
}
#: Those that write plain text in another way than Markdown.
_PLAIN: dict[str, Filter] = {"code": str, "emphasis": str, "power": _finite("{:.2g}".format)}


class _Environment(jinja2.Environment):
    """Jinja with our filters, for Markdown or plain text; what a block gives is markup already."""

    def __init__(self, plain: bool) -> None:
        def finalize(value: Any) -> Any:
            if isinstance(value, Markdown | jinja2.Undefined | int | float):
                return value
            return pictured(value) if plain else escape(value)

        def marked(write: Filter) -> Filter:
            return lambda *arguments, **options: Markdown(write(*arguments, **options))

        loader = jinja2.FunctionLoader(_read)
        super().__init__(undefined=jinja2.StrictUndefined, finalize=finalize, loader=loader)
        filters = _FILTERS | (_PLAIN if plain else {})
        filters["enumerate"] = lambda items, word="and": enumerated(map(finalize, items), word)
        self.filters |= {name: marked(write) for name, write in filters.items()}
        self.tests["finite"] = math.isfinite

    @staticmethod
    def concat(parts: Iterable[str]) -> Markdown:
        return Markdown("".join(parts))


class Sentences:
    """The sentences of one report.

    `folder`, if there is one, has Markdown files that take the place of ours; it is looked for in
    the working directory, then in the project's root.  A `ReportError` if it does not exist, or
    has a file, a block or a tag that ours do not know.
    """

    def __init__(self, folder: str = "") -> None:
        self._environments = {plain: _Environment(plain) for plain in (False, True)}
        self._own = expanded(folder) if folder else None
        if self._own is None:
            return
        if not self._own.is_dir():
            self._own = ROOT / self._own
        if not self._own.is_dir():
            raise ReportError(
                f"text: expected a folder with Markdown files, got {folder!r}; name one that exists"
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
        """Return a block of ``SECTION.md`` as Markdown or plain text, with `values` filled in.

        A mistake is a `ReportError` with its file and line.
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
            frames = traceback.extract_tb(error.__traceback__)
            frame = [frame for frame in frames if frame.filename.endswith(".md")][-1]
            path = Path(frame.filename)
            line = self._template(path, plain).get_corresponding_lineno(frame.lineno or 1)
            names = f"; choose from {', '.join(values)}"
            names *= isinstance(error, jinja2.UndefinedError)
            raise _told(path, line, error, names) from None
        return re.sub(r"\n{3,}", "\n\n", re.sub(r"[ \t]+$", "", text, flags=re.M)).strip()

    def _template(self, path: Path, plain: bool) -> jinja2.Template:
        try:
            return self._environments[plain].get_template(quote(os.fsencode(path)))
        except (jinja2.TemplateSyntaxError, OSError, ValueError) as error:
            raise _told(path, getattr(error, "lineno", 1), error) from None


def _read(name: str) -> tuple[str, str, None]:
    """Return the source of a template, as Jinja wants it."""
    # The line's end goes into its last tag, where it means nothing but still counts.
    path = os.fsdecode(unquote_to_bytes(name))  # Jinja writes names into code, between quotes
    source = _ONLY_TAGS.sub(r"\1\n\4", Path(path).read_text(encoding="utf-8"))
    return _LIKE_A_LIST.sub(r" {{\n\1", source), path, None


def _told(path: Path, line: int, error: Exception, remedy: str = "") -> ReportError:
    got = " ".join(str(error).split()) or type(error).__name__
    return ReportError(
        f"{_name(path)}, line {line}: expected Markdown with Jinja, got: {got}{remedy}"
    )


def _name(path: Path) -> str:
    """Return how a message calls a file: from the project's root, if it is below it."""
    return str(path.relative_to(ROOT) if path.is_relative_to(ROOT) else path)
