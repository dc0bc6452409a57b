"""What somebody would write without seqexp: PyTorch, Hydra and MLflow, and nothing that the comparison does not need.

One recurrent network learns to add two marked numbers. After each epoch it is validated; the best weights are tested.

    python scripts/benchmark/minimal/train.py -m model=rnn,lstm seed=0,1,2,3,4 hydra/launcher=joblib
"""

from pathlib import Path
from typing import Any

import hydra
import torch
from hydra.core.hydra_config import HydraConfig
from omegaconf import DictConfig, OmegaConf
from torch import nn

MODELS = {"rnn": nn.RNN, "lstm": nn.LSTM}


class Network(nn.Module):  # type: ignore[misc]
    def __init__(self, model: str, hidden_size: int) -> None:
        super().__init__()
        self.core = MODELS[model](2, hidden_size)
        self.readout = nn.Linear(hidden_size, 1)

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        """x (T, B, 2), the answer (B,)."""
        return self.readout(self.core(x)[0][-1]).squeeze(-1)


def draw(generator: torch.Generator, length: int, size: int) -> tuple[torch.Tensor, torch.Tensor]:
    """Sequences (T, B, 2) of numbers and marks, one mark in each half, and the sums of the marked numbers (B,)."""
    x = torch.zeros(length, size, 2)
    x[:, :, 0] = torch.rand(length, size, generator=generator)
    columns, half = torch.arange(size), length // 2
    x[torch.randint(0, half, (size,), generator=generator), columns, 1] = 1
    x[torch.randint(half, length, (size,), generator=generator), columns, 1] = 1
    return x, (x[:, :, 0] * x[:, :, 1]).sum(0)


@torch.no_grad()  # type: ignore[untyped-decorator]
def score(network: Network, data: tuple[torch.Tensor, torch.Tensor], batch: int = 64) -> float:
    x, target = data
    network.eval()
    errors = [
        nn.functional.mse_loss(network(x[:, start : start + batch]), target[start : start + batch], reduction="sum")
        for start in range(0, len(target), batch)
    ]
    return float(sum(errors)) / len(target)


def train(cfg: DictConfig, log: Any) -> float:
    """The test error of the weights that validated best."""
    torch.set_num_threads(1)
    torch.manual_seed(cfg.seed)
    network = Network(cfg.model, cfg.hidden_size)
    optimizer = torch.optim.Adam(network.parameters(), cfg.learning_rate)
    fixed, drawn = torch.Generator().manual_seed(1_000_000), torch.Generator().manual_seed(int(cfg.seed))
    val, test = (draw(fixed, cfg.length, cfg.examples) for _ in range(2))
    best, best_weights = float("inf"), network.state_dict()
    for epoch in range(cfg.epochs):
        network.train()
        losses, norms = 0.0, 0.0
        for _ in range(cfg.steps_per_epoch):
            x, target = draw(drawn, cfg.length, cfg.batch_size)
            optimizer.zero_grad()
            loss = nn.functional.mse_loss(network(x), target)
            loss.backward()
            norm = nn.utils.clip_grad_norm_(network.parameters(), cfg.clip_norm)
            optimizer.step()
            losses, norms = losses + loss.item(), norms + norm.item()
        error = score(network, val)
        steps = cfg.steps_per_epoch
        log({"train/loss": losses / steps, "train/grad_norm": norms / steps, "val/mse": error}, (epoch + 1) * steps)
        if error < best:
            best, best_weights = error, {name: value.clone() for name, value in network.state_dict().items()}
    network.load_state_dict(best_weights)
    error = score(network, test)
    log({"test/mse": error}, cfg.epochs * cfg.steps_per_epoch)
    folder = Path(HydraConfig.get().runtime.output_dir)
    torch.save(best_weights, folder / "best.pt")
    OmegaConf.save(cfg, folder / "config.yaml")
    return error


@hydra.main(version_base="1.3", config_path=".", config_name="config")
def main(cfg: DictConfig) -> float:
    if not cfg.tracking:
        return train(cfg, lambda metrics, step: None)
    import mlflow

    mlflow.set_tracking_uri(f"sqlite:///{Path.cwd()}/mlflow.db")
    mlflow.set_experiment("minimal")
    with mlflow.start_run(run_name=f"{cfg.model} {cfg.seed}"):
        mlflow.log_params(OmegaConf.to_container(cfg))
        error = train(cfg, lambda metrics, step: mlflow.log_metrics(metrics, step=step))
        mlflow.log_artifacts(HydraConfig.get().runtime.output_dir)
    return error


if __name__ == "__main__":
    main()
