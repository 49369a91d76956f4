"""Naive float64 transcription of bidirectional learned update rules (BLUR).

Source: "Meta-Learning Bidirectional Update Rules" (Sandler et al., 2021). Eq. (5) is
the forward sweep, Eq. (6) the backward sweep, Eq. (7) the update of the synapses,
Eq. (8) Oja's term, section 3.3 the label and the objective, section 3.4 normalisation
and saturation, Eq. (4) gradient descent as a genome of two states, Eq. (9) and (10)
the test of whether an update is a gradient, Eq. (13) its form with a constant metric.

This is a witness to test fast code against: explicit loops, nothing clever.

Conventions:
- Layers are numbered from 0 (the input) and sizes are n_0, n_1, ... A layer's states
  are an array (batch, n_l, k); states are numbered from 0.
- `forward[l]` is (n_{l+1}, n_l + 1, s), from layer l to layer l + 1, `w[post, pre, c]`,
  the last `pre` being the bias: a unit whose states are all 1. `backward[l]` is
  (n_l, n_{l+1}, s), from layer l + 1 to layer l, again `w[post, pre, c]`, no bias;
  `backward[0]` leads into the input layer, is never used and may be None. s is k, or 1
  for synapses of one state.
- A genome is a dict: the numbers "f", "eta", "f_tilde", "eta_tilde", the k x k
  matrices "nu", "mu", "nu_tilde", "mu_tilde"; and where a variant asks for them "g"
  (Oja's multiplier), "alpha" and "s" (saturation), "rescale_to" (1 if absent; the norm
  of normalised synapses), and for the normalisation of activations "mean_forward",
  "deviation_forward" (one row for each of layers 1 to the last, k columns),
  "mean_backward", "deviation_backward" (one row for each hidden layer).
- nu and mu are [to, from]; nu_tilde is [state, channel] and mu_tilde is
  [channel, state], as the superscripts of Eq. (5) to (7) stand. A synapse's source
  takes nu_tilde and its target mu_tilde, in backward synapses too.

The variants, keywords of `tick`, `life` and what they call:
- synapses: "symmetric" (one set, the backward sweep reads it transposed), "two sets",
  or "in step" (two sets, the backward one given the forward one's Hebbian update; the
  released program calls this symmetric, and it is the same as "symmetric" but for
  Oja's term and stored normalisation, which treat each set by itself).
- backward_pass: "additive" (Eq. 6), "multiplicative" (old state times sum, no eta), or
  "multiplicative second" (state 0 is handed on, the others as in multiplicative).
- nonlinearity_forward (hidden layers), nonlinearity_last (last layer, forward sweep),
  nonlinearity_backward: a name for all states, a "..._pair" (the function on state 0,
  its derivative on the others), or a tuple of one name a state.
- normalise_forward, normalise_backward, with statistics "unit" (each unit over the
  batch) or "layer" (a layer's units and the batch together) and `epsilon`.
- batch: "sum" or "mean" of the Hebbian update over the batch. A mean is a sum at
  eta_tilde / batch: the same genome learns that much slower, and f_tilde and Eq. (8)'s
  first part, which no batch enters, weigh that much more against it.
- oja: None, "first" (first part of Eq. 8 times g), "whole" (the same, and the second
  part), "released" or "released activations" (added to the Hebbian update, so eta_tilde
  multiplies them: -|g| sign(eta_tilde) w times a sum of squares, either of the weights
  into the target, or of the target's state after mu_tilde over the batch).
- normalised_synapses: None, "inside" (only where activations are computed), "stored"
  (rescaled before the forward sweep); synapse_epsilon is added to the sum of squares.
- saturation_tanh: w becomes alpha tanh(w / alpha) after the update; saturation_exp:
  all of the change is multiplied by exp(-|w| (exp_offset + |s|)), w the old weight.

What the text leaves open or garbles, and how it is settled here:
- The meta-loss has lost its sign and its softmax; both are put back (section 3.3).
- Section 3.1 gives mu, nu_tilde, mu_tilde as vectors and section 4.5 as matrices. The
  vectors are row 1 of mu, column 0 of nu_tilde and row 0 of mu_tilde; nothing else of
  them is read with one synapse state and "multiplicative second".
- With one synapse state, the Hebbian update is that of channel 0, not a sum over
  channels, which would not contain Eq. (4).
- The text's eta_tilde has a minus before it in Eq. (3) and (4) and none in Eq. (7).
- A multiplicative pass multiplies by f too, in every state; what "multiplicative
  second" hands on goes through f, normalisation and non-linearity as the rest does; and
  it multiplies all states from 1 on. (The released program does all three, apart from
  normalisation, which it lacks.)
- Sums over sources (Oja, normalised synapses) count the bias, and in the backward sweep
  run over that sweep's sources, also in symmetric networks.
- Normalisation is (x - mean) / sqrt(variance + epsilon), biased variance, times the
  deviation, plus the mean; x is all that would enter the non-linearity. "Per-channel"
  could mean a unit or a state, hence the two statistics.
- Oja's multiplier g multiplies the first part of Eq. (8) only.
"""

import numpy as np

VARIANTS = {
    "synapses": "symmetric",
    "backward_pass": "additive",
    "nonlinearity_forward": "relu_tanh",
    "nonlinearity_backward": "relu_tanh",
    "nonlinearity_last": "tanh",
    "normalise_forward": False,
    "normalise_last": True,
    "normalise_backward": False,
    "statistics": "unit",
    "epsilon": 1e-5,
    "batch": "sum",
    "oja": None,
    "normalised_synapses": None,
    "synapse_epsilon": 1e-9,
    "saturation_tanh": False,
    "saturation_exp": False,
    "exp_offset": 1e-3,
}

CHOICES = {
    "synapses": ("symmetric", "two sets", "in step"),
    "backward_pass": ("additive", "multiplicative", "multiplicative second"),
    "statistics": ("unit", "layer"),
    "batch": ("sum", "mean"),
    "oja": (None, "first", "whole", "released", "released activations"),
    "normalised_synapses": (None, "inside", "stored"),
}


def all_variants(variants):
    """The variants asked for, the others at their defaults; refuse unknown ones."""
    strange = set(variants) - set(VARIANTS)
    if strange:
        raise ValueError(f"unknown variants {sorted(strange)}")
    how = {**VARIANTS, **variants}
    for name, allowed in CHOICES.items():
        if how[name] not in allowed:
            raise ValueError(f"{name} is one of {allowed}, got {how[name]!r}")
    return how


# Genomes


def random_genome(nu, mu, nu_tilde, mu_tilde):
    """The random start, its four matrices drawn by the caller (C.7)."""
    return {
        "f": 1.0,
        "eta": 1.0,
        "f_tilde": 1.0,
        "eta_tilde": -1e-3,
        "nu": np.array(nu, dtype=np.float64),
        "mu": np.array(mu, dtype=np.float64),
        "nu_tilde": np.array(nu_tilde, dtype=np.float64),
        "mu_tilde": np.array(mu_tilde, dtype=np.float64),
    }


def gradient_genome(rate):
    """The two-state genome of gradient descent at this rate (Eq. 4, section 4.5).

    It is gradient descent under the variants of `gradient_variants`, if the "label" is
    the derivative of the loss by what enters the last layer's non-linearity: after the
    backward sweep, state 1 of each hidden neuron is then the derivative of the loss by
    what enters that neuron's own.
    """
    genome = random_genome(
        nu=[[1.0, 0.0], [1.0, 0.0]],
        mu=[[1.0, 0.0], [0.0, 1.0]],
        nu_tilde=[[1.0, 0.0], [0.0, 1.0]],
        mu_tilde=[[0.0, 1.0], [1.0, 0.0]],
    )
    genome["eta_tilde"] = -rate
    return genome


def gradient_variants(name="sigmoid", last=None):
    """The variants under which `gradient_genome` descends, weights of one state."""
    return {
        "synapses": "symmetric",
        "backward_pass": "multiplicative second",
        "nonlinearity_forward": f"{name}_pair",
        "nonlinearity_backward": "identity",
        "nonlinearity_last": f"{last or name}_pair",
    }


# Non-linearities and the normalisation of activations


def sigmoid(x):
    """The logistic function of one number."""
    return np.exp(-np.logaddexp(0.0, -x))


def nonlinear(name, x):
    """One named function of one number; "..._slope" is the derivative of "..."."""
    if name == "identity":
        return x
    if name == "identity_slope":
        return 1.0
    if name == "tanh":
        return np.tanh(x)
    if name == "tanh_slope":
        return 1.0 - np.tanh(x) ** 2
    if name == "sigmoid":
        return sigmoid(x)
    if name == "sigmoid_slope":
        return sigmoid(x) * (1.0 - sigmoid(x))
    if name == "relu":
        return max(x, 0.0)
    if name == "relu_slope":
        return 1.0 if x > 0.0 else 0.0
    if name == "relu_tanh":
        return max(np.tanh(x), 0.0)
    if name == "relu_tanh_slope":
        return 1.0 - np.tanh(x) ** 2 if x > 0.0 else 0.0
    raise ValueError(f"unknown non-linearity {name!r}")


def name_of_each_state(name, k):
    """The non-linearity of each of the k states."""
    if isinstance(name, tuple):
        if len(name) != k:
            raise ValueError(f"{len(name)} non-linearities for {k} states")
        return list(name)
    if name.endswith("_pair"):
        single = name.removesuffix("_pair")
        return [single] + [f"{single}_slope"] * (k - 1)
    return [name] * k


def spread(values, epsilon):
    """Mean and root of biased variance plus epsilon of a list of numbers."""
    mean = sum(values) / len(values)
    variance = sum((value - mean) ** 2 for value in values) / len(values)
    return mean, np.sqrt(variance + epsilon)


def normalised(x, mean, deviation, how):
    """The batch brought to a learned mean and deviation in each state (3.4)."""
    batch, n, k = x.shape
    new = np.zeros_like(x)
    for c in range(k):
        together = [x[b, j, c] for b in range(batch) for j in range(n)]
        for j in range(n):
            if how["statistics"] == "unit":
                values = [x[b, j, c] for b in range(batch)]
            else:
                values = together
            m, d = spread(values, how["epsilon"])
            for b in range(batch):
                new[b, j, c] = (x[b, j, c] - m) / d * deviation[c] + mean[c]
    return new


def activate(x, name):
    """The non-linearity of every neuron and state."""
    batch, n, k = x.shape
    names = name_of_each_state(name, k)
    new = np.zeros_like(x)
    for b in range(batch):
        for j in range(n):
            for c in range(k):
                new[b, j, c] = nonlinear(names[c], x[b, j, c])
    return new


# Synapses as the sweeps read them


def channel(w, c):
    """Which channel of these synapses carries state c."""
    return c if w.shape[2] > 1 else 0


def unit_norm(w, genome, how):
    """Divide by the root of the sum of squares over each target's sources (C.6)."""
    n_post, n_pre, s = w.shape
    new = np.zeros_like(w)
    for j in range(n_post):
        for c in range(s):
            total = sum(w[j, r, c] ** 2 for r in range(n_pre))
            norm = np.sqrt(total + how["synapse_epsilon"])
            for i in range(n_pre):
                new[j, i, c] = w[j, i, c] / norm * genome.get("rescale_to", 1.0)
    return new


def transposed(w):
    """Forward synapses turned round, their bias left out."""
    n_post, n_pre_and_bias, s = w.shape
    new = np.zeros((n_pre_and_bias - 1, n_post, s))
    for i in range(n_pre_and_bias - 1):
        for j in range(n_post):
            for c in range(s):
                new[i, j, c] = w[j, i, c]
    return new


def weighted_sum(w, transform, sources, has_bias):
    """The double sum over sources and their states, Eq. (5) and (6)."""
    batch, n_pre, k = sources.shape
    n_post = w.shape[0]
    new = np.zeros((batch, n_post, k))
    for b in range(batch):
        for j in range(n_post):
            for c in range(k):
                for i in range(n_pre):
                    for d in range(k):
                        weight = w[j, i, channel(w, c)]
                        new[b, j, c] += weight * transform[c, d] * sources[b, i, d]
                if has_bias:
                    for d in range(k):
                        bias = w[j, n_pre, channel(w, c)]
                        new[b, j, c] += bias * transform[c, d] * 1.0
    return new


# The two sweeps and the label


def initial_states(inputs, sizes, k):
    """All neurons zero but state 0 of the input layer."""
    batch = inputs.shape[0]
    states = [np.zeros((batch, n, k)) for n in sizes]
    for b in range(batch):
        for i in range(sizes[0]):
            states[0][b, i, 0] = inputs[b, i]
    return states


def forward_sweep(genome, forward, states, how):
    """Eq. (5), layer after layer upwards; returns the new states of all layers."""
    states = [a.copy() for a in states]
    last = len(states) - 1
    for l in range(1, last + 1):
        w = forward[l - 1]
        if how["normalised_synapses"] == "inside":
            w = unit_norm(w, genome, how)
        update = weighted_sum(w, genome["nu"], states[l - 1], has_bias=True)
        x = np.zeros_like(update)
        batch, n, k = x.shape
        for b in range(batch):
            for j in range(n):
                for c in range(k):
                    kept = genome["f"] * states[l][b, j, c]
                    x[b, j, c] = kept + genome["eta"] * update[b, j, c]  # Eq. (5)
        if how["normalise_forward"] and (l < last or how["normalise_last"]):
            mean, deviation = genome["mean_forward"], genome["deviation_forward"]
            x = normalised(x, mean[l - 1], deviation[l - 1], how)
        name = how["nonlinearity_last" if l == last else "nonlinearity_forward"]
        states[l] = activate(x, name)
    return states


def with_label(states, labels):
    """State 1 of the last layer becomes the label, later ones 0, 0 stays (3.3)."""
    states = [a.copy() for a in states]
    batch, n, k = states[-1].shape
    for b in range(batch):
        for j in range(n):
            for c in range(1, k):
                states[-1][b, j, c] = labels[b, j] if c == 1 else 0.0
    return states


def backward_sweep(genome, forward, backward, states, how):
    """Eq. (6), layer after layer downwards, the input layer left as it is."""
    states = [a.copy() for a in states]
    for l in range(len(states) - 2, 0, -1):
        symmetric = how["synapses"] == "symmetric"
        w = transposed(forward[l]) if symmetric else backward[l]
        if how["normalised_synapses"] == "inside":
            w = unit_norm(w, genome, how)
        update = weighted_sum(w, genome["mu"], states[l + 1], has_bias=False)
        x = np.zeros_like(update)
        batch, n, k = x.shape
        for b in range(batch):
            for i in range(n):
                for c in range(k):
                    kept = genome["f"] * states[l][b, i, c]
                    if how["backward_pass"] == "additive":
                        x[b, i, c] = kept + genome["eta"] * update[b, i, c]  # Eq. (6)
                    elif how["backward_pass"] == "multiplicative second" and c == 0:
                        x[b, i, c] = kept
                    else:
                        x[b, i, c] = kept * update[b, i, c]  # Eq. (4)
        if how["normalise_backward"]:
            mean, deviation = genome["mean_backward"], genome["deviation_backward"]
            x = normalised(x, mean[l - 1], deviation[l - 1], how)
        states[l] = activate(x, how["nonlinearity_backward"])
    return states


# The update of the synapses


def hebbian(genome, sources, targets, s, has_bias, how):
    """The sum in Eq. (7) over states and batch, (n_post, n_pre, s)."""
    batch, n_pre, k = sources.shape
    n_post = targets.shape[1]
    columns = n_pre + 1 if has_bias else n_pre
    phi = np.zeros((n_post, columns, s))
    for j in range(n_post):
        for i in range(columns):
            for c in range(s):
                for b in range(batch):
                    for e in range(k):
                        for d in range(k):
                            a_i = sources[b, i, e] if i < n_pre else 1.0
                            a_j = targets[b, j, d]
                            from_source = a_i * genome["nu_tilde"][e, c]
                            from_target = genome["mu_tilde"][c, d] * a_j
                            phi[j, i, c] += from_source * from_target  # Eq. (7)
                if how["batch"] == "mean":
                    phi[j, i, c] /= batch
    return phi


def released_oja(genome, w, targets, how):
    """The two forms that are added to the Hebbian update, before eta_tilde."""
    n_post, n_pre, s = w.shape
    batch, _, k = targets.shape
    new = np.zeros_like(w)
    for j in range(n_post):
        for c in range(s):
            squares = 0.0
            if how["oja"] == "released":
                for r in range(n_pre):
                    squares += w[j, r, c] ** 2
            else:
                for b in range(batch):
                    mixed = 0.0
                    for d in range(k):
                        mixed += genome["mu_tilde"][c, d] * targets[b, j, d]
                    squares += mixed**2
                if how["batch"] == "mean":
                    squares /= batch
            sign = np.sign(genome["eta_tilde"])
            for i in range(n_pre):
                new[j, i, c] = -abs(genome["g"]) * sign * w[j, i, c] * squares
    return new


def papers_oja(genome, w, phi, how):
    """Eq. (8), a change of the weights by itself."""
    n_post, n_pre, s = w.shape
    f_tilde, eta_tilde = genome["f_tilde"], genome["eta_tilde"]
    new = np.zeros_like(w)
    for j in range(n_post):
        for c in range(s):
            squares = 0.0
            products = 0.0
            for r in range(n_pre):
                squares += w[j, r, c] ** 2
                products += w[j, r, c] * phi[j, r, c]
            for i in range(n_pre):
                new[j, i, c] = -genome["g"] * (f_tilde - 1.0) * w[j, i, c] * squares
                if how["oja"] == "whole":
                    new[j, i, c] -= eta_tilde * w[j, i, c] * products  # Eq. (8)
    return new


def updated(genome, w, phi, targets, how):
    """Eq. (7) with Oja's term and saturation: the new weights of one matrix."""
    n_post, n_pre, s = w.shape
    released = np.zeros_like(w)
    papers = np.zeros_like(w)
    if how["oja"] in ("released", "released activations"):
        released = released_oja(genome, w, targets, how)
    elif how["oja"] in ("first", "whole"):
        papers = papers_oja(genome, w, phi, how)
    new = np.zeros_like(w)
    for j in range(n_post):
        for i in range(n_pre):
            for c in range(s):
                old = w[j, i, c]
                change = (genome["f_tilde"] - 1.0) * old
                change += genome["eta_tilde"] * (phi[j, i, c] + released[j, i, c])
                change += papers[j, i, c]
                if how["saturation_exp"]:
                    steepness = how["exp_offset"] + abs(genome["s"])
                    change *= np.exp(-abs(old) * steepness)
                new[j, i, c] = old + change  # Eq. (7)
                if how["saturation_tanh"]:
                    alpha = genome["alpha"]
                    new[j, i, c] = alpha * np.tanh(new[j, i, c] / alpha)
    return new


def update_synapses(genome, forward, backward, states, how):
    """All synapses from the states after the backward sweep.

    Returns the new forward and backward synapses and the Hebbian updates of both.
    """
    new_forward, phi_forward = [], []
    new_backward, phi_backward = [], []
    for l in range(len(forward)):
        lower, upper = states[l], states[l + 1]
        phi = hebbian(genome, lower, upper, forward[l].shape[2], True, how)
        phi_forward.append(phi)
        new_forward.append(updated(genome, forward[l], phi, upper, how))
        if how["synapses"] == "symmetric":
            continue
        if backward[l] is None:
            phi_backward.append(None)
            new_backward.append(None)
            continue
        if how["synapses"] == "in step":
            phi = transposed(phi)
        else:
            phi = hebbian(genome, upper, lower, backward[l].shape[2], False, how)
        phi_backward.append(phi)
        new_backward.append(updated(genome, backward[l], phi, lower, how))
    if how["synapses"] == "symmetric":
        return new_forward, None, phi_forward, None
    return new_forward, new_backward, phi_forward, phi_backward


# Ticks and lives


def in_float64(genome):
    """A copy of a genome, its arrays in float64."""
    return {name: np.array(value, dtype=np.float64) for name, value in genome.items()}


def checked(forward, backward, k, how):
    """Copies of the synapses in float64; refuse shapes that do not fit."""
    forward = [np.array(w, dtype=np.float64) for w in forward]
    for l, w in enumerate(forward):
        if w.ndim != 3 or w.shape[2] not in (1, k):
            raise ValueError(f"forward[{l}] is (n_post, n_pre + 1, 1 or {k})")
        if l > 0 and w.shape[1] != forward[l - 1].shape[0] + 1:
            raise ValueError(f"forward[{l}] does not fit the layer below it")
    if how["synapses"] == "symmetric":
        if backward is not None:
            raise ValueError("symmetric synapses have no backward set")
        return forward, None
    if backward is None or len(backward) != len(forward):
        raise ValueError("give one backward entry for each forward one")
    new = []
    for l, w in enumerate(backward):
        if w is None and l == 0:
            new.append(None)
            continue
        w = np.array(w, dtype=np.float64)
        n_post, n_pre_and_bias, s = forward[l].shape
        if w.shape != (n_pre_and_bias - 1, n_post, s):
            raise ValueError(f"backward[{l}] does not fit forward[{l}]")
        new.append(w)
    return forward, new


def tick(genome, forward, inputs, labels=None, backward=None, learn=True, **variants):
    """One presentation of a batch: the sweep up and, if `learn`, all the rest.

    inputs is (batch, n_0), labels (batch, n_last), any numbers (+1 and -1 in 3.3).
    Returns a dict: "forward_states" (lists of one array a layer, after the forward
    sweep), "states" (after the backward sweep; the same if not `learn`), the synapses
    "read" in the sweeps as stored ("read_forward", "read_backward"), the new ones
    ("forward", "backward", None if symmetric), and the Hebbian updates
    ("phi_forward", "phi_backward", None if not `learn`).
    """
    how = all_variants(variants)
    genome = in_float64(genome)
    k = len(genome["nu"])
    forward, backward = checked(forward, backward, k, how)
    inputs = np.array(inputs, dtype=np.float64)
    sizes = [forward[0].shape[1] - 1] + [w.shape[0] for w in forward]
    if inputs.ndim != 2 or inputs.shape[1] != sizes[0]:
        raise ValueError(f"inputs of shape {inputs.shape} for {sizes[0]} input units")

    if how["normalised_synapses"] == "stored":
        forward = [unit_norm(w, genome, how) for w in forward]
        if backward is not None:
            backward = [
                None if w is None else unit_norm(w, genome, how) for w in backward
            ]

    states = initial_states(inputs, sizes, k)
    after_forward = forward_sweep(genome, forward, states, how)
    result = {
        "forward_states": after_forward,
        "states": after_forward,
        "read_forward": forward,
        "read_backward": backward,
        "forward": forward,
        "backward": backward,
        "phi_forward": None,
        "phi_backward": None,
    }
    if not learn:
        return result

    labels = np.array(labels, dtype=np.float64)
    if labels.shape != (inputs.shape[0], sizes[-1]):
        raise ValueError(f"labels of shape {labels.shape} for {sizes[-1]} output units")
    states = with_label(after_forward, labels)
    states = backward_sweep(genome, forward, backward, states, how)
    new = update_synapses(genome, forward, backward, states, how)
    result["states"] = states
    result["forward"], result["backward"] = new[0], new[1]
    result["phi_forward"], result["phi_backward"] = new[2], new[3]
    return result


def life(genome, forward, inputs, labels, backward=None, exam=None, **variants):
    """An unroll of n batches: n - 1 updates and a last forward pass; then an exam.

    inputs is (n, batch, n_0), labels (n, batch, n_last), the last label unused. exam is
    None or (inputs, classes) of fresh data, shown to the last synapses. Returns "ticks"
    (the n results of `tick`), the last "forward" and "backward" synapses, and with an
    exam "exam_states", "loss" and "accuracy".
    """
    ticks = []
    for t in range(len(inputs)):
        learn = t < len(inputs) - 1
        result = tick(
            genome, forward, inputs[t], labels[t], backward, learn, **variants
        )
        forward, backward = result["forward"], result["backward"]
        ticks.append(result)
    report = {"ticks": ticks, "forward": forward, "backward": backward}
    if exam is not None:
        shown, classes = exam
        result = tick(genome, forward, shown, None, backward, False, **variants)
        report["exam_states"] = result["states"]
        report["loss"] = cross_entropy(result["states"][-1], classes)
        report["accuracy"] = accuracy(result["states"][-1], classes)
    return report


# Objectives and labels


def class_labels(classes, n, off=-1.0):
    """One row a sample: 1 at its class and `off` elsewhere."""
    labels = np.zeros((len(classes), n))
    for b in range(len(classes)):
        for j in range(n):
            labels[b, j] = 1.0 if j == classes[b] else off
    return labels


def softmax(scores):
    """Probabilities from the scores of one sample."""
    top = max(scores)
    total = sum(np.exp(score - top) for score in scores)
    return np.array([np.exp(score - top) / total for score in scores])


def cross_entropy(last_layer, classes):
    """Mean softmax cross-entropy of state 0, last_layer being (batch, n, k) (3.3)."""
    total = 0.0
    for b in range(len(classes)):
        scores = last_layer[b, :, 0]
        top = max(scores)
        log_total = np.log(sum(np.exp(score - top) for score in scores)) + top
        total += log_total - scores[classes[b]]
    return total / len(classes)


def accuracy(last_layer, classes):
    """Share of samples whose class has the largest state 0.

    Of a single output unit, the sign is the answer: class 1 above 0, class 0 else.
    """
    right = 0
    for b in range(len(classes)):
        scores = last_layer[b, :, 0]
        if len(scores) == 1:
            answer = 1 if scores[0] > 0.0 else 0
        else:
            answer = int(np.argmax(scores))
        right += answer == classes[b]
    return right / len(classes)


# Gradient descent on the same network, by back-propagation


def run_network(weights, inputs, name, last):
    """What enters and what leaves each layer's non-linearity, Eq. (1).

    weights[l] is (n_{l+1}, n_l + 1), the last column the bias. Returns z and h, lists
    over layers 0 and up; z[0] is None.
    """
    z, h = [None], [np.array(inputs, dtype=np.float64)]
    batch = h[0].shape[0]
    for l, w in enumerate(weights):
        n_post, n_pre = w.shape[0], w.shape[1] - 1
        z_new, h_new = np.zeros((batch, n_post)), np.zeros((batch, n_post))
        for b in range(batch):
            for j in range(n_post):
                total = w[j, n_pre]
                for i in range(n_pre):
                    total += w[j, i] * h[l][b, i]
                z_new[b, j] = total
                sigma = last if l == len(weights) - 1 else name
                h_new[b, j] = nonlinear(sigma, total)  # Eq. (1)
        z.append(z_new)
        h.append(h_new)
    return z, h


def loss_of(z_last, h_last, labels, loss):
    """The loss of one sample.

    "label": the labels times what enters the last non-linearity, so that the labels are
    its derivative, which is what writing the label into state 1 amounts to;
    "softmax": cross-entropy of what leaves it, labels one-hot; "squared": half of the
    squared distance of what leaves it from the labels.
    """
    total = 0.0
    if loss == "softmax":
        p = softmax(h_last)
        for j in range(len(labels)):
            total -= labels[j] * np.log(p[j])
        return total
    for j in range(len(labels)):
        if loss == "label":
            total += labels[j] * z_last[j]
        elif loss == "squared":
            total += 0.5 * (h_last[j] - labels[j]) ** 2
        else:
            raise ValueError(f"unknown loss {loss!r}")
    return total


def total_loss(weights, inputs, labels, name, last, loss="label", batch="sum"):
    """The loss of a batch, its sum or its mean."""
    z, h = run_network(weights, inputs, name, last)
    total = 0.0
    for b in range(len(h[0])):
        total += loss_of(z[-1][b], h[-1][b], labels[b], loss)
    return total / len(h[0]) if batch == "mean" else total


def last_error(z_last, h_last, labels, last, loss):
    """Derivative of one sample's loss by what enters the last non-linearity."""
    error = np.zeros(len(labels))
    for j in range(len(labels)):
        slope = nonlinear(f"{last}_slope", z_last[j])
        if loss == "label":
            error[j] = labels[j]
        elif loss == "softmax":
            error[j] = (sum(labels) * softmax(h_last)[j] - labels[j]) * slope
        elif loss == "squared":
            error[j] = (h_last[j] - labels[j]) * slope
        else:
            raise ValueError(f"unknown loss {loss!r}")
    return error


def gradients(weights, inputs, labels, name, last, loss="label", batch="sum"):
    """Back-propagation through the layers, Eq. (2); one gradient a weight matrix."""
    z, h = run_network(weights, inputs, name, last)
    count = h[0].shape[0]
    new = [np.zeros_like(np.array(w, dtype=np.float64)) for w in weights]
    for b in range(count):
        error = last_error(z[-1][b], h[-1][b], labels[b], last, loss)
        for l in range(len(weights) - 1, -1, -1):
            n_post, n_pre = weights[l].shape[0], weights[l].shape[1] - 1
            for j in range(n_post):
                for i in range(n_pre):
                    new[l][j, i] += error[j] * h[l][b, i]
                new[l][j, n_pre] += error[j]
            if l == 0:
                continue
            below = np.zeros(n_pre)
            for i in range(n_pre):
                total = 0.0
                for j in range(n_post):
                    total += weights[l][j, i] * error[j]
                below[i] = total * nonlinear(f"{name}_slope", z[l][b, i])  # Eq. (2)
            error = below
    if batch == "mean":
        for l in range(len(new)):
            for j in range(new[l].shape[0]):
                for i in range(new[l].shape[1]):
                    new[l][j, i] /= count
    return new


def sgd_step(weights, inputs, labels, rate, name, last=None, loss="label", batch="sum"):
    """One step of gradient descent, Eq. (3); returns the new weights."""
    slopes = gradients(weights, inputs, labels, name, last or name, loss, batch)
    new = []
    for w, slope in zip(weights, slopes, strict=True):
        stepped = np.zeros_like(slope)
        for j in range(w.shape[0]):
            for i in range(w.shape[1]):
                stepped[j, i] = w[j, i] - rate * slope[j, i]  # Eq. (3)
        new.append(stepped)
    return new


def momentum_step(weights, velocities, slopes, rate, momentum):
    """Descent along a decaying sum of gradients; returns weights and velocities."""
    new_weights, new_velocities = [], []
    for w, v, slope in zip(weights, velocities, slopes, strict=True):
        w_new, v_new = np.zeros_like(slope), np.zeros_like(slope)
        for j in range(w.shape[0]):
            for i in range(w.shape[1]):
                v_new[j, i] = momentum * v[j, i] + slope[j, i]
                w_new[j, i] = w[j, i] - rate * v_new[j, i]
        new_weights.append(w_new)
        new_velocities.append(v_new)
    return new_weights, new_velocities


def adam_step(
    weights, means, squares, slopes, step, rate, b1=0.9, b2=0.999, epsilon=1e-8
):
    """Adam's step number `step`, counted from 1; returns weights, means, squares."""
    new_weights, new_means, new_squares = [], [], []
    for w, m, v, slope in zip(weights, means, squares, slopes, strict=True):
        w_new, m_new, v_new = (np.zeros_like(slope) for _ in range(3))
        for j in range(w.shape[0]):
            for i in range(w.shape[1]):
                m_new[j, i] = b1 * m[j, i] + (1.0 - b1) * slope[j, i]
                v_new[j, i] = b2 * v[j, i] + (1.0 - b2) * slope[j, i] ** 2
                m_hat = m_new[j, i] / (1.0 - b1**step)
                v_hat = v_new[j, i] / (1.0 - b2**step)
                w_new[j, i] = w[j, i] - rate * m_hat / (np.sqrt(v_hat) + epsilon)
        new_weights.append(w_new)
        new_means.append(m_new)
        new_squares.append(v_new)
    return new_weights, new_means, new_squares


# Is the update a gradient?


def flat(matrices):
    """All numbers of a list of arrays in one vector, each array in C order."""
    return np.array([number for matrix in matrices for number in matrix.ravel()])


def unflat(vector, shapes):
    """The list of arrays of these shapes that `flat` made the vector of."""
    matrices, start = [], 0
    for shape in shapes:
        count = int(np.prod(shape))
        matrices.append(np.array(vector[start : start + count]).reshape(shape))
        start += count
    return matrices


def forward_change(genome, shapes, inputs, labels, **variants):
    """The update of symmetric networks as a function of their flattened weights (3.5).

    The function returned takes a vector of all forward weights and returns their change
    in one tick over the whole batch.
    """

    def change(vector):
        """One tick's change of the flattened weights."""
        forward = unflat(vector, shapes)
        return (
            flat(tick(genome, forward, inputs, labels, **variants)["forward"]) - vector
        )

    return change


def jacobian(update, w, step=1e-5):
    """Entry [k, m] is the derivative of update k by weight m, by central differences.

    update takes a vector to a vector of the same length.
    """
    w = np.array(w, dtype=np.float64)
    Q = np.zeros((len(w), len(w)))
    for m in range(len(w)):
        above, below = w.copy(), w.copy()
        above[m] += step
        below[m] -= step
        difference = update(above) - update(below)
        for k in range(len(w)):
            Q[k, m] = difference[k] / (2.0 * step)
    return Q


def asymmetry(Q):
    """Each entry less its mirror image: zero where Eq. (9) holds, Eq. (10).

    This is what Fig. 2 shows the size of; half of it is the antisymmetric part of Q.
    """
    n = len(Q)
    new = np.zeros((n, n))
    for k in range(n):
        for m in range(n):
            new[k, m] = Q[k, m] - Q[m, k]  # Eq. (10)
    return new


def metric_condition(g, Q):
    """Asymmetry of g Q: zero if the update descends a loss by metric g, Eq. (13)."""
    n = len(Q)
    product = np.zeros((n, n))
    for i in range(n):
        for r in range(n):
            for j in range(n):
                product[i, r] += g[i, j] * Q[j, r]
    return asymmetry(product)  # Eq. (13)
