"""Naive float64 transcription of the paper's other functional forms.

Source: "Evolving Neural Update Rules for Sequence Learning" (under review at ICLR
2022). Algorithm 1 and section 5 are the sweep; section 5 also names the LSTM for the
activations update AU (its state split into hidden and cell, the rest of `a` its
input), vector weights and the softmax read-out. Section 6.2 compares PMLP, MLP (relu,
tanh) and LSTM for AU, and for the weights update WU Eq. (4), PMLP and LSTM, fed the
two activations, their product or both, the PMLP's output added to the old weight or
taking its place. Section 7 lists what mattered, which `components`, `transposed` and
`readout` let one take away.

This is a witness to test fast code against: explicit loops, nothing clever. Layers,
weights and symbols are as in pmlp_hebb.py, from which the PMLP of Eq. (3) and the
read-outs come.

Conventions:
- `neurons[l]` holds "kind" and its arrays, n_a being the size of a neuron's state and
  `a` the state, then the messages:
    "pmlp": M1, M2 (hidden, len(a)), b1 (hidden,), M3 (n_a, hidden), b3 (n_a,);
    "tanh", "relu": W1 (hidden, len(a)), b1 (hidden,), W2 (n_a, hidden), b2 (n_a,);
    "lstm": W_x (4u, messages), W_h (4u, u), b (4u,), with n_a = 2u.
- The messages to layer l run over k = 0, 1, ...: for each k the one through w_{l,k},
  then the one through w_{k,l} transposed, where these weights exist.
- An LSTM's state is its hidden half, then its cell half. Its gates are stacked in the
  order input, forget, output, candidate, with no forget bias beyond b.
- `components` are those of a neuron's state that are sent through w, sent through w
  transposed, and that are the pre- and post-synaptic factors of WU. -1 is read out.
- `synapses` is None for Eq. (4), with weights (n_post, n_pre). Otherwise weights are
  (n_post, n_pre, n_w), component 0 is what multiplies in messages, and
  `synapses[post, pre]` holds "kind", "fed" and the arrays:
    "pmlp": as above, n_w for n_a, from the weight's state, then the features; if
      "replaces", its output is the new state, otherwise it is added to the old;
    "lstm": as above, n_w = 2u, its inputs the features only.
- What AU and WU read: the state of the tick before in the layer itself and the layers
  above, of this tick in the layers below; WU reads the layer's own new state.

Departures from the paper: when shown, a symbol is also written into the last layer
(the paper says nothing of how the output layer learns the target). What it leaves
open, and is settled here: the order of the LSTM's halves and gates, which number of a
vector weight multiplies, and that an LSTM weight's state is split as a neuron's is.
"""

import numpy as np

from tests.naive.pmlp_hebb import activations_update as pmlp
from tests.naive.pmlp_hebb import probabilities, sigmoid


def mlp(theta, a):
    """A one hidden layer MLP: W2 f(W1 a + b1) + b2."""
    hidden = np.zeros(len(theta["b1"]), dtype=np.float64)
    for m in range(len(hidden)):
        total = np.dot(theta["W1"][m], a) + theta["b1"][m]
        if theta["kind"] == "tanh":
            hidden[m] = np.tanh(total)
        else:
            hidden[m] = max(total, 0.0)
    new = np.zeros(len(theta["b2"]), dtype=np.float64)
    for c in range(len(new)):
        new[c] = np.dot(theta["W2"][c], hidden) + theta["b2"][c]
    return new


def lstm(theta, state, inputs):
    """The standard LSTM; state is the hidden half, then the cell half."""
    u = len(state) // 2
    if len(theta["b"]) != 4 * u or len(state) != 2 * u:
        raise ValueError(f"b has {len(theta['b'])} numbers, the state {len(state)}")
    hidden, cell = state[:u], state[u:]
    new = np.zeros(2 * u, dtype=np.float64)
    for m in range(u):
        gates = []
        for row in (m, u + m, 2 * u + m, 3 * u + m):
            from_inputs = np.dot(theta["W_x"][row], inputs)
            from_hidden = np.dot(theta["W_h"][row], hidden)
            gates.append(from_inputs + from_hidden + theta["b"][row])
        i, f, o, g = gates
        new[u + m] = sigmoid(f) * cell[m] + sigmoid(i) * np.tanh(g)
        new[m] = sigmoid(o) * np.tanh(new[u + m])
    return new


def activations_update(theta, state, messages):
    """AU of one neuron, any kind."""
    if theta["kind"] == "lstm":
        return lstm(theta, state, messages)
    a = np.concatenate([state, messages])
    if theta["kind"] == "pmlp":
        return pmlp(theta, a)
    if theta["kind"] in ("tanh", "relu"):
        return mlp(theta, a)
    raise ValueError(f"unknown kind of neuron {theta['kind']!r}")


def state_size(theta):
    """The number of components n_a of a neuron's state."""
    if theta["kind"] == "lstm":
        return 2 * theta["W_h"].shape[1]
    return len(theta["b3"] if theta["kind"] == "pmlp" else theta["b2"])


def features(fed, pre, post):
    """What a weight is told of the two neurons it lies between."""
    if fed == "side by side":
        return np.array([pre, post])
    if fed == "product":
        return np.array([pre * post])
    if fed == "both":
        return np.array([pre, post, pre * post])
    raise ValueError(f"unknown way to feed a synapse {fed!r}")


def weight_update(theta, state, pre, post):
    """WU of one vector weight, any kind but Hebbian."""
    told = features(theta["fed"], pre, post)
    if theta["kind"] == "lstm":
        return lstm(theta, state, told)
    if theta["kind"] == "pmlp":
        output = pmlp(theta, np.concatenate([state, told]))
        if len(output) != len(state):
            raise ValueError(f"{len(output)} outputs for a weight of {len(state)}")
        return output if theta["replaces"] else state + output
    raise ValueError(f"unknown kind of synapse {theta['kind']!r}")


def weights_update(theta, w_lk, h_l, h_k, components):
    """WU of all the weights from layer k to layer l, in place; theta None: Eq. (4)."""
    for i in range(len(h_l)):
        for j in range(len(h_k)):
            pre, post = h_k[j, components[2]], h_l[i, components[3]]
            if theta is None:
                w_lk[i, j] += post * pre
            else:
                w_lk[i, j] = weight_update(theta, w_lk[i, j], pre, post)


def multipliers(w):
    """The numbers (n_post, n_pre) that multiply in messages."""
    return w if w.ndim == 2 else w[:, :, 0]


def neuron_messages(weights, h, l, i, transposed, components):
    """All of the vector a of Algorithm 1 but the state, for neuron i of layer l."""
    messages = []
    for k in range(len(h)):
        if (l, k) in weights:
            w = multipliers(weights[l, k])
            messages.append(np.dot(w[i, :], h[k][:, components[0]]))
        if transposed and (k, l) in weights:
            w = multipliers(weights[k, l])
            messages.append(np.dot(w[:, i], h[k][:, components[1]]))
    return np.array(messages, dtype=np.float64)


def sweep(neurons, synapses, weights, h, transposed, components):
    """Algorithm 1 after the input is written; changes weights and h in place."""
    for l in range(len(h)):
        new = np.zeros_like(h[l])
        for i in range(len(h[l])):
            messages = neuron_messages(weights, h, l, i, transposed, components)
            new[i] = activations_update(neurons[l], h[l][i], messages)
        h[l] = new
        for k in range(len(h)):
            if (l, k) in weights:
                theta = None if synapses is None else synapses[l, k]
                weights_update(theta, weights[l, k], h[l], h[k], components)


def write_symbol(h_l, symbol, component):
    """Write the symbol, one-hot, into one component of a layer (-1 writes zeros)."""
    if not -1 <= symbol < len(h_l):
        raise ValueError(f"symbol {symbol} does not fit a layer of {len(h_l)}")
    for i in range(len(h_l)):
        h_l[i, component] = 1.0 if i == symbol else 0.0


def in_float64(theta):
    """A copy of one dict of parameters, its arrays in float64."""
    copy = {}
    for name, value in theta.items():
        if name in ("kind", "fed", "replaces"):
            copy[name] = value
        else:
            copy[name] = np.array(value, dtype=np.float64)
    return copy


def life(
    neurons,
    sizes,
    weights,
    symbols,
    synapses=None,
    readout="relu",
    shown=True,
    transposed=True,
    components=(0, 1, 2, 3),
):
    """Run one network over the symbols, from zero activations.

    symbols[t] is tick t's input (-1: none). shown, a bool or one bool per tick, says
    whether symbols[t] is also written into the last layer before tick t's sweep; both
    are written into component components[0]. transposed=False: no messages through
    transposed weights, so `a` is shorter.
    Returns p (ticks, n_out), the probabilities after each tick, and the final
    activations h (a list, one array per layer) and weights w (a dict).
    """
    if len(neurons) != len(sizes):
        raise ValueError("neurons and sizes must have one entry per layer")
    if synapses is not None and set(synapses) != set(weights):
        raise ValueError("synapses and weights must have the same edges")
    shown_at = [bool(s) for s in np.broadcast_to(shown, (len(symbols),))]

    neurons = [in_float64(theta) for theta in neurons]
    if synapses is not None:
        synapses = {edge: in_float64(theta) for edge, theta in synapses.items()}
    w = {}
    for (post, pre), array in weights.items():
        w[post, pre] = np.array(array, dtype=np.float64)
        if w[post, pre].shape[:2] != (sizes[post], sizes[pre]):
            raise ValueError(f"weights[{post}, {pre}] must be (n_post, n_pre, ...)")
        if w[post, pre].ndim != (2 if synapses is None else 3):
            raise ValueError(f"weights[{post}, {pre}] has {w[post, pre].ndim} axes")
    h = [np.zeros((n, state_size(t))) for n, t in zip(sizes, neurons, strict=True)]

    p = np.zeros((len(symbols), sizes[-1]), dtype=np.float64)
    for t, symbol in enumerate(symbols):
        write_symbol(h[0], symbol, components[0])
        if shown_at[t] and symbol != -1:
            write_symbol(h[-1], symbol, components[0])
        sweep(neurons, synapses, w, h, transposed, components)
        p[t] = probabilities(h[-1], readout)
    return {"p": p, "h": h, "w": w}
