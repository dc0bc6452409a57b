"""The textbook equations, as plainly as they can be written: one example, one step, one unit of thought at a time.

Slow, obvious and independent of the shipped cores, which are judged against them. W, U and b are a layer's input
weights, recurrent weights and bias.
"""

import numpy as np


def sigmoid(z):
    return 1 / (1 + np.exp(-z))


G: dict = {"tanh": np.tanh, "relu": lambda z: np.maximum(z, 0), "sigmoid": sigmoid, "identity": lambda z: z}


def rnn(p, x, h, activation="tanh"):
    outputs = []
    for x_t in x:
        h = G[activation](p["W_xh"] @ x_t + p["W_hh"] @ h + p["b_h"])
        outputs.append(h)
    return np.array(outputs), h


def stacked_rnn(p, x, state, activation="tanh", num_layers=2):
    layers = np.split(state, num_layers)
    outputs = []
    for x_t in x:
        layers[0] = G[activation](p["W_xh"] @ x_t + p["W_hht.1"] @ layers[0] + p["b_h.1"])
        for l in range(1, num_layers):
            depth, time = p[f"W_hhd.{l + 1}"] @ layers[l - 1], p[f"W_hht.{l + 1}"] @ layers[l]
            layers[l] = G[activation](depth + time + p[f"b_h.{l + 1}"])
        outputs.append(layers[-1])
    return np.array(outputs), np.concatenate(layers)


def lstm(
    p,
    x,
    state,
    freeze_gates=(),
    candidate_activation="tanh",
    output_activation="tanh",
    coupled=False,
    peepholes=False,
    gate_recurrence=False,
):
    H = len(p["b_f"])
    h, c, before = state[:H], state[H : 2 * H], state[2 * H :]  # before: the gates of the last step, o, i, f

    def gate(name, hx, cell):
        if name in freeze_gates:
            return np.ones_like(h)
        z = p[f"W_{name}"] @ hx + p[f"b_{name}"]
        if peepholes:
            z = z + p[f"p_{name}"] * cell
        if gate_recurrence:
            z = z + p[f"R_{name}"] @ before
        return sigmoid(z)

    outputs = []
    for x_t in x:
        hx = np.concatenate([h, x_t])
        f = gate("f", hx, c)
        i = 1 - f if coupled else gate("i", hx, c)
        c = f * c + i * G[candidate_activation](p["W_t"] @ hx + p["b_t"])
        o = gate("o", hx, c)
        h = o * G[output_activation](c)
        if gate_recurrence:
            before = np.concatenate([o, f] if coupled else [o, i, f])
        outputs.append(h)
    return np.array(outputs), np.concatenate([h, c, before])


def lstm_separate(p, x, state, X):
    """The same LSTM written with a separate pair (U on h, W on x) a gate instead of one matrix on [h; x]."""
    h, c = np.split(state, 2)
    H = len(h)
    outputs = []
    for x_t in x:
        z = {gate: p[f"W_{gate}"][:, :H] @ h + p[f"W_{gate}"][:, H : H + X] @ x_t + p[f"b_{gate}"] for gate in "fiot"}
        c = sigmoid(z["f"]) * c + sigmoid(z["i"]) * np.tanh(z["t"])
        h = sigmoid(z["o"]) * np.tanh(c)
        outputs.append(h)
    return np.array(outputs), np.concatenate([h, c])


def gru(p, x, h, reset="before", freeze_gates=()):
    H = len(h)
    outputs = []
    for x_t in x:
        hx = np.concatenate([h, x_t])
        z, r = (
            np.ones_like(h) if gate in freeze_gates else sigmoid(p[f"W_{gate}"] @ hx + p[f"b_{gate}"]) for gate in "zr"
        )
        W_hh, W_hx = p["W_h"][:, :H], p["W_h"][:, H:]
        if reset == "before":
            candidate = np.tanh(W_hh @ (r * h) + W_hx @ x_t + p["b_h"])
        else:
            candidate = np.tanh(W_hx @ x_t + p["b_h"] + r * (W_hh @ h + p["b_hh"]))
        h = (1 - z) * candidate + z * h
        outputs.append(h)
    return np.array(outputs), h
