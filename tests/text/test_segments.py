"""The order in which training reads: every segment inside the text, each as often as it should."""

from typing import Any

import numpy as np
import pytest
import reference

from rnn.errors import ReportError
from rnn.settings import Settings
from rnn.text import segments as reading
from rnn.text.segments import epoch_starts, fresh_marks, split_held_out, updates_per_epoch

SIZES = [6, 7, 11, 12, 100, 101, 997]


def settings(**given: Any) -> Settings:
    return Settings(**{"seq_length": 5} | given)


@pytest.mark.parametrize("characters", SIZES)
@pytest.mark.parametrize("batch_size", [1, 2, 4])
def test_sequential_reading_is_the_assignments(characters: int, batch_size: int) -> None:
    s = settings(batch_size=batch_size)
    if characters < 6 * batch_size:
        assert updates_per_epoch(characters, s) == 0
        return
    starts, resets = epoch_starts(characters, s, 0)
    walk = reference.sequential(characters, s)
    for start, reset in zip(starts, resets, strict=True):
        assert (start.tolist(), reset) == next(walk)
    assert next(walk)[1], "the walk is at the beginning of the book again"


@pytest.mark.parametrize("characters", SIZES)
@pytest.mark.parametrize("batch_size", [1, 3])
@pytest.mark.parametrize("order", ["sequential", "chunks", "random"])
def test_every_segment_and_the_character_after_it_lie_in_the_text(
    order: str, batch_size: int, characters: int
) -> None:
    s = settings(order=order, batch_size=batch_size, chunks=3)
    updates = updates_per_epoch(characters, s)
    if updates < 1:
        return
    for epoch in range(3):
        starts, resets = epoch_starts(characters, s, epoch)
        assert starts.shape == (updates, batch_size) and resets.shape == (updates,)
        assert starts.min() >= 0 and starts.max() + 5 < characters
        assert resets[0]


def test_an_epoch_of_the_assignments_book_has_as_many_updates_as_the_report_says() -> None:
    assert updates_per_epoch(1_107_542, Settings()) == 44_301


def test_chunks_are_read_once_an_epoch_from_end_to_end_in_an_order_of_its_own() -> None:
    s = settings(order="chunks", chunks=7)
    orders = []
    for epoch in range(3):
        starts, resets = epoch_starts(7 * 23, s, epoch)
        begins = starts[resets, 0]
        assert sorted(begins) == [23 * chunk for chunk in range(7)]
        assert np.diff(starts[:, 0])[~resets[1:]].tolist() == [5] * (len(starts) - 7)
        orders.append(begins.tolist())
    assert orders[0] != orders[1] != orders[2]


def test_streams_read_different_chunks_and_others_are_left_out_in_other_epochs() -> None:
    s = settings(order="chunks", chunks=7, batch_size=3)
    read = []
    for epoch in range(5):
        starts, resets = epoch_starts(7 * 23, s, epoch)
        begins = starts[resets].ravel()
        assert len(set(begins)) == len(begins) == 6
        read.append(frozenset(begins))
    assert len(set(read)) > 1


def test_random_positions_reach_the_whole_text_and_are_always_reset() -> None:
    s = settings(order="random", batch_size=4)
    _, resets = epoch_starts(50, s, 0)
    assert resets.all()
    all_starts = np.concatenate([epoch_starts(50, s, epoch)[0].ravel() for epoch in range(200)])
    assert set(all_starts) == set(range(45))


@pytest.mark.parametrize("order", ["chunks", "random"])
def test_the_same_seed_gives_the_same_order_and_another_seed_another(order: str) -> None:
    def starts(seed: int, epoch: int) -> list[list[int]]:
        return epoch_starts(997, settings(order=order, seed=seed), epoch)[0].tolist()

    assert starts(1, 2) == starts(1, 2)
    assert starts(1, 2) != starts(2, 2)
    assert starts(1, 2) != starts(1, 3)


def test_held_out_is_the_end_of_the_text_rounded_to_characters() -> None:
    assert split_held_out(1000, settings()) == 1000
    assert split_held_out(1000, settings(held_out=0.1)) == 900
    assert split_held_out(999, settings(held_out=1 / 3)) == 666


@pytest.mark.parametrize(
    ("characters", "given", "message"),
    [
        (
            5,
            {},
            "corpus: expected at least seq_length + 1 = 6 characters to train on, got 5; "
            "use a longer text or a smaller seq_length",
        ),
        (
            100,
            {"held_out": 0.05},
            "held_out: expected a part of at least seq_length + 1 = 6 characters, "
            "got 5 of 100; hold out more or use a longer text",
        ),
        (
            100,
            {"held_out": 0.97},
            "corpus: expected at least seq_length + 1 = 6 characters to train on, got 3; "
            "use a longer text or a smaller seq_length",
        ),
        (
            100,
            {"order": "chunks", "chunks": 3, "batch_size": 4},
            "chunks: expected at least as many as batch_size = 4 streams, got 3",
        ),
        (
            100,
            {"order": "chunks", "chunks": 20},
            "chunks: expected chunks of at least seq_length + 1 = 6 characters, "
            "got 20 chunks of 5; lower chunks or seq_length",
        ),
        (
            100,
            {"order": "chunks", "chunks": 2000},
            "chunks: expected chunks of at least seq_length + 1 = 6 characters, "
            "got 2,000 chunks of 0; lower chunks or seq_length",
        ),
        (
            100,
            {"batch_size": 20},
            "batch_size: expected a text with room for a segment in every stream, got 20 "
            "streams of 100 characters in all; lower batch_size or seq_length",
        ),
        (
            100,
            {"batch_size": 10**15, "order": "random"},
            "batch_size: expected a text with room for a segment in every stream, got "
            "1,000,000,000,000,000 streams of 100 characters in all; "
            "lower batch_size or seq_length",
        ),
    ],
)
def test_a_text_without_room_is_refused_in_a_line_that_names_the_setting(
    characters: int, given: dict[str, Any], message: str
) -> None:
    with pytest.raises(ReportError) as caught:
        split_held_out(characters, settings(**given))
    assert str(caught.value) == message


@pytest.mark.parametrize("end", ["b", "ab", "aa", "aab", "bbb", "abababa"])
@pytest.mark.parametrize("piece", [1, 3, 1 << 20])
def test_documents_begin_right_after_an_end_of_document(
    end: str, piece: int, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(reading, "_PIECE", piece)
    rng = np.random.default_rng(0)
    for size in (0, 1, 2, 7, 40):
        text = "".join(rng.choice(["a", "b"], size))
        ids = np.array([ord(c) for c in text], np.uint8)
        marks = fresh_marks(ids, np.array([ord(c) for c in end], np.uint8))
        assert marks.tolist() == [text[:i].endswith(end) for i in range(size)]


def test_without_an_end_of_document_nothing_is_marked() -> None:
    assert fresh_marks(np.arange(10), np.zeros(0, int)).shape == (0,)
