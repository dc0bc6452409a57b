"""A convolution of pictures: what it computes, spelled out place by place, and its exact derivative."""

import numpy as np
import pytest

from seqexp.networks import Convolution, convolution
from seqexp.numerics.params import Params
from seqexp.numerics.tape import Tape
from seqexp.testing.gradcheck import complex_step, worst_error


def drawn(picture, maps=(3, 2), outputs=4, summed=False):
    layer = Convolution(picture, outputs, maps, summed=summed)
    p = Params.zeros(layer.layout, np.float64)
    p.flat[:] = np.random.default_rng(5).standard_normal(p.flat.size)
    return layer, p


def by_hand(layer, p, x, maps, summed):
    """The docstring's equations, one number after another."""
    a = x.reshape(*layer.picture, -1)
    for l in range(1, maps + 1):
        C, height, width, N = a.shape
        W = p[f"W.{l}"].reshape(-1, C, 3, 3)
        z = np.zeros((len(W), height, width, N))
        for i, j in np.ndindex(height, width):
            z[:, i, j] = p[f"b.{l}"]
            for di, dj in np.ndindex(3, 3):
                y, x = i + di - 1, j + dj - 1
                if 0 <= y < height and 0 <= x < width:
                    z[:, i, j] += W[:, :, di, dj] @ a[:, y, x]
        tall, wide = min(2, height), min(2, width)
        a = np.zeros((len(W), height // tall, width // wide, N))
        for i, j in np.ndindex(a.shape[1:3]):
            a[:, i, j] = np.maximum(0, z[:, i * tall : (i + 1) * tall, j * wide : (j + 1) * wide].max(axis=(1, 2)))
    places = a.reshape(-1, N)[: 0 if summed else None]
    return p["W"] @ np.concatenate([places, convolution.SUM_SCALE * a.sum(axis=(1, 2))]) + p["b"]


PICTURES = [(1, 4, 4), (3, 6, 5), (2, 3, 7), (1, 1, 3), (2, 1, 1)]


@pytest.mark.parametrize("picture", PICTURES)
@pytest.mark.parametrize("window_bytes, summed", [(convolution.WINDOW_BYTES, False), (500, False), (500, True)])
def test_it_is_what_its_equations_say(picture, window_bytes, summed, monkeypatch):
    """Whatever pieces the windows are multiplied in: 500 bytes hold not even one place."""
    monkeypatch.setattr(convolution, "WINDOW_BYTES", window_bytes)
    layer, p = drawn(picture, summed=summed)
    x = np.random.default_rng(0).standard_normal((layer.inputs, 3))
    np.testing.assert_allclose(layer.forward(p, x, Tape()), by_hand(layer, p, x, 2, summed), rtol=1e-12, atol=1e-12)


@pytest.mark.parametrize(
    "picture, N, window_bytes", [*((picture, 3, convolution.WINDOW_BYTES) for picture in PICTURES), ((2, 3, 7), 1, 500)]
)
def test_its_derivative_is_exact_and_is_added(picture, N, window_bytes, monkeypatch):
    monkeypatch.setattr(convolution, "WINDOW_BYTES", window_bytes)
    layer, p = drawn(picture, summed=N == 1)
    rng, memory = np.random.default_rng(1), Tape()
    x, dy = rng.standard_normal((layer.inputs, N)), rng.standard_normal((layer.outputs, N))
    layer.forward(p, rng.standard_normal((layer.inputs, N + 2)), memory)  # memory that has held another batch
    layer.forward(p, x, memory)
    grad = p.like(np.ones_like(p.flat))
    layer.backward(p, grad, dy, x, memory)
    want = complex_step(lambda flat: (dy * layer.forward(p.like(flat), x, Tape())).sum(), p.flat)
    assert worst_error(grad.flat - 1, want) <= 1e-12


def test_of_equal_largest_numbers_one_alone_gets_the_derivative():
    """Of a picture of one colour all windows are alike, but for those at its edge."""
    layer, p = drawn((1, 12, 12), (1, 1), 1)
    p.flat[:] = np.abs(p.flat)
    x, memory = np.ones((144, 1)), Tape()
    layer.forward(p, x, memory)
    grad = p.like()
    layer.backward(p, grad, np.ones((1, 1)), x, memory)
    want = complex_step(lambda flat: layer.forward(p.like(flat), x, Tape()).sum(), p.flat)
    assert worst_error(grad.flat, want) <= 1e-12


def test_a_second_backward_pass_gives_the_same():
    layer, p = drawn((3, 6, 5))
    memory, x = Tape(), np.random.default_rng(2).standard_normal((90, 2))
    y = layer.forward(p, x, memory)
    once, twice = p.like(), p.like()
    for grad in (once, twice):
        layer.backward(p, grad, y, x, memory)
    np.testing.assert_array_equal(once.flat, twice.flat)


def test_in_float32_it_computes_the_same_to_rounding():
    found = []
    for dtype in (np.float64, np.float32):
        layer, exact = drawn((2, 6, 5))
        p, memory, rng = Params.zeros(layer.layout, dtype), Tape(), np.random.default_rng(2)
        p.flat[:] = exact.flat
        x, dy = (rng.standard_normal((rows, 3)).astype(dtype) for rows in (layer.inputs, layer.outputs))
        y, grad = layer.forward(p, x, memory), p.like()
        layer.backward(p, grad, dy, x, memory)
        assert y.dtype == grad.flat.dtype == dtype
        found.append((y, grad.flat))
    for exact, rounded in zip(*found, strict=True):
        np.testing.assert_allclose(rounded, exact, rtol=0, atol=1e-5 * np.abs(exact).max())


def test_its_places_are_read_unless_sums_alone_are_asked_for():
    every, sums = (Convolution((1, 4, 4), 5, (3, 2), **how).layout.size for how in ({}, {"summed": True}))
    assert every - sums == 5 * 2  # one place of each of the two last maps
