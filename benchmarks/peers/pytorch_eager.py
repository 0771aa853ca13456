"""PyTorch as its users write it: nn.RNN, GRU or LSTM, nn.Linear, autograd and Adagrad."""

from collections.abc import Callable

import numpy as np
import torch
from torch import nn

from benchmarks.problem import Problem


def prepare(problem: Problem) -> Callable[[int, float], np.ndarray]:
    torch.set_num_threads(1)
    tau, dtype = problem.tau, getattr(torch, problem.dtype)
    book = torch.from_numpy(problem.ids.astype(np.int64))
    characters = torch.eye(problem.K, dtype=dtype)
    steps = torch.arange(tau + 1)[:, None]

    def run(updates: int, eta: float) -> np.ndarray:
        kind = {"vanilla": nn.RNN, "gru": nn.GRU, "lstm": nn.LSTM}[problem.cell]
        rnn = kind(problem.K, problem.m, problem.layers, dtype=dtype)
        output = nn.Linear(problem.m, problem.K, dtype=dtype)
        first = {name: torch.from_numpy(part) for name, part in problem.parameters().items()}
        # The blocks of a GRU's W are n, r, z; its first block of b is nn.GRU's second bias of n.
        turn = problem.m if problem.cell == "gru" else 0
        second = torch.zeros(len(first["W"]), dtype=dtype)
        second[2 * problem.m :] = 1
        with torch.no_grad():
            for layer, number in enumerate(["", "2"][: problem.layers]):
                W, U, b = (first[name + number] for name in "WUb")
                weights = dict(rnn.named_parameters())
                weights[f"weight_hh_l{layer}"].copy_(W.roll(-turn, 0))
                weights[f"weight_ih_l{layer}"].copy_(U if layer else U.T)
                weights[f"bias_ih_l{layer}"].copy_(b[turn:])
                bias = weights[f"bias_hh_l{layer}"].zero_()
                # These networks have one bias where PyTorch's have two.
                if turn:
                    bias[2 * turn :] = b[:turn]
                    bias.register_hook(second.mul)
                else:
                    bias.requires_grad_(False)
            output.weight.copy_(first["V"])
            output.bias.copy_(first["c"])
        parameters = [p for p in (*rnn.parameters(), *output.parameters()) if p.requires_grad]
        # sqrt(a) + 0 with eps in a from the start is the course's sqrt(a + eps).
        optimizer = torch.optim.Adagrad(
            parameters, lr=eta, initial_accumulator_value=problem.eps, eps=0.0
        )
        zero = torch.zeros(problem.layers, problem.batch, problem.m, dtype=dtype)
        h = (zero, zero) if problem.cell == "lstm" else (zero,)
        losses = np.empty(updates)
        for n, start in enumerate(torch.from_numpy(problem.starts[:updates])):
            segment = book[start + steps]
            before = tuple(part.detach() for part in h)
            H, after = rnn(characters[segment[:-1]], before if len(h) == 2 else before[0])
            h = after if len(h) == 2 else (after,)
            outputs = output(H.reshape(-1, problem.m))
            following = segment[1:].reshape(-1)
            loss = nn.functional.cross_entropy(outputs, following, reduction="sum") / problem.batch
            optimizer.zero_grad()
            loss.backward()
            nn.utils.clip_grad_value_(parameters, problem.clip)
            optimizer.step()
            losses[n] = loss.item()
        return losses

    return run
