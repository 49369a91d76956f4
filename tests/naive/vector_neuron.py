"""Neurons and synapses with vector states that learn to remember, in plain loops.

Written from the paper's equations alone, in float64, slowly and in the open. A neuron's
body is a small vector h_i of n components, counted from 0; so is a synapse's state,
w_ij, from neuron j to neuron i. One function, `synapse`, renews every synapse and one,
`neuron`, every body; layers (the types of neurons) differ by an embedding only. The
paper calls the synapse's function g in Eq. (2) and f before Eq. (5), the neuron's f in
Eq. (4) and g before Eq. (8): here they go by what they renew.

How things are kept:

- `h` is a list, one array (neurons, n) a layer; layer 0 is the input and the output;
- `w` maps an edge (post, pre) to an array (neurons of post, neurons of pre, n), so that
  `w[post, pre][i, j]` is w_ij; an edge that is not there does not exist;
- `theta` holds `embedding` (layers, e) and one dict for each of `synapse`, `neuron` and
  `input` (see `shapes`), and `effect` in the one variant that asks for it;
- `rule`, wherever it stands, is the keyword arguments of `tick`.
"""

import numpy as np

OPS = ("MLP", "MLP-tanh", "LSTM", "LSTM-sigma", "LSTM-id", "GATED")
GATES = ("i", "f", "o", "c")  # of an LSTM: input, forget, output, and what comes in


# The network and the shapes of its numbers


def edges(layers, *, hidden=True, input_to_itself=True):
    """List the pairs (post, pre): every layer to every layer, itself too.

    So it is in Section 6. The variants of Section 7: `hidden=False` leaves the input
    layer alone in the world, `input_to_itself=False` takes away all its synapses onto
    its own layer.
    """
    kept = range(layers) if hidden else range(1)
    pairs = [(post, pre) for post in kept for pre in kept]
    if not input_to_itself:
        pairs.remove((0, 0))
    return pairs


def shapes(
    n, e, layers, hidden, *, neuron, synapse, effect="product", product_in_x=None
):
    """Give the shape of every number of theta, nested as `tick` wants them.

    `hidden` maps "neuron", "synapse", "input" (and "effect") to the hidden units of
    their MLPs; an LSTM does not ask. A GATED cell's MLP puts out a, then b.
    """
    if product_in_x is None:
        product_in_x = effect == "product"
    inputs = (4 if product_in_x else 3) * n + 2 * e
    more = n if effect == "wide" else 0
    theta = {
        "embedding": (layers, e),
        "neuron": op_shapes(neuron, n, n + e, hidden.get("neuron"), 0),
        "synapse": op_shapes(synapse, n, inputs, hidden.get("synapse"), more),
        "input": mlp_shapes(n + n + e, hidden["input"], n),
    }
    if effect == "own":
        theta["effect"] = op_shapes(synapse, n, inputs, hidden.get("effect"), 0)
    return theta


def op_shapes(name, n, inputs, hidden, more):
    """Give the shapes of one OP's numbers; `more` outputs besides the new state."""
    if name in ("MLP", "MLP-tanh"):
        return mlp_shapes(n + inputs, hidden, n + more)
    if name == "GATED":
        return mlp_shapes(n + inputs, hidden, 2 * n + more)
    if name not in OPS:
        raise ValueError(f"no OP is called {name!r}")
    theta = lstm_shapes(n // 2, inputs)
    if more:
        theta.update(Wu=(more, inputs), Uu=(more, n // 2), bu=(more,))
    return theta


def mlp_shapes(inputs, hidden, outputs):
    """Give the shapes of an MLP of one hidden layer."""
    return {
        "W1": (hidden, inputs),
        "b1": (hidden,),
        "W2": (outputs, hidden),
        "b2": (outputs,),
    }


def lstm_shapes(units, inputs):
    """Give the shapes of an LSTM: for each gate W (for x), U (for hidden) and b."""
    theta = {}
    for gate in GATES:
        theta["W" + gate] = (units, inputs)
        theta["U" + gate] = (units, units)
        theta["b" + gate] = (units,)
    return theta


# The pieces that every OP is made of


def sigmoid(a):
    """The logistic function."""
    return 1.0 / (1.0 + np.exp(-a))


def one_hot(symbol, size):
    """A vector of zeros with a one in the symbol's place."""
    y = np.zeros(size)
    y[symbol] = 1.0
    return y


def softmax(v):
    """Exponentials, made to sum to one."""
    largest = max(v)  # drops out of the ratio
    exponentials = [np.exp(v_i - largest) for v_i in v]
    total = sum(exponentials)
    return np.array([each / total for each in exponentials])


def mlp(theta, x):
    """One hidden layer of tanh, and linear outputs (Section 6)."""
    hidden = np.tanh(theta["W1"] @ x + theta["b1"])
    return theta["W2"] @ hidden + theta["b2"]


def lstm(theta, hidden, cell, x, last=np.tanh):
    """One step of the standard LSTM; `last` is what the cell is seen through."""
    a = {
        gate: theta["W" + gate] @ x + theta["U" + gate] @ hidden + theta["b" + gate]
        for gate in GATES
    }
    new_cell = sigmoid(a["f"]) * cell + sigmoid(a["i"]) * np.tanh(a["c"])
    new_hidden = sigmoid(a["o"]) * last(new_cell)
    return new_hidden, new_cell


# The six OPs


def op(name, theta, s, x, role, correlation=None, wide=False):
    """Give the new state OP(s, x), and n further linear outputs if `wide`.

    `role` is "neuron" or "synapse". It decides two things: an MLP ends in a sigmoid for
    neurons and in nothing for synapses, and a GATED synapse is drawn to r + h_i h_j^1
    (`correlation`), a GATED neuron to r alone, as a neuron has no j. The text does not
    say what the MLP and the LSTM see: the MLP sees [s, x], as GATED does in Eq. (10),
    since a synapse's x holds w only through the product u; the LSTM sees x and its own
    hidden half. The first half of an LSTM's state is hidden, the second its cells, so
    that the component which is sent to others, 0, is hidden.
    """
    n = len(s)
    if role not in ("neuron", "synapse"):
        raise ValueError(f"no role is called {role!r}")
    if name in ("MLP", "MLP-tanh"):
        outputs = mlp(theta, np.concatenate([s, x]))
        new, further = outputs[:n], outputs[n:]
        if name == "MLP-tanh":
            new = np.tanh(new)
        elif role == "neuron":
            new = sigmoid(new)
    elif name == "GATED":
        outputs = mlp(theta, np.concatenate([s, x]))  # Eq. (10)
        a, b, further = outputs[:n], outputs[n : 2 * n], outputs[2 * n :]
        g = sigmoid(a)  # Eq. (11)
        r = np.tanh(b)  # Eq. (12)
        if role == "synapse":
            new = (1 - g) * s + g * (r + correlation)  # Eq. (13)
        else:
            new = (1 - g) * s + g * r
    elif name in ("LSTM", "LSTM-sigma", "LSTM-id"):
        if n % 2:
            raise ValueError(f"{name} halves its state, which has {n} components")
        hidden, cell = s[: n // 2], s[n // 2 :]
        if name == "LSTM":
            new = np.concatenate(lstm(theta, hidden, cell, x, np.tanh))
        elif name == "LSTM-sigma":
            new = np.concatenate(lstm(theta, hidden, cell, x, sigmoid))
        else:
            new = np.concatenate(lstm(theta, hidden, cell, x, lambda c: c))
        further = np.zeros(0)
        if wide:
            further = theta["Wu"] @ x + theta["Uu"] @ hidden + theta["bu"]
    else:
        raise ValueError(f"no OP is called {name!r}")
    if len(further) != (n if wide else 0):
        raise ValueError(f"{name} puts out {len(further)} numbers besides its state")
    return new, further


# One tick


def synapse_update(theta, w_ij, h_i, h_j, tau_i, tau_j, rule):
    """Give the effect u_ij of one synapse and its new state (Eq. 2, 5 to 7).

    Both come from the old w_ij. Where the OP puts out u_ij, the product is neither the
    effect nor, unless `product_in_x`, among the inputs (Section 7).
    """
    effect = rule["effect"]
    product = w_ij * h_j[rule["sent"]]  # Eq. (5)
    correlation = h_i * h_j[rule["hebb"]]
    if rule["product_in_x"]:
        x_ij = np.concatenate([h_i, h_j, product, correlation, tau_i, tau_j])  # Eq. (6)
    else:
        x_ij = np.concatenate([h_i, h_j, correlation, tau_i, tau_j])
    new_w_ij, further = op(
        rule["synapse"],
        theta["synapse"],
        w_ij,
        x_ij,
        "synapse",
        correlation,
        wide=effect == "wide",
    )  # Eq. (7)
    if effect == "product":
        u_ij = product
    elif effect == "wide":
        u_ij = further
    elif effect == "own":
        u_ij, _ = op(
            rule["synapse"], theta["effect"], w_ij, x_ij, "synapse", correlation
        )
    elif effect == "state":
        u_ij = new_w_ij
    else:
        raise ValueError(f"no effect of a synapse is called {effect!r}")
    return u_ij, new_w_ij


def tick(
    theta,
    h,
    w,
    symbol,
    *,
    neuron,
    synapse,
    order=None,
    sent=0,
    hebb=1,
    effect="product",
    product_in_x=None,
):
    """Renew all layers in turn; the input layer predicts the symbol, then is told it.

    A layer in its turn: all synapses into it, from the newest bodies and its own old
    ones; then the sums; then its bodies, all at once (Section 2).

    - `neuron`, `synapse`: names of OPs.
    - `order`: the sequence of the layers, which the text does not fix; the hidden ones,
      1, 2, ..., and then the input layer unless given.
    - `sent`: component of h_j in Eq. (5); `hebb`: that in Eq. (6) and (13). The same
      number for both is the variant with one component for all purposes.
    - `effect`: what u_ij is: "product" (Eq. 5); or, put out by the OP (Section 7 names
      the variant and no more), "wide", n further linear outputs of the OP's network;
      "own", a second OP of the same name, `theta["effect"]`, on the same w_ij and x_ij;
      "state", the new w_ij itself.
    - `product_in_x`: whether x_ij holds w_ij h_j^0; only with "product" unless given.

    Gives a dict: `h` and `w` after the tick, `u` (a list, by layer), and of the input
    layer `v`, `s` (softmax, by neuron and component), `p`, `y`, and the `loss`.
    """
    layers = range(len(h))
    if order is None:
        order = [*layers[1:], 0]
    if sorted(order) != list(layers):
        raise ValueError(f"the order {order} does not name every layer once")
    if product_in_x is None:
        product_in_x = effect == "product"
    rule = {
        "synapse": synapse,
        "sent": sent,
        "hebb": hebb,
        "effect": effect,
        "product_in_x": product_in_x,
    }
    n = h[0].shape[1]
    h = [np.array(layer, dtype=float) for layer in h]
    w = {edge: np.array(states, dtype=float) for edge, states in w.items()}
    u = [np.zeros(layer.shape) for layer in h]
    result = {}

    for post in order:
        tau_i = theta["embedding"][post]
        for i in range(len(h[post])):
            for pre in layers:
                if (post, pre) not in w:
                    continue
                tau_j = theta["embedding"][pre]
                for j in range(len(h[pre])):
                    u_ij, new_w_ij = synapse_update(
                        theta,
                        w[post, pre][i, j],
                        h[post][i],
                        h[pre][j],
                        tau_i,
                        tau_j,
                        rule,
                    )
                    w[post, pre][i, j] = new_w_ij
                    u[post][i] = u[post][i] + u_ij  # Eq. (3), (8)

        new = np.zeros(h[post].shape)
        if post == 0:
            result.update(input_layer(theta, h[0], u[0], tau_i, symbol))
            for i in range(len(new)):
                p_i, y_i = result["p"][i], result["y"][i]
                new[i, 0] = y_i  # Eq. (18)
                for alpha in range(1, n - 1):
                    new[i, alpha] = result["s"][i, alpha]
                new[i, n - 1] = y_i - p_i
        else:
            for i in range(len(new)):
                x_i = np.concatenate([u[post][i], tau_i])
                own = theta["neuron"]
                new[i], _ = op(neuron, own, h[post][i], x_i, "neuron")  # Eq. (4), (9)
        h[post] = new

    return {"h": h, "w": w, "u": u, **result}


def input_layer(theta, h, u, tau, symbol):
    """Predict: softmax over the neurons, component by component (Eq. 14 to 17).

    Component 0 is the prediction p. What is then written into h, Eq. (18), is left to
    the tick: the symbol in component 0, the error in the last, n - 1; the softmaxes
    stay in between. (As printed, Eq. (18) keeps h^{n-1} too and so has n + 1
    components; the prose says that the first and the last are replaced.)
    """
    neurons, n = h.shape
    v = np.zeros((neurons, n))
    for i in range(neurons):
        v[i] = mlp(theta["input"], np.concatenate([h[i], u[i], tau]))  # Eq. (14)
    s = np.zeros((neurons, n))
    for alpha in range(n):
        s[:, alpha] = softmax(v[:, alpha])  # Eq. (15)
    p = s[:, 0].copy()  # Eq. (16)
    y = one_hot(symbol, neurons)
    loss = 0.0
    for i in range(neurons):
        if y[i] > 0:
            loss = loss - y[i] * np.log(p[i])  # Eq. (17)
    return {"v": v, "s": s, "p": p, "y": y, "loss": loss}


# A run, and one step of learning to remember


def run(theta, h, w, symbols, **rule):
    """Live through the symbols from (h, w), and keep what every tick gave.

    Gives `ticks`, the dicts of `tick` in turn; `p` (ticks, neurons), `losses` (ticks,),
    and the last `h` and `w`. The arrays passed in are not touched.
    """
    ticks = []
    for symbol in symbols:
        ticks.append(tick(theta, h, w, symbol, **rule))
        h, w = ticks[-1]["h"], ticks[-1]["w"]
    return {
        "ticks": ticks,
        "p": np.array([each["p"] for each in ticks]),
        "losses": np.array([each["loss"] for each in ticks]),
        "h": h,
        "w": w,
    }


def read(text, start, T):
    """T symbols of the text from a place on; past its end it begins again."""
    return [text[(start + step) % len(text)] for step in range(T)]


def allowed_starts(t, T, P, *, section=7, ends=None, born=None):
    """List the places that t_p may be drawn from, each as likely as the others.

    t is the place of the newest symbol read; places are not yet wrapped around.

    - `section`: 5, between t - P and t - T, as printed there; 7, between t - T - P and
      t - T, so that P = 10 reaches T + P = 20 symbols back, as the experiments say.
    - `ends`: "both" belong to the set, "first" alone does (the usual range of a
      program), or "neither". Unless given, neither for Section 5, which prints an open
      interval (empty at P = T), and both for Section 7, "up to" 20 back.
    - `born`: no start before this place.
    """
    if section == 7:
        first = t - T - P
    elif section == 5:
        first = t - P
    else:
        raise ValueError(f"the interval stands in section 5 or 7, not in {section}")
    last = t - T
    if ends is None:
        ends = "both" if section == 7 else "neither"
    if ends == "first":
        last = last - 1
    elif ends == "neither":
        first, last = first + 1, last - 1
    elif ends != "both":
        raise ValueError(f"no choice of ends is called {ends!r}")
    starts = range(first, last + 1)
    return [start for start in starts if born is None or start >= born]


def remember_past(
    theta, h, w, text, t, t_p, T, *, window_weight=0.0, reduce="mean", **rule
):
    """Give the loss of one step: live T ticks, then replay T of the past (Section 5).

    (h, w) is the life after symbol t - T. It reads t - T + 1 to t and comes to
    (h_t, w_t). The replay starts from zero bodies and those very weights, reads t_p to
    t_p + T - 1, and is forgotten: `h` and `w` of the answer are the life's, after t.
    The value is the replay's loss, `reduce`d to a "mean" or a "sum" over its ticks (the
    text does not say which), plus `window_weight` times the window's own. All T ticks
    count, the first one too, at which nothing of the snippet has been seen yet.

    The gradient in theta goes through both runs, with the (h, w) of the start constant:
    differences of this value in theta at the same (h, w) are that gradient.
    """
    window = run(theta, h, w, read(text, t - T + 1, T), **rule)
    nothing = [np.zeros(layer.shape) for layer in window["h"]]
    replay = run(theta, nothing, window["w"], read(text, t_p, T), **rule)
    past = total(replay["losses"], reduce)
    value = past + window_weight * total(window["losses"], reduce)
    return {
        "value": value,
        "past": past,
        "window": window,
        "replay": replay,
        "h": window["h"],
        "w": window["w"],
    }


def total(losses, reduce):
    """The mean or the sum of the losses of a run."""
    if reduce not in ("mean", "sum"):
        raise ValueError(f"losses are reduced to a mean or a sum, not {reduce!r}")
    summed = sum(losses)
    return summed / len(losses) if reduce == "mean" else summed


# The baseline: a standard LSTM whose weights are theta


def baseline_shapes(units, symbols):
    """Give the shapes of the LSTM and of its read-out V, b."""
    theta = lstm_shapes(units, symbols)
    return {**theta, "V": (symbols, units), "b": (symbols,)}


def lstm_tick(theta, state, symbol, *, first="predict"):
    """One tick of the LSTM: it predicts the symbol, and is told it.

    `state` is (hidden, cell, seen), seen being the last symbol as a one-hot, or zeros
    before there was any. `first="predict"`: the read-out of the old hidden predicts,
    then the LSTM takes the symbol in; `seen` plays no part. `first="see"`: the LSTM
    takes in the symbol seen before, then the new hidden predicts.
    """
    hidden, cell, seen = state
    y = one_hot(symbol, len(theta["b"]))
    if first == "predict":
        p = softmax(theta["V"] @ hidden + theta["b"])
        hidden, cell = lstm(theta, hidden, cell, y)
    elif first == "see":
        hidden, cell = lstm(theta, hidden, cell, seen)
        p = softmax(theta["V"] @ hidden + theta["b"])
    else:
        raise ValueError(f"an LSTM predicts or sees first, not {first!r}")
    loss = -np.log(p[symbol])  # Eq. (17)
    return {"state": (hidden, cell, y), "p": p, "y": y, "loss": loss}


def lstm_run(theta, state, symbols, *, first="predict"):
    """Read the symbols from a state, and keep what every tick gave."""
    ticks = []
    for symbol in symbols:
        ticks.append(lstm_tick(theta, state, symbol, first=first))
        state = ticks[-1]["state"]
    return {
        "ticks": ticks,
        "p": np.array([each["p"] for each in ticks]),
        "losses": np.array([each["loss"] for each in ticks]),
        "state": state,
    }


def lstm_remember_past(
    theta,
    state,
    text,
    t,
    t_p,
    T,
    *,
    memory,
    seen=None,
    first="predict",
    window_weight=0.0,
    reduce="mean",
):
    """Give the LSTM's loss of one step on the same protocol (Sections 5 and 7).

    Its hidden and cell units are all the memory that it has. `memory="reset"`: the
    replay starts from zeros, as an activation's would; `memory="kept"`: from where the
    window left off, as a weight's would. `seen`: what it takes for the symbol before
    the snippet; unless given, nothing if reset and the window's last symbol if kept.
    Either way the life goes on from the window's end, as if there had been no replay.
    """
    window = lstm_run(theta, state, read(text, t - T + 1, T), first=first)
    hidden, cell, last_seen = window["state"]
    if memory == "reset":
        hidden, cell = np.zeros(hidden.shape), np.zeros(cell.shape)
        last_seen = np.zeros(last_seen.shape)
    elif memory != "kept":
        raise ValueError(f"memory is reset or kept, not {memory!r}")
    if seen is not None:
        last_seen = seen
    replay = lstm_run(theta, (hidden, cell, last_seen), read(text, t_p, T), first=first)
    past = total(replay["losses"], reduce)
    value = past + window_weight * total(window["losses"], reduce)
    return {
        "value": value,
        "past": past,
        "window": window,
        "replay": replay,
        "state": window["state"],
    }
