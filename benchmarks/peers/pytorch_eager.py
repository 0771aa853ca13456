"""PyTorch as its users write it: nn.RNN, nn.Linear, autograd and torch.optim.Adagrad."""

from collections.abc import Callable

import numpy as np
import torch
from torch import nn

from benchmarks.problem import Problem

__all__ = ["prepare"]


def prepare(problem: Problem) -> Callable[[int, float], np.ndarray]:
    torch.set_num_threads(1)
    tau, dtype = problem.tau, getattr(torch, problem.dtype)
    book = torch.from_numpy(problem.ids.astype(np.int64))
    characters = torch.eye(problem.K, dtype=dtype)
    steps = torch.arange(tau + 1)[:, None]

    def run(updates: int, eta: float) -> np.ndarray:
        rnn = nn.RNN(problem.K, problem.m, dtype=dtype)
        output = nn.Linear(problem.m, problem.K, dtype=dtype)
        first = {name: torch.from_numpy(part) for name, part in problem.parameters().items()}
        with torch.no_grad():
            rnn.weight_hh_l0.copy_(first["W"])
            rnn.weight_ih_l0.copy_(first["U"].T)
            rnn.bias_ih_l0.copy_(first["b"])
            rnn.bias_hh_l0.zero_()
            output.weight.copy_(first["V"])
            output.bias.copy_(first["c"])
        # The course's network has one bias where nn.RNN has two.
        rnn.bias_hh_l0.requires_grad_(False)
        parameters = [p for p in (*rnn.parameters(), *output.parameters()) if p.requires_grad]
        # sqrt(a) + 0 with eps in a from the start is the course's sqrt(a + eps).
        optimizer = torch.optim.Adagrad(
            parameters, lr=eta, initial_accumulator_value=problem.eps, eps=0.0
        )
        h = torch.zeros(1, problem.batch, problem.m, dtype=dtype)
        losses = np.empty(updates)
        for n, start in enumerate(torch.from_numpy(problem.starts[:updates])):
            segment = book[start + steps]
            H, h = rnn(characters[segment[:-1]], h.detach())
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
