"""The training loop, losses, optimizers, checkpoints."""
