"""Naive float64 transcription of variable sharing: grids of sub-LSTMs with one theta.

Source: Kirsch and Schmidhuber, "Meta-Learning Backpropagation And Improving It", and,
where its text is silent, the program that its authors released. Four parts, in order:
the simple recurrent cells of Eq. (1) to (5) and (14); the grid of LSTMs of sections 3.2
and 4, layer by layer, and whole online lives; the targets of section 3.1, which a
sub-LSTM is trained to hit; back-propagation online with SGD or Adam, the baseline.

This is a witness to test fast code against: explicit loops, nothing clever.

Conventions of all parts:
- A matrix is `w[post, pre]`. The paper writes W_ij for "from i to j", so its W_ij, C_ij
  and U_ij are W[j, i], C[j, i] and U[j, i] here.
- Nothing is drawn: every number of theta and of a newborn state is an argument, and
  arguments are never changed in place.

Conventions of the grid of LSTMs (N units each, messages of M numbers):
- Neuron layers are numbered from 0, with `sizes[l]` neurons. Grid layer l lies between
  neuron layers l and l + 1; its states h[l] and c[l] have shape
  (batch, sizes[l + 1], sizes[l], N), so [member, post, pre, unit].
- theta holds W_x (4N, 2M), whose columns read the forward message and then the backward
  one; W_h (4N, N); b (4N,); C (M, N) and b_C (M,), which send forward; U (M, N) and b_U
  (M,), which send backward; with layer normalisation also gain_C, offset_C, gain_U and
  offset_U, (M,) each. The rows of W_x, W_h and b are stacked in the order input gate,
  candidate, forget gate, output gate.
- A state is a dict of "h" and "c" (lists, one array a grid layer); "forward" and
  "backward" (lists, the messages that wait to enter each grid layer, of shapes
  (batch, sizes[l], M) and (batch, sizes[l + 1], M)); "error" and "label"
  (batch, classes), which the last layer is told at the next forward sweep.
- `options` is a dict with exactly the keys of PROGRAM, which holds what the released
  program does when nothing else is asked of it.

Departures of the program from the paper, all followed here: sub-LSTMs talk through
messages of M < N numbers with a bias, not through all of the state; messages are
averaged, not summed (`aggregate`); all micro-ticks of a layer read the same two
incoming messages, and only the last one's outgoing messages are delivered; the forget
gate is shifted by +5 and the input gate by -5; the error fed back for a batch is the
derivative of the mean cross-entropy, so it shrinks with the batch (`batch_loss`).
"""

import numpy as np

PROGRAM = {
    "micro_ticks": 2,  # LSTM steps of each layer in a sweep
    "aggregate": "mean",  # or "sum", over the sub-LSTMs that meet in a neuron
    "layer_norm": False,  # of each sub-LSTM's messages, before they are aggregated
    "layer_norm_epsilon": 1e-5,
    "backward_sweep": False,  # last layer to first, as soon as the error is known
    "feed_label": False,  # the label beside the error; otherwise 0
    "average": True,  # units 0 to N/2 over a batch, before each sample
    "batch_loss": "mean",  # or "sum": the loss of a batch whose derivative is fed back
    "squash": 100.0,  # logit = 100 tanh(message / 100); None: left as it is
    "output": 1,  # the number of the last forward message that is read out
}


# --------------------------------------------------------------------------------------
# Simple recurrent cells in a grid
# --------------------------------------------------------------------------------------


def recurrent_step(b_hat, W, s, sigma=np.tanh):
    """One tick of a plain recurrent network.  Eq. (1).

    b_hat (n,), W (n, n) as [post, pre], s (n,). Returns the new s.
    """
    new = np.zeros(len(s), dtype=np.float64)
    for j in range(len(s)):
        total = b_hat[j]
        for i in range(len(s)):
            total += W[j, i] * s[i]
        new[j] = sigma(total)  # Eq. (1)
    return new


def _own(W, s, a, b, j):
    """What s_ab itself contributes to its unit j: sum_i s_abi W_ij.  Eq. (2)."""
    total = 0.0
    for i in range(s.shape[2]):
        total += s[a, b, i] * W[j, i]
    return total


def _from_below(C, s, a, j):
    """What comes in at a: sum_ci s_cai C_ij, from all that ends there.  Eq. (3)."""
    total = 0.0
    for c in range(s.shape[0]):
        for i in range(s.shape[2]):
            total += s[c, a, i] * C[j, i]
    return total


def _from_above(U, s, b, j):
    """What comes back to b: sum_ci s_bci U_ij, of what starts there.  Eq. (14)."""
    total = 0.0
    for c in range(s.shape[1]):
        for i in range(s.shape[2]):
            total += s[b, c, i] * U[j, i]
    return total


def _square(s):
    """Refuse a grid that is not square: its two axes share one index in Eq. (3)."""
    if s.ndim != 3 or s.shape[0] != s.shape[1]:
        raise ValueError(f"s must be (n, n, N), got {s.shape}")


def grid_step(b_hat, W, C, s, sigma=np.tanh):
    """One tick of the grid of simple cells, with forward interactions.  Eq. (3).

    b_hat (N,), W and C (N, N) as [post, pre]; s (n, n, N) indexed s[a, b, j] as in the
    paper (a is where a connection starts, b where it ends). Returns the new s.
    """
    _square(s)
    new = np.zeros(s.shape, dtype=np.float64)
    for a in range(s.shape[0]):
        for b in range(s.shape[1]):
            for j in range(s.shape[2]):
                own = _own(W, s, a, b, j)
                new[a, b, j] = sigma(
                    b_hat[j] + own + _from_below(C, s, a, j)
                )  # Eq. (3)
    return new


def multiplicative_step(b_hat, W, C, s, sigma=np.tanh):
    """One tick of the grid whose own and incoming terms are multiplied.  Eq. (5).

    The text has "/ +" between the two terms, a plus that has been struck out. The
    sentence before it asks for a product of parts of the state, so the two terms are
    multiplied and the bias is added to their product. Shapes as in `grid_step`.
    """
    _square(s)
    new = np.zeros(s.shape, dtype=np.float64)
    for a in range(s.shape[0]):
        for b in range(s.shape[1]):
            for j in range(s.shape[2]):
                own = _own(W, s, a, b, j)
                new[a, b, j] = sigma(
                    b_hat[j] + own * _from_below(C, s, a, j)
                )  # Eq. (5)
    return new


def two_way_step(b_hat, W, C, U, s, sigma=np.tanh):
    """One tick of the grid with forward and backward interactions.  Eq. (14).

    U (N, N) as [post, pre]; all else as in `grid_step`.
    """
    _square(s)
    new = np.zeros(s.shape, dtype=np.float64)
    for a in range(s.shape[0]):
        for b in range(s.shape[1]):
            for j in range(s.shape[2]):
                total = b_hat[j] + _own(W, s, a, b, j)
                total += _from_below(C, s, a, j)
                total += _from_above(U, s, b, j)
                new[a, b, j] = sigma(total)  # Eq. (14)
    return new


def shared_matrix(W, C, n, U=None):
    """The one sparse matrix with shared entries that equals the grid.  Eq. (4).

    W and C (N, N) as [post, pre], n the side of the grid. Returns (n n N, n n N) as
    [post, pre]: row (a, b, j) and column (c, d, i), each flattened with its last index
    fastest, as `s.reshape(-1)` does. With U, the backward interactions of Eq. (14) are
    added, which the paper does not write out: U_ij wherever c = b.
    """
    N = len(W)
    whole = np.zeros((n, n, N, n, n, N), dtype=np.float64)
    for a in range(n):
        for b in range(n):
            for j in range(N):
                for c in range(n):
                    for d in range(n):
                        for i in range(N):
                            if d == a and (d != b or c != a):
                                entry = C[j, i]
                            elif d != a and d == b and c == a:
                                entry = W[j, i]
                            elif d == a and d == b and c == a:
                                entry = C[j, i] + W[j, i]
                            else:
                                entry = 0.0  # Eq. (4)
                            if U is not None and c == b:
                                entry += U[j, i]  # Eq. (14), in the form of Eq. (4)
                            whole[a, b, j, c, d, i] = entry
    return whole.reshape(n * n * N, n * n * N)


def shared_bias(b_hat, n):
    """The bias of the one network, b_hat repeated for every cell of an n x n grid."""
    whole = np.zeros((n, n, len(b_hat)), dtype=np.float64)
    for a in range(n):
        for b in range(n):
            for j in range(len(b_hat)):
                whole[a, b, j] = b_hat[j]
    return whole.reshape(-1)


# --------------------------------------------------------------------------------------
# The grid of LSTMs
# --------------------------------------------------------------------------------------


def theta_shapes(N, M, layer_norm=False):
    """The shape of every array of theta, for N units and messages of M numbers."""
    shapes = {
        "W_x": (4 * N, 2 * M),
        "W_h": (4 * N, N),
        "b": (4 * N,),
        "C": (M, N),
        "b_C": (M,),
        "U": (M, N),
        "b_U": (M,),
    }
    if layer_norm:
        for name in ("gain_C", "offset_C", "gain_U", "offset_U"):
            shapes[name] = (M,)
    return shapes


def count_meta_variables(N, M, layer_norm=False):
    """How many numbers theta has: |V_M|."""
    count = 0
    for shape in theta_shapes(N, M, layer_norm).values():
        count += int(np.prod(shape))
    return count


def count_learned_variables(sizes, N):
    """How many numbers the states h and c of all sub-LSTMs have: |V_L|."""
    count = 0
    for l in range(len(sizes) - 1):
        count += sizes[l + 1] * sizes[l] * 2 * N
    return count


def sigmoid(x):
    """The logistic function, in a form that also takes complex numbers."""
    return 1.0 / (1.0 + np.exp(-x))


def lstm_tick(theta, inputs, h, c):
    """One step of one sub-LSTM.  Eq. (6), with the shifts of the gates.

    inputs (2M,) are the forward and then the backward message; h and c (N,). Returns
    the new h and c.
    """
    N = len(h)
    kind = np.result_type(theta["W_x"], inputs, h, c, np.float64)
    new_h = np.zeros(N, dtype=kind)
    new_c = np.zeros(N, dtype=kind)
    for n in range(N):
        gates = []
        for row in (n, N + n, 2 * N + n, 3 * N + n):
            total = theta["b"][row]
            for m in range(len(inputs)):
                total = total + theta["W_x"][row, m] * inputs[m]
            for k in range(N):
                total = total + theta["W_h"][row, k] * h[k]
            gates.append(total)
        i, g, f, o = gates
        new_c[n] = sigmoid(f + 5.0) * c[n] + sigmoid(i - 5.0) * np.tanh(g)  # Eq. (6)
        new_h[n] = sigmoid(o) * np.tanh(new_c[n])
    return new_h, new_c


def send(theta, direction, h, options):
    """The message of one sub-LSTM: forward ("C") or backward ("U").  Eq. (3), (14).

    h (N,). Returns (M,): C h + b_C or U h + b_U, then layer-normalised if asked.
    """
    matrix, bias = theta[direction], theta["b_" + direction]
    message = np.zeros(len(bias), dtype=np.result_type(matrix, h, np.float64))
    for m in range(len(bias)):
        total = bias[m]
        for n in range(len(h)):
            total = total + matrix[m, n] * h[n]
        message[m] = total
    if options["layer_norm"]:
        gain, offset = theta["gain_" + direction], theta["offset_" + direction]
        return layer_norm(message, gain, offset, options["layer_norm_epsilon"])
    return message


def layer_norm(message, gain, offset, epsilon):
    """A message less its mean, over its standard deviation, times gain, plus offset.

    The variance is that of the M numbers themselves (divided by M); epsilon is added to
    it under the root.
    """
    M = len(message)
    mean = 0.0
    for m in range(M):
        mean = mean + message[m] / M
    variance = 0.0
    for m in range(M):
        variance = variance + (message[m] - mean) * (message[m] - mean) / M
    new = np.zeros_like(message)
    for m in range(M):
        new[m] = (message[m] - mean) / np.sqrt(variance + epsilon)
        new[m] = new[m] * gain[m] + offset[m]
    return new


def layer_tick(theta, forward, backward, h, c, options):
    """One micro-tick of one grid layer of one life.

    forward (n_pre, M) and backward (n_post, M) are the incoming messages; h and c
    (n_post, n_pre, N). Sub-LSTM [j, i] reads the forward message of neuron i and the
    backward message of neuron j. Returns the new h and c, and the outgoing messages:
    up (n_post, M), aggregated over i, and down (n_pre, M), aggregated over j.
    """
    n_post, n_pre, _ = h.shape
    M = forward.shape[1]
    kind = np.result_type(theta["W_x"], forward, backward, h, c, np.float64)
    new_h = np.zeros(h.shape, dtype=kind)
    new_c = np.zeros(c.shape, dtype=kind)
    up = np.zeros((n_post, M), dtype=kind)
    down = np.zeros((n_pre, M), dtype=kind)
    for j in range(n_post):
        for i in range(n_pre):
            inputs = np.concatenate([forward[i], backward[j]])
            new_h[j, i], new_c[j, i] = lstm_tick(theta, inputs, h[j, i], c[j, i])
            up[j] += send(theta, "C", new_h[j, i], options)
            down[i] += send(theta, "U", new_h[j, i], options)
    if options["aggregate"] == "mean":
        up = up / n_pre
        down = down / n_post
    return new_h, new_c, up, down


def newborn(cells, M, batch=1):
    """The state of a life that begins.

    cells is a list, one array (sizes[l + 1], sizes[l], N) a grid layer: the drawn c,
    which all members of the batch start from. h and all messages are 0, and so are the
    error and the label before the first sample.
    """
    state = {"h": [], "c": [], "forward": [], "backward": []}
    for c_l in cells:
        n_post, n_pre, N = c_l.shape
        state["h"].append(np.zeros((batch, n_post, n_pre, N)))
        state["c"].append(np.array([c_l for _ in range(batch)], dtype=np.float64))
        state["forward"].append(np.zeros((batch, n_pre, M)))
        state["backward"].append(np.zeros((batch, n_post, M)))
    classes = cells[-1].shape[0]
    state["error"] = np.zeros((batch, classes))
    state["label"] = np.zeros((batch, classes))
    return state


def copied(state, kind=np.float64):
    """A copy of a state, its numbers of at least the given kind."""
    new = {}
    for name in ("h", "c", "forward", "backward"):
        new[name] = [np.array(x, dtype=np.result_type(x, kind)) for x in state[name]]
    for name in ("error", "label"):
        new[name] = np.array(state[name], dtype=np.result_type(state[name], kind))
    return new


def check(theta, state, options):
    """Refuse options, a theta or a state that no grid can run with."""
    if set(options) != set(PROGRAM):
        raise ValueError(f"options must have the keys {sorted(PROGRAM)}")
    if options["micro_ticks"] < 1:
        raise ValueError("a layer needs at least one micro-tick")
    if options["aggregate"] not in ("mean", "sum"):
        raise ValueError(f"unknown aggregate {options['aggregate']!r}")
    if options["batch_loss"] not in ("mean", "sum"):
        raise ValueError(f"unknown batch_loss {options['batch_loss']!r}")
    M, N = theta["C"].shape
    for name, shape in theta_shapes(N, M, options["layer_norm"]).items():
        if theta[name].shape != shape:
            raise ValueError(f"{name} must be {shape}, got {theta[name].shape}")
    if M < 2 or not 0 <= options["output"] < M:
        raise ValueError(f"messages of {M} hold no error, label and output")
    batch = len(state["error"])
    if options["average"] and batch > 1 and N % 2:
        raise ValueError(f"half of the units is averaged, so N is even, not {N}")


def average_first_half(state):
    """Average units 0 to N/2 - 1 of h and of c over the batch.  Section 3.1."""
    for name in ("h", "c"):
        for x in state[name]:
            batch, n_post, n_pre, N = x.shape
            for j in range(n_post):
                for i in range(n_pre):
                    for n in range(N // 2):
                        total = 0.0
                        for member in range(batch):
                            total = total + x[member, j, i, n]
                        for member in range(batch):
                            x[member, j, i, n] = total / batch


def sweep(theta, state, member, x, upward, options):
    """Run all layers of one member once, changing the state in place; the raw logits.

    x (sizes[0],) is the sample. The first layer is given (x_i, 0, ...) from below and
    the last one (error, label, 0, ...) from above. Upward, a layer reads the forward
    message that was written just now and the backward message of the last sweep;
    downward, the backward message written just now and the forward message of the last
    sweep.
    """
    h, c = state["h"], state["c"]
    forward, backward = state["forward"], state["backward"]
    last = len(h) - 1
    forward[0][member] = 0.0
    for i in range(len(x)):
        forward[0][member, i, 0] = x[i]
    backward[last][member] = 0.0
    for j in range(backward[last].shape[1]):
        backward[last][member, j, 0] = state["error"][member, j]
        backward[last][member, j, 1] = state["label"][member, j]

    logits = None
    for l in range(last + 1) if upward else range(last, -1, -1):
        h_l, c_l = h[l][member], c[l][member]
        for _ in range(options["micro_ticks"]):
            h_l, c_l, up, down = layer_tick(
                theta, forward[l][member], backward[l][member], h_l, c_l, options
            )
        h[l][member], c[l][member] = h_l, c_l
        if l > 0:
            backward[l - 1][member] = down
        if l < last:
            forward[l + 1][member] = up
        else:
            logits = up[:, options["output"]]
    return logits


def squash(raw, bound):
    """Keep logits within (-bound, bound): bound tanh(raw / bound), or as they are."""
    if bound is None:
        return raw
    new = np.zeros_like(raw)
    for k in range(len(raw)):
        new[k] = bound * np.tanh(raw[k] / bound)
    return new


def probabilities(logits):
    """The softmax of one sample's logits."""
    largest = np.max(np.real(logits))
    score = np.exp(logits - largest)
    return score / np.sum(score)


def cross_entropy(logits, label):
    """One sample's loss in nats; label is the number of the class."""
    largest = np.max(np.real(logits))
    total = np.sum(np.exp(logits - largest))
    return np.log(total) + largest - logits[label]


def predict(theta, state, xs, options=PROGRAM):
    """A forward sweep of every member over its own sample.  Section 3.2.

    xs (batch, sizes[0]). The error and label told by the last `learn` are used up.
    Returns the new state and the squashed logits (batch, classes).
    """
    check(theta, state, options)
    kind = np.result_type(*theta.values(), np.float64)
    state = copied(state, kind)
    batch, classes = state["error"].shape
    if np.shape(xs) != (batch, state["h"][0].shape[2]):
        raise ValueError(f"samples of shape {np.shape(xs)} do not fit the grid")
    if batch > 1 and options["average"]:
        average_first_half(state)
    logits = np.zeros((batch, classes), dtype=kind)
    for member in range(batch):
        raw = sweep(theta, state, member, xs[member], True, options)
        logits[member] = squash(raw, options["squash"])
    state["error"][:] = 0.0
    state["label"][:] = 0.0
    return state, logits


def learn(theta, state, logits, labels, options=PROGRAM):
    """Tell the grid how wrong it was.  Section 3.2.

    logits (batch, classes) are those that `predict` returned with this state; labels
    (batch,) whole numbers. The error is the derivative of the loss with respect to the
    squashed logit. It waits in the state for the next forward sweep; or else, with a
    backward sweep, it is spent on that at once, with the same sample still at the
    input, and the next forward sweep finds 0. Returns the new state and the error.
    """
    check(theta, state, options)
    state = copied(state, np.result_type(logits, np.float64))
    batch, classes = logits.shape
    error = np.zeros_like(state["error"])
    for member in range(batch):
        if not 0 <= labels[member] < classes:
            raise ValueError(f"label {labels[member]} is none of {classes} classes")
        p = probabilities(logits[member])
        for k in range(classes):
            one_hot = 1.0 if k == labels[member] else 0.0
            error[member, k] = p[k] - one_hot
            if options["batch_loss"] == "mean":
                error[member, k] = error[member, k] / batch
            state["label"][member, k] = one_hot if options["feed_label"] else 0.0
    state["error"] = error.copy()
    if options["backward_sweep"]:
        for member in range(batch):
            x = state["forward"][0][member, :, 0].copy()
            sweep(theta, state, member, x, False, options)
        state["error"][:] = 0.0
        state["label"][:] = 0.0
    return state, error


def live(theta, state, samples, labels, options=PROGRAM):
    """A whole online life: predict each sample, then be told the error.  Section 3.2.

    samples (ticks, batch, sizes[0]), labels (ticks, batch). Returns arrays "logits",
    "p" and "error" (ticks, batch, classes), "loss" and "correct" (ticks, batch), and
    lists of states, one a tick: "predicted" after `predict`, "learned" after `learn`.
    """
    seen = {name: [] for name in ("logits", "p", "error", "loss", "correct")}
    seen["predicted"], seen["learned"] = [], []
    for t in range(len(samples)):
        state, logits = predict(theta, state, samples[t], options)
        seen["predicted"].append(state)
        state, error = learn(theta, state, logits, labels[t], options)
        seen["learned"].append(state)
        losses, correct = [], []
        for member in range(len(logits)):
            losses.append(cross_entropy(logits[member], labels[t][member]))
            guess = int(np.argmax(np.real(logits[member])))
            correct.append(guess == labels[t][member])
        seen["logits"].append(logits)
        seen["p"].append(np.array([probabilities(z) for z in logits]))
        seen["error"].append(error)
        seen["loss"].append(losses)
        seen["correct"].append(correct)
    for name in ("logits", "p", "error", "loss", "correct"):
        seen[name] = np.array(seen[name])
    return seen


def examine(theta, state, xs, options=PROGRAM):
    """Many questions to one life, each from the same state, none leaving a trace.

    xs (questions, sizes[0]), for a state of batch 1. Returns logits
    (questions, classes).
    """
    return np.array([predict(theta, state, [x], options)[1][0] for x in xs])


def mean_loss(theta, state, samples, labels, options=PROGRAM):
    """The loss of a life, a mean over its samples; the paper sums.  Section 3.2."""
    return np.mean(live(theta, state, samples, labels, options)["loss"])


def meta_gradient(theta, state, samples, labels, options=PROGRAM):
    """The derivative of `mean_loss` with respect to every number of theta.

    Each number is moved by a tiny imaginary amount; the imaginary part of the loss over
    that amount is the derivative, exact to rounding, because every step of a life is an
    analytic function. One life for each number: keep N and M small. Returns a dict like
    theta.
    """
    tiny = 1e-30
    gradient = {name: np.zeros(value.shape) for name, value in theta.items()}
    for name, value in theta.items():
        for index in np.ndindex(*value.shape):
            moved = {key: np.array(x, dtype=complex) for key, x in theta.items()}
            moved[name][index] += 1j * tiny
            loss = mean_loss(moved, state, samples, labels, options)
            gradient[name][index] = np.imag(loss) / tiny
    return gradient


# --------------------------------------------------------------------------------------
# Learning algorithm cloning: what one sub-LSTM should compute
# --------------------------------------------------------------------------------------


def unit_output(x, w, b=0.0):
    """What a sub-LSTM sends forward: y = tanh(x) w + b.  Section 3.1, Eq. (13)."""
    return np.tanh(x) * w + b


def unit_error(x, w, e):
    """What it sends backward: e' = e dy/dx = e w (1 - tanh(x)^2).  Section 3.1."""
    return e * w * (1.0 - np.tanh(x) ** 2)


def unit_changes(x, e):
    """How w and b should change: e dy/dw = e tanh(x), e dy/db = e.  Section 3.1."""
    return e * np.tanh(x), e


def unit_updated(x, w, b, e, rate):
    """The weight and the bias after one update by rate times error times gradient.

    The text gives neither rate nor sign. A positive rate descends if e is minus the
    derivative of the loss, as its footnote 2 has it; if e is the derivative itself,
    which the released program feeds in, the rate must be negative.
    """
    dw, db = unit_changes(x, e)
    return w + rate * dw, b + rate * db


def forward_cloning_loss(theta, h, c):
    """The squared error of one sub-LSTM that is to compute tanh(x) w.  Eq. (13).

    The weight w is h_0 and the input x is h_1; no message comes in; after one step the
    output is number 1 of the forward message. h and c (N,). The message's bias b_C is
    the program's, and 0 gives Eq. (13) to the letter.
    """
    inputs = np.zeros(theta["W_x"].shape[1])
    new_h, _ = lstm_tick(theta, inputs, h, c)
    output = theta["b_C"][1]
    for i in range(len(h)):
        output = output + new_h[i] * theta["C"][1, i]
    return (np.tanh(h[1]) * h[0] - output) ** 2  # Eq. (13)


# --------------------------------------------------------------------------------------
# The baseline: online back-propagation
# --------------------------------------------------------------------------------------


def mlp_forward(weights, biases, x, bound=None):
    """The activations of every layer and the raw and squashed logits, for one sample.

    weights[l] (sizes[l + 1], sizes[l]), biases[l] (sizes[l + 1],), x (sizes[0],).
    Hidden layers are tanh, the last one linear, then squashed if there is a bound.
    Returns a list of activations (the sample first, the last layer's left out), raw
    and logits.
    """
    activations = [np.array(x, dtype=np.float64)]
    for l in range(len(weights)):
        n_post, n_pre = weights[l].shape
        z = np.zeros(n_post, dtype=np.float64)
        for j in range(n_post):
            z[j] = biases[l][j]
            for i in range(n_pre):
                z[j] += weights[l][j, i] * activations[-1][i]
        if l < len(weights) - 1:
            activations.append(np.tanh(z))
    return activations, z, squash(z, bound)


def mlp_backward(weights, biases, x, label, bound=None):
    """The gradient of one sample's cross-entropy, by the chain rule from the top down.

    Returns lists like weights and biases, and the logits.
    """
    activations, raw, logits = mlp_forward(weights, biases, x, bound)
    p = probabilities(logits)
    delta = np.zeros(len(p), dtype=np.float64)
    for k in range(len(p)):
        delta[k] = p[k] - (1.0 if k == label else 0.0)
        if bound is not None:
            delta[k] *= 1.0 - np.tanh(raw[k] / bound) ** 2
    weight_gradients = [np.zeros(w.shape) for w in weights]
    bias_gradients = [np.zeros(b.shape) for b in biases]
    for l in range(len(weights) - 1, -1, -1):
        n_post, n_pre = weights[l].shape
        below = np.zeros(n_pre, dtype=np.float64)
        for j in range(n_post):
            bias_gradients[l][j] = delta[j]
            for i in range(n_pre):
                weight_gradients[l][j, i] = delta[j] * activations[l][i]
                below[i] += weights[l][j, i] * delta[j]
        for i in range(n_pre):
            below[i] *= 1.0 - activations[l][i] ** 2  # of no use below layer 1
        delta = below
    return weight_gradients, bias_gradients, logits


def sgd_update(value, gradient, rate):
    """One step of plain gradient descent; value and gradient are single numbers."""
    return value - rate * gradient


def adam_update(
    value, gradient, m, v, step, rate, beta1=0.9, beta2=0.999, epsilon=1e-8
):
    """One step of Adam for a single number; step counts from 1.

    Returns the new value and both moments. epsilon is added after the root.
    """
    m = beta1 * m + (1.0 - beta1) * gradient
    v = beta2 * v + (1.0 - beta2) * gradient**2
    m_hat = m / (1.0 - beta1**step)
    v_hat = v / (1.0 - beta2**step)
    return value - rate * m_hat / (np.sqrt(v_hat) + epsilon), m, v


def online_mlp(weights, biases, samples, labels, optimizer, rate, bound=None):
    """An online life of an MLP: predict each batch, then one step on its mean loss.

    samples (ticks, batch, sizes[0]), labels (ticks, batch), optimizer "sgd" or "adam"
    (with the constants of `adam_update`). Returns "logits" and "p"
    (ticks, batch, classes), "loss" and "correct" (ticks, batch), all before the step,
    and lists, one entry a tick, each a list like weights or biases:
    "weight_gradients", "bias_gradients", and after the step "weights" and "biases".
    """
    if optimizer not in ("sgd", "adam"):
        raise ValueError(f"unknown optimizer {optimizer!r}")
    weights = [np.array(w, dtype=np.float64) for w in weights]
    biases = [np.array(b, dtype=np.float64) for b in biases]
    depth = len(weights)
    moments = [(np.zeros(x.shape), np.zeros(x.shape)) for x in weights + biases]
    seen = {name: [] for name in ("logits", "p", "loss", "correct")}
    for name in ("weight_gradients", "bias_gradients", "weights", "biases"):
        seen[name] = []

    for t in range(len(samples)):
        batch = len(samples[t])
        weight_gradients = [np.zeros(w.shape) for w in weights]
        bias_gradients = [np.zeros(b.shape) for b in biases]
        now = {"logits": [], "p": [], "loss": [], "correct": []}
        for x, label in zip(samples[t], labels[t], strict=True):
            dw, db, logits = mlp_backward(weights, biases, x, label, bound)
            for l in range(depth):
                weight_gradients[l] += dw[l] / batch
                bias_gradients[l] += db[l] / batch
            now["logits"].append(logits)
            now["p"].append(probabilities(logits))
            now["loss"].append(cross_entropy(logits, label))
            now["correct"].append(int(np.argmax(logits)) == label)

        weights = [w.copy() for w in weights]
        biases = [b.copy() for b in biases]
        values = weights + biases
        gradients = weight_gradients + bias_gradients
        for value, gradient, (m, v) in zip(values, gradients, moments, strict=True):
            for k in np.ndindex(*value.shape):
                if optimizer == "sgd":
                    value[k] = sgd_update(value[k], gradient[k], rate)
                else:
                    value[k], m[k], v[k] = adam_update(
                        value[k], gradient[k], m[k], v[k], t + 1, rate
                    )
        for name, entry in now.items():
            seen[name].append(entry)
        seen["weight_gradients"].append(weight_gradients)
        seen["bias_gradients"].append(bias_gradients)
        seen["weights"].append(weights)
        seen["biases"].append(biases)
    for name in ("logits", "p", "loss", "correct"):
        seen[name] = np.array(seen[name])
    return seen
