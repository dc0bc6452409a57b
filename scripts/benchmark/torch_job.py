"""One whole job in PyTorch, on the very batches of a task: python -m scripts.benchmark.torch_job WORDS of a run.

What one would write: nn.LSTM, nn.GRU or nn.RNN between nn.Embedding and nn.Linear, packed where lengths differ, Adam,
clipping, a validation after each epoch and a test at the end. Needs seqexp's packages beside torch.
"""

import sys
from typing import Any

import numpy as np
import torch
import torch.nn.functional as F
from torch import nn
from torch.nn.utils.rnn import pack_padded_sequence, pad_packed_sequence

from seqexp import config
from seqexp.config.build import build_task
from seqexp.data.batch import Batch, Split
from seqexp.tasks import Shape


class Network(nn.Module):  # type: ignore[misc]  # torch is not there when types are checked
    """Tokens or features -> core -> readout, as ``networks.Chain``."""

    def __init__(self, model: dict[str, Any], shape: Shape) -> None:
        super().__init__()
        size = model["embedding_size"] if shape.tokens else 0
        self.shape, self.embedding = shape, nn.Embedding(shape.inputs, size) if size else None
        self.core = getattr(nn, model["name"].upper())(size or shape.inputs, model["hidden_size"])
        self.dropout, self.readout = nn.Dropout(model["dropout"]), nn.Linear(model["hidden_size"], shape.outputs)

    def forward(self, batch: Batch, state: Any) -> tuple[torch.Tensor, Any]:
        """Answers (N, Y) in the order of the batch's, and the last state."""
        x = torch.from_numpy(np.ascontiguousarray(batch.x if batch.x.ndim == 2 else batch.x.swapaxes(1, 2)))
        x = x.long() if x.ndim == 2 else x
        if self.embedding is not None:
            x = self.dropout(self.embedding(x.clamp(min=0)))
        elif x.ndim == 2:
            x = F.one_hot(x, self.shape.inputs).float()
        if batch.lengths is not None:  # longest first
            x = pack_padded_sequence(x, torch.from_numpy(batch.lengths), enforce_sorted=False)
        h, state = self.core(x.float() if isinstance(x, torch.Tensor) else x, state)
        if batch.answered is None:
            h = (state[0] if isinstance(state, tuple) else state)[-1]
        else:
            h = (pad_packed_sequence(h)[0] if batch.lengths is not None else h)[torch.from_numpy(batch.answered)]
        return self.readout(self.dropout(h)), state


def loss_of(network: Network, batch: Batch, state: Any) -> tuple[torch.Tensor, Any]:
    """The mean over the batch's answers, and the state to go on from."""
    y, state = network(batch, state)
    target = torch.from_numpy(np.ascontiguousarray(batch.answers()))
    if network.shape.loss == "softmax":
        loss = F.cross_entropy(y, target.long())
    else:
        loss = ((y - target.T) ** 2).sum(dim=1).mean()
    detached = tuple(part.detach() for part in state) if isinstance(state, tuple) else state.detach()
    return loss, detached


def main() -> None:
    torch.set_num_threads(1)
    config.register_resolvers()
    settings = config.check(config.composed(sys.argv[1:])).settings
    training, optimizer = settings["training"], settings["optimizer"]
    task = build_task(settings["task"], settings["data_dir"])
    network = Network(settings["model"], task.shape)
    rate, clip = optimizer["learning_rate"], training["clip_norm"]
    adam = torch.optim.Adam(network.parameters(), rate, (optimizer["beta1"], optimizer["beta2"]), optimizer["epsilon"])
    steps, size, carries = task.batches("train", training["batch_size"]), training["batch_size"], task.carry_state

    def score(split: Split) -> float:
        network.eval()
        with torch.no_grad():
            found, state = [], None
            for index in range(task.batches(split, max(size, 64))):
                loss, after = loss_of(network, task.batch(0, split, index, max(size, 64)), state)
                found.append(loss.item())
                state = after if carries else None
        network.train()
        return float(np.mean(found))

    for epoch in range(training["epochs"]):
        state, losses = None, []
        for step in range(epoch * steps, (epoch + 1) * steps):
            loss, after = loss_of(network, task.batch(settings["seed"], "train", step, size), state)
            state = after if carries else None
            adam.zero_grad(set_to_none=True)
            loss.backward()
            nn.utils.clip_grad_norm_(network.parameters(), clip)
            adam.step()
            losses.append(loss.item())
        print(f"epoch {epoch + 1}: train {np.mean(losses):.4f}, val {score('val'):.4f}")
    print(f"test {score('test'):.4f}")


if __name__ == "__main__":
    main()
