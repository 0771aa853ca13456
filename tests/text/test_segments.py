"""The order in which training reads: every segment inside the text, each as often as it should."""

from typing import Any

import numpy as np
import pytest
import reference

from rnn.errors import ReportError
from rnn.settings import Schedule, Settings
from rnn.text.segments import ORDERS, document_marks, segment_starts, updates_per_reading

SIZES = [6, 7, 11, 12, 100, 101, 997]


def settings(**given: Any) -> Settings:
    return Settings(**{"seq_length": 5} | given)


def schedule(characters: int, **given: Any) -> Schedule:
    return Schedule.of(settings(**given), characters)


@pytest.mark.parametrize("batch_size", [1, 2, 4])
def test_sequential_reading_is_the_assignments(batch_size: int) -> None:
    for characters in SIZES:
        if characters < 6 * batch_size:
            assert updates_per_reading(characters, "sequential", 5, batch_size, 1) == 0
            continue
        plan = schedule(characters, batch_size=batch_size)
        walk = reference.sequential(characters, plan.settings)
        for start, reset in zip(*plan.epoch(0), strict=True):
            assert (start.tolist(), reset) == next(walk)
        assert next(walk)[1], "the walk is at the beginning of the book again"


@pytest.mark.parametrize("batch_size", [1, 3])
@pytest.mark.parametrize("order", ORDERS)
def test_every_segment_and_the_character_after_it_lie_in_the_text(
    order: str, batch_size: int
) -> None:
    rng = np.random.default_rng(0)
    for characters in SIZES:
        updates = updates_per_reading(characters, order, 5, batch_size, 3)
        for _ in range(3 if updates > 0 else 0):
            starts, resets = segment_starts(characters, order, 5, batch_size, 3, rng)
            assert starts.shape == (updates, batch_size) and resets.shape == (updates,)
            assert starts.min() >= 0 and starts.max() + 5 < characters
            assert resets[0]


def test_an_epoch_of_the_assignments_book_has_as_many_updates_as_the_report_says() -> None:
    assert Schedule.of(Settings(), 1_107_542).updates_per_epoch == 44_301


@pytest.mark.parametrize(
    ("given", "last"),
    [({"epochs": 3}, 597), ({"epochs": 3, "max_updates": 200}, 200), ({"max_updates": 9999}, 1393)],
)
def test_training_ends_after_the_epochs_or_the_updates_whichever_come_first(
    given: dict[str, int], last: int
) -> None:
    plan = schedule(997, **given)
    assert (plan.updates_per_epoch, plan.last_update) == (199, last)


def test_an_update_has_an_epoch_and_a_place_in_it_both_from_zero() -> None:
    plan = schedule(997)
    assert [plan.place(update) for update in (1, 199, 200, 399)] == [
        (0, 0),
        (0, 198),
        (1, 0),
        (2, 0),
    ]


def test_chunks_are_read_once_an_epoch_from_end_to_end_in_an_order_of_its_own() -> None:
    plan = schedule(7 * 23, order="chunks", chunks=7)
    orders = []
    for epoch in range(3):
        starts, resets = plan.epoch(epoch)
        begins = starts[resets, 0]
        assert sorted(begins) == [23 * chunk for chunk in range(7)]
        assert np.diff(starts[:, 0])[~resets[1:]].tolist() == [5] * (len(starts) - 7)
        orders.append(begins.tolist())
    assert orders[0] != orders[1] != orders[2]


def test_streams_read_different_chunks_and_others_are_left_out_in_other_epochs() -> None:
    plan = schedule(7 * 23, order="chunks", chunks=7, batch_size=3)
    read = []
    for epoch in range(5):
        starts, resets = plan.epoch(epoch)
        begins = starts[resets].ravel()
        assert len(set(begins)) == len(begins) == 6
        read.append(frozenset(begins))
    assert len(set(read)) > 1


def test_random_positions_reach_the_whole_text_and_are_always_reset() -> None:
    plan = schedule(50, order="random", batch_size=4)
    _, resets = plan.epoch(0)
    assert resets.all()
    all_starts = np.concatenate([plan.epoch(epoch)[0].ravel() for epoch in range(200)])
    assert set(all_starts) == set(range(45))


@pytest.mark.parametrize("order", ["chunks", "random"])
def test_the_same_seed_gives_the_same_order_and_another_seed_another(order: str) -> None:
    def starts(seed: int, epoch: int) -> list[list[int]]:
        return schedule(997, order=order, seed=seed).epoch(epoch)[0].tolist()

    assert starts(1, 2) == starts(1, 2)
    assert starts(1, 2) != starts(2, 2)
    assert starts(1, 2) != starts(1, 3)


def test_held_out_is_the_end_of_the_text_rounded_to_characters() -> None:
    assert schedule(1000).trained == 1000
    assert schedule(1000, held_out=0.1).trained == 900
    assert schedule(999, held_out=1 / 3).trained == 666


def test_held_out_characters_are_not_read() -> None:
    for order in ORDERS:
        plan = schedule(1000, order=order, chunks=3, held_out=0.5)
        assert plan.updates_per_epoch == schedule(500, order=order, chunks=3).updates_per_epoch
        assert plan.epoch(0)[0].max() + 5 < 500


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
        schedule(characters, **given)
    assert str(caught.value) == message


@pytest.mark.parametrize("end", ["b", "ab", "aa", "aab", "bbb", "abababa"])
def test_documents_begin_right_after_an_end_of_document(end: str) -> None:
    rng = np.random.default_rng(0)
    for size in (0, 1, 2, 7, 40):
        text = "".join(rng.choice(["a", "b"], size))
        ids = np.array([ord(c) for c in text], np.uint8)
        marks = document_marks(ids, np.array([ord(c) for c in end], np.uint8))
        assert marks.tolist() == [text[:i].endswith(end) for i in range(size)]


def test_without_an_end_of_document_nothing_is_marked() -> None:
    assert document_marks(np.arange(10), np.zeros(0, int)).shape == (0,)
