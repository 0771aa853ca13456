"""The best model inside report.html, where a reader lets it write and score texts."""

import base64
import math
from pathlib import Path
from typing import Any

import numpy as np

from rnn.cells import name_of
from rnn.kernels.elementary import exp
from rnn.model import Architecture
from rnn.report.show import Section
from rnn.runs.models import Model
from rnn.runs.results import load_settings, read_results
from rnn.runs.run import LOWEST_HELD_OUT, LOWEST_SMOOTH
from rnn.text.characters import encode

_LARGEST = 2_000_000  # bytes that a model may add to the page without being asked for
_LONGEST = 5_000  # characters that the page lets it write at once


def show(
    section: Section, model: Model, folder: Path, embed_model: bool = False, *,
    best_by: str = "smooth", held_out_loss: float = math.nan, length: int = 1000, **start: Any,
) -> None:  # fmt: skip
    """Put a model into report.html, or say why not: it is large, and `embed_model` is False.

    `folder` holds its run, `best_by` and `held_out_loss` are as for `rnn.runs.results.load_best`;
    `length` and `start`, named as the arguments of `write`, are what the controls show first.
    """
    told = network(model, load_settings(folder).document_end)
    losses = read_results(folder).get("text_losses", {})
    nats = losses.get(LOWEST_HELD_OUT if best_by == "held_out" else LOWEST_SMOOTH)
    arrays = [told["V"], told["c"], told["h"]]
    arrays += [part for one in told["layers"] for part in one.values()]
    size = sum(map(len, arrays))  # characters, each a byte
    values = {
        "weights": Architecture.of(model.parameters).size,
        "megabytes": size / 1e6,
        "largest": _LARGEST / 1e6,
        "bits": math.nan if nats is None else nats / math.log(2),
        "held_out_bits": held_out_loss / math.log(2),
        "perplexity": math.inf if nats is None or nats > 700 else float(exp(float(nats))),
    }
    if size > _LARGEST and not embed_model:
        section.interactive({}, values, lead="left_out")
        return
    usual = {"prime": "", "temperature": 1.0, "top_p": 1.0, "seed": 0}
    told["start"] = usual | start | {"length": min(length, _LONGEST)}
    told["words"] = dict(section.rows("words", values).itertuples(index=False))
    section.interactive(told, values)


def network(model: Model, end: str) -> dict[str, Any]:
    """Return a model as plain data: arrays as float32 in base64, row after row, little-endian.

    For each layer there are W, U and b as of `rnn.model`; characters are code points, and `end`, of
    a document, becomes ids.
    """
    parameters, whose = model.parameters, "the text the model was trained on"
    inputs = [parameters.U, *parameters.U_above]
    return {
        "cell": name_of(type(parameters)),
        "layers": [
            {"W": _base64(W), "U": _base64(U), "b": _base64(b)}
            for W, U, b in zip(parameters.W, inputs, parameters.b, strict=True)
        ],
        "V": _base64(parameters.V),
        "c": _base64(parameters.c),
        "h": _base64(model.h),
        "x": model.x,
        "vocabulary": list(map(ord, model.vocabulary)),
        "end": encode(end, model.vocabulary, "document_end", whose).tolist(),
    }


def _base64(array: np.ndarray) -> str:
    return base64.b64encode(np.ascontiguousarray(array, "<f4").tobytes()).decode()
