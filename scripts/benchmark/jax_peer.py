"""JAX's side: a lax.scan cell, the whole step with clipping and Adam under one jit, its arguments donated."""

from collections.abc import Callable
from functools import partial
from typing import Any

import jax
import jax.numpy as jnp
import numpy as np

from scripts.benchmark.cases import BETA1, BETA2, CLIP_NORM, EPSILON, LEARNING_RATE, Case, batches, weights

WRITTEN = ("rnn", "stacked_rnn", "lstm")
ONE_PRODUCT, HOISTED = "one product in the scan", "x products before the scan"


class Side:
    """See ``ours.Side``."""

    name = "jax"

    def __init__(self, threads: int) -> None:
        self.threads = threads  # the process has that many CPUs, and XLA's pool one thread a CPU

    def version(self) -> str:
        return f"jax {jax.__version__}, {self.threads} CPUs"

    def variants(self, case: Case) -> list[str]:
        return [ONE_PRODUCT, HOISTED]

    def prepare(self, case: Case, variant: str) -> Callable[[], Any]:
        if case.model not in WRITTEN:
            raise ValueError(f"{case.model} is not written in JAX here")
        jax.clear_caches()
        params = {name: jnp.asarray(value) for name, value in load(case).items()}
        zeros = partial(jax.tree.map, jnp.zeros_like)
        state = (params, zeros(params), zeros(params), jnp.zeros((), jnp.float32))
        data = []
        for x, target in batches(case):
            steps_examples = x if case.vocabulary else np.ascontiguousarray(x.swapaxes(1, 2))  # (T, B, X)
            data.append((jnp.asarray(steps_examples), jnp.asarray(target.ravel())))
        train = jax.jit(partial(train_step, case, variant), donate_argnums=0)
        count = 0

        def step() -> jax.Array:
            nonlocal count, state
            state, loss = train(state, *data[count % len(data)])
            count += 1
            return loss

        return step

    def loss(self, result: Any) -> float:
        return float(jax.block_until_ready(result))  # a step's outputs are ready together


def load(case: Case) -> dict[str, np.ndarray]:
    """The common starting weights for rows as examples: W.l (H+X, G·H) on [h, x], b.l (G·H,), W_hy (H, Y)."""
    w = weights(case)
    params = {"W_hy": w["W_hy"].T, "b_y": w["b_y"][:, 0]}
    if case.vocabulary:
        params["E"] = w["E"]
    if case.model == "lstm":
        params["W.0"] = np.vstack([w[f"W_{gate}"] for gate in "fiot"]).T
        params["b.0"] = np.concatenate([w[f"b_{gate}"][:, 0] for gate in "fiot"])
    elif case.model == "rnn":
        params |= {"W.0": np.hstack((w["W_hh"], w["W_xh"])).T, "b.0": w["b_h"][:, 0]}
    else:
        for layer in range(case.kind.layers):
            below = w[f"W_hhd.{layer + 1}"] if layer else w["W_xh"]
            params[f"W.{layer}"] = np.hstack((w[f"W_hht.{layer + 1}"], below)).T
            params[f"b.{layer}"] = w[f"b_h.{layer + 1}"][:, 0]
    return params


def rnn_cell(z: jax.Array, state: tuple[jax.Array, ...]) -> tuple[jax.Array, ...]:
    return (jnp.tanh(z),)


def lstm_cell(z: jax.Array, state: tuple[jax.Array, ...]) -> tuple[jax.Array, ...]:
    f, i, o, t = jnp.split(z, 4, axis=-1)
    c = jax.nn.sigmoid(f) * state[1] + jax.nn.sigmoid(i) * jnp.tanh(t)
    return jax.nn.sigmoid(o) * jnp.tanh(c), c


def layer(case: Case, variant: str, W: jax.Array, b: jax.Array, x: jax.Array, all_steps: bool) -> jax.Array:
    """h (T, B, H), or the last one (B, H)."""
    H = case.H
    cell = lstm_cell if case.model == "lstm" else rnn_cell
    state = tuple(jnp.zeros((case.B, H), jnp.float32) for _ in range(2 if case.model == "lstm" else 1))
    inputs = x @ W[H:] + b if variant == HOISTED else x

    def advance(state: tuple[jax.Array, ...], x_t: jax.Array) -> tuple[tuple[jax.Array, ...], jax.Array | None]:
        if variant == HOISTED:
            z = x_t + state[0] @ W[:H]
        else:
            z = jnp.concatenate((state[0], x_t), axis=-1) @ W + b
        state = cell(z, state)
        return state, state[0] if all_steps else None

    state, h = jax.lax.scan(advance, state, inputs)
    return h if all_steps else state[0]


def loss_of(params: dict[str, jax.Array], case: Case, variant: str, x: jax.Array, target: jax.Array) -> jax.Array:
    h = params["E"][x] if case.vocabulary else x
    for index in range(case.kind.layers):
        last = index == case.kind.layers - 1
        h = layer(case, variant, params[f"W.{index}"], params[f"b.{index}"], h, case.every_step or not last)
    logits = h.reshape(-1, case.H) @ params["W_hy"] + params["b_y"]
    chosen = jnp.take_along_axis(logits, target[:, None], axis=1)[:, 0]
    return jnp.mean(jax.nn.logsumexp(logits, axis=1) - chosen)


def train_step(case: Case, variant: str, state: Any, x: jax.Array, target: jax.Array) -> tuple[Any, jax.Array]:
    """Loss, gradient, clipping by the global norm, Adam (Kingma and Ba 2015, algorithm 1)."""
    params, m, v, count = state
    loss, grad = jax.value_and_grad(loss_of)(params, case, variant, x, target)
    norm = jnp.sqrt(sum(jnp.vdot(g, g) for g in jax.tree.leaves(grad)))
    scale = jnp.minimum(1.0, CLIP_NORM / norm)
    grad = jax.tree.map(lambda g: g * scale, grad)
    count = count + 1
    m = jax.tree.map(lambda m, g: BETA1 * m + (1 - BETA1) * g, m, grad)
    v = jax.tree.map(lambda v, g: BETA2 * v + (1 - BETA2) * g * g, v, grad)
    by_m, by_v = 1 / (1 - BETA1**count), 1 / (1 - BETA2**count)
    params = jax.tree.map(lambda w, m, v: w - LEARNING_RATE * by_m * m / (jnp.sqrt(v * by_v) + EPSILON), params, m, v)
    return (params, m, v, count), loss
