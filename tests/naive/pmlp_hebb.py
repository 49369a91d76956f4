"""Naive float64 transcription of the PMLP + Hebbian network, one neuron at a time.

Source: "Evolving Neural Update Rules for Sequence Learning" (under review at ICLR
2022). Section 5, Algorithm 1 is the sweep over the layers, Eq. (3) the activations
update AU, Eq. (4) the weights update WU; section 6.1 runs this combination. The
readouts are the two of section 5 (normalised relu, softmax).

This is a witness to test fast code against: explicit loops, nothing clever.

Conventions:
- Layers are numbered from 0 (the input). `weights[post, pre]` has shape
  (n_post, n_pre) and holds w_{post,pre}, which goes from layer pre to layer post.
- `theta[l]` holds M1, M2 (hidden, inputs), b1 (hidden,), M3 (n_a, hidden), b3 (n_a,).
- A neuron's state has n_a components: 0 is sent through w, 1 through w transposed,
  2 is the pre-synaptic and 3 the post-synaptic factor of WU, -1 is read out.
- One layer's AU reads that layer's state of the tick before; layers below it have
  already been updated this tick, layers above it have not.

Departure from the paper: when shown, a symbol is also written into component 0 of
the last layer (the paper says nothing of how the output layer learns the target).
"""

import numpy as np


def sigmoid(x):
    return np.exp(-np.logaddexp(0.0, -x))


def write_symbol(h_l, symbol):
    """Write the symbol, one-hot, into component 0 of a layer (-1 writes zeros)."""
    if not -1 <= symbol < len(h_l):
        raise ValueError(f"symbol {symbol} does not fit a layer of {len(h_l)}")
    for i in range(len(h_l)):
        h_l[i, 0] = 1.0 if i == symbol else 0.0


def neuron_inputs(weights, h, l, i):
    """The vector a of Algorithm 1 for neuron i of layer l."""
    a = list(h[l][i])
    for k in range(len(h)):
        if (l, k) in weights:
            a.append(np.dot(weights[l, k][i, :], h[k][:, 0]))
        if (k, l) in weights:
            a.append(np.dot(weights[k, l][:, i], h[k][:, 1]))
    return np.array(a, dtype=np.float64)


def activations_update(theta_l, a):
    """AU, Eq. (3): M3 (sigmoid(M1 a) * tanh(M2 a) + b1) + b3, for one neuron."""
    hidden = np.zeros(len(theta_l["b1"]), dtype=np.float64)
    for m in range(len(hidden)):
        gate = sigmoid(np.dot(theta_l["M1"][m], a))
        value = np.tanh(np.dot(theta_l["M2"][m], a))
        hidden[m] = gate * value + theta_l["b1"][m]
    new = np.zeros(len(theta_l["b3"]), dtype=np.float64)
    for c in range(len(new)):
        new[c] = np.dot(theta_l["M3"][c], hidden) + theta_l["b3"][c]
    return new


def weights_update(w_lk, h_l, h_k):
    """WU, Eq. (4), in place: w_lk[i, j] += h_l[i, 3] * h_k[j, 2]."""
    for i in range(len(h_l)):
        for j in range(len(h_k)):
            w_lk[i, j] += h_l[i, 3] * h_k[j, 2]


def sweep(theta, weights, h):
    """Algorithm 1 after the input is written; changes weights and h in place."""
    for l in range(len(h)):
        new = np.zeros_like(h[l])
        for i in range(len(h[l])):
            new[i] = activations_update(theta[l], neuron_inputs(weights, h, l, i))
        h[l] = new
        for k in range(len(h)):
            if (l, k) in weights:
                weights_update(weights[l, k], h[l], h[k])


def probabilities(h_last, readout):
    out = h_last[:, -1]
    if readout == "relu":
        score = np.maximum(out, 0.0) + 0.001
    elif readout == "softmax":
        score = np.exp(out - np.max(out))
    else:
        raise ValueError(f"unknown readout {readout!r}")
    return score / np.sum(score)


def life(theta, sizes, weights, symbols, readout="relu", shown=True):
    """Run one network over the symbols, from zero activations.

    symbols[t] is tick t's input (-1: none). shown, a bool or one bool per tick, says
    whether symbols[t] is also written into the last layer before tick t's sweep.
    Returns p (ticks, n_out), the probabilities after each tick, and the final
    activations h (a list, one array per layer) and weights w (a dict).
    """
    if len(theta) != len(sizes):
        raise ValueError("theta and sizes must have one entry per layer")
    shown_at = [bool(s) for s in np.broadcast_to(shown, (len(symbols),))]

    theta = [{n: np.array(v, dtype=np.float64) for n, v in t.items()} for t in theta]
    w = {}
    for (post, pre), array in weights.items():
        w[post, pre] = np.array(array, dtype=np.float64)
        if w[post, pre].shape != (sizes[post], sizes[pre]):
            raise ValueError(f"weights[{post}, {pre}] must be (n_post, n_pre)")
    h = [np.zeros((n, len(t["b3"]))) for n, t in zip(sizes, theta, strict=True)]

    p = np.zeros((len(symbols), sizes[-1]), dtype=np.float64)
    for t, symbol in enumerate(symbols):
        write_symbol(h[0], symbol)
        if shown_at[t] and symbol != -1:
            write_symbol(h[-1], symbol)
        sweep(theta, w, h)
        p[t] = probabilities(h[-1], readout)
    return {"p": p, "h": h, "w": w}
