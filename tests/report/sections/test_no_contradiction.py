"""No two sentences of a report contradict each other's numbers, whatever its text is."""

import math
import re
import tempfile
from pathlib import Path
from typing import Any

import numpy as np
from hypothesis import given, settings
from hypothesis import strategies as some
from section_outputs import rows, said

from rnn.analysis.text_quality import Book, quality_table
from rnn.report.sections import loss, results, snapshots
from rnn.runs.driver import train
from rnn.runs.results import save_runs
from rnn.settings import LEFT_OUT, Settings
from rnn.text.corpus import load_corpus

WORDS = {
    "Latin": "the old boat went into Saltmarrow where nobody saw Wren or heard that storm",
    "German": "der alte Fischer sah auf die Welt und dann ging Faust ans Fenster der Nacht",
    "Greek": "ο γέρος Πέτρος είπε στη μικρή Μαρία ότι το σπίτι ήταν άδειο χθες",
    "Cyrillic": "тогда старый Левин сказал что дом пуст и Анна ушла одна утром",
    "Arabic": "الفَتاةُ كَتَبَت رِسالةً طَويلةً إلى البَحرِ في ضَوءِ الميناءِ",
    "Hindi": "बूढ़ा मछुआरा समुद्र की ओर देखता रहा और कभी नहीं भूला",
    "Chinese": "老渔夫静静地看着港口的灯光他从来没有忘记母亲的歌声",
    "Thai": "ชาวประมงเฒ่ามองดูแสงไฟท่าเรือเงียบๆ",
    "code": "for (int i = 0; i < count; i++) { total += values[i]; } return total; /* none */",
    "music": "dAFA|BGdG eGdG|d2fd gfed|cdef gfec:| T:Reel K:D",
    "DNA": "ACGT",
    "two": "ab",
    "digits": "1 22 333 4",
}


@some.composite
def stories(draw: Any) -> tuple[str, list[str], int]:
    """Draw a text, texts as a network might write them, and a number of updates."""
    words = WORDS[draw(some.sampled_from(sorted(WORDS)))]
    rng = np.random.default_rng(draw(some.integers(0, 2**32 - 1)))
    blank = " " if " " in words else ""
    pieces = words.split() if blank else list(words)
    lines = (blank.join(rng.choice(pieces, rng.integers(3, 12))) for _ in range(60))
    text = draw(some.sampled_from([".\n", "\n", " "])).join(lines)

    def written() -> str:
        kind = draw(some.sampled_from(["noise", "copy", "mixture", "short"]))
        noise = "".join(rng.choice(list(text), rng.integers(1, 150)))
        begin = rng.integers(0, len(text) // 2)
        copy = text[begin : begin + 150]
        return {"noise": noise, "copy": copy, "mixture": noise + " " + copy, "short": noise[:9]}[
            kind
        ]

    return text, [written() for _ in range(draw(some.integers(1, 4)))], draw(some.integers(1, 300))


def in_numbers(share: str) -> float:
    return np.nan if share == "–" else float(share.rstrip("%")) / 100


@settings(max_examples=20, deadline=None, derandomize=True)
@given(stories())
def test_what_is_said_of_synthesized_texts_agrees_with_their_table(
    story: tuple[str, list[str], int],
) -> None:
    text, written, _ = story
    book = Book(text)
    shots = [
        {"update": 10 * i + 1, "smooth_loss": 50.0 - i, "text": one}
        for i, one in enumerate(written)
    ]
    measured = quality_table(shots, book)
    values = snapshots.facts(measured, book, book.own(40))
    table = rows("snapshots_quality", "table", values).set_index("update")
    reading = said("snapshots_quality", "reading", values)

    heads = {"words": "words", "long_words": "words of 4+ letters"}
    for name, head in heads.items():
        assert bool(values[name]) == (head in table), "what is told is shown, and nothing else"
        for update, share in values[name]:
            assert f"{share:.0%} before update {update:,}" in reading
            assert table.loc[f"{update:,}", head] == f"{share:.0%}"
    assert book.has_words or not (values["words"] or values["spelling"])

    spelling = values["spelling"]
    if spelling:
        column = table["words of 4+ letters"].map(in_numbers)
        first = column[f"{spelling['first_before']:,}"]
        last = column[f"{spelling['last_before']:,}"]
        assert spelling["better"] <= (last > first) and spelling["worse"] <= (last < first)
        assert spelling["spells"] <= (last >= 0.5)
        assert not (spelling["better"] and spelling["worse"])
        assert not (spelling["all_fell"] and spelling["all_rose"])
        assert spelling["best"] >= spelling["best"] - 0.005 >= column.max() - 0.01

    told = dict(values["names"])
    for name in book.names:
        seen = [shot["update"] for shot in shots if name in book.names_in(shot["text"])]
        assert (told.get(name) == seen[0]) if seen else (name not in told)
    assert values["longest"]["copied"] == table["copied"].astype(int).max()
    outside = re.sub("“.*”", "", reading)
    known = {f"{shot['update']:,}" for shot in shots}
    assert set(re.findall(r"update ([\d,]*\d)", outside)) <= known
    assert set(re.findall(r"\(([\d,]*\d)\)", outside)) <= known

    best = said("best_text", "reading", {"written": written[-1], "book": book})
    assert ("%" in best) == bool(book.judged(written[-1])), "words are judged in both or in neither"
    for share in re.findall(r"\d+%", best):
        assert share in set(table.iloc[-1])


@settings(max_examples=6, deadline=None, derandomize=True)
@given(stories())
def test_what_is_said_of_a_training_agrees_everywhere(story: tuple[str, list[str], int]) -> None:
    text, _, updates = story
    asked = Settings(m=4, seq_length=5, max_updates=updates, snapshot_every=50, snapshot_length=20)
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        (folder / "text.txt").write_text(text, encoding="utf-8")
        corpus = load_corpus(folder / "text.txt")
        run = train(corpus, asked, progress=False)
        save_runs([run], folder, str(folder / "text.txt"))
        checklist = results.checklist_facts(folder)
    values = loss.facts(run)
    said_by = {
        "training": said("training", "setting", LEFT_OUT | run.settings.as_dict() | {"run": run}
                         | {"epochs": run.last_update / run.updates_per_epoch, "last_eta": 0.1}),
        "loss": said("loss", "caption", values) + said("loss", "reading", values),
        "checklist": said("results_checklist", "table", checklist),
        "best": said("best_text", "setting", {"model": run.best_model, "prime": ""}
                     | {"temperature": 1, "top_p": 1, "best_by": "smooth"}
                     | {"held_out_loss": math.nan}),
    }  # fmt: skip
    epochs = {
        number
        for words in said_by.values()
        for number in re.findall(r"(?<!least )\b([\d.]+) epochs?\b", words)
    }
    assert len(epochs) == 1, said_by
    lowest = {
        (loss_.replace("*", ""), update)
        for words in said_by.values()
        for loss_, update in re.findall(r"([\d.,*\\]+\d\**),? at update ([\d,]*\d)", words)
    }
    assert len({update for _, update in lowest}) == 1, lowest
    assert len({loss_.strip("\\*") for loss_, _ in lowest}) == 1, lowest
    assert checklist["loss"]["done"] == (float(*epochs) >= 2)
