"""Naive float64 transcription of evolved plastic recurrent networks (EPRNN).

Source: "Do What Nature Did To Us: Evolving Plastic Recurrent Neural Networks For Task
Generalization" (under review at ICLR 2022), and facts about its authors' released
program where the two differ. Section 3 has the layer, Eq. (1) to (7), and the search,
Eq. (8) to (10); section 4.1 the two tasks; section 4.2 and A.1 the other methods and
the sizes. Where paper and program part ways both are here, chosen by arguments.

This is a witness to test fast code against: explicit loops, nothing clever.

Conventions:
- A matrix is w[post, pre]: `i` is the neuron after the synapse, `j` the one before.
- A network is a list of layers, from input to output. A layer is a dict of arrays, with
  its "kind" and its activation "f" ("tanh", "sigmoid", "relu" or "linear"):
    "dense":             W (n, n_in), b (n,);
    "plastic dense":     W_0 (n, n_in), b (n,); rules W_A, W_B, W_C, W_D like W_0;
                         modulator W_i_m (n, n_in), b_m (n,);
    "recurrent":         W_i (n, n_in), W_0 (n, n), b (n,), h_0 (n,);
    "plastic recurrent": as "recurrent"; rules W_A, W_B, W_C, W_D (n, n); modulator
                         W_h_m (n, n), W_i_m (n, n_in), b_m (n,).
  A plastic layer without "b_m" has no modulator: m = 1. A "plastic recurrent" layer
  with "input_rules", a dict of W_A to W_D (n, n_in), has a plastic W_i as well;
  without them only the recurrent block is plastic, as in the paper. EPRNN has one
  "plastic recurrent" layer among dense ones, EPMLP one "plastic dense" layer.
- The states of a network are a list, one dict a layer: "W" and "h" where the layer has
  them, "W_i" where that is plastic. They are never changed in place.
- `modulated` is "update" (the program: m is inside the update of W only, and h' goes
  on) or "state" (Eq. (6) to the letter: m * h' goes on, upwards and to the next tick).

Where the text is garbled or silent, and what is done here:
- Eq. (5) and (6). The text writes h_{t+1} both for the activity of Eq. (2) and for that
  activity times m, and "W_D . m_t" for a product that must be a matrix. Eq. (1) has one
  m before the bracket; so m_i stands once before each of the four terms, W_D's too.
- The activity sigma: tanh in Eq. (2), the logistic function in Eq. (7), as the program.
- Eq. (7) has lost a bracket: sigma goes around the whole sum.
- Eq. (10) is a sum over the n candidates, divided by n (figure 7 shows it whole).
- The sine's argument is 2 pi t / n_i + phi_i, the period of each component its own.
"""

import numpy as np

# Activations


def activation(f, x):
    """One neuron's activity from its potential."""
    if f == "tanh":
        return np.tanh(x)
    if f == "sigmoid":
        return 0.5 * (1.0 + np.tanh(0.5 * x))  # 1 / (1 + exp(-x)), for any x
    if f == "relu":
        return x if x > 0.0 else 0.0
    if f == "linear":
        return x
    raise ValueError(f"unknown activation {f!r}")


def slope(f, y):
    """The derivative of an activation in terms of its value y; relu'(0) = 0."""
    if f == "tanh":
        return 1.0 - y * y
    if f == "sigmoid":
        return y * (1.0 - y)
    if f == "relu":
        return 1.0 if y > 0.0 else 0.0
    if f == "linear":
        return 1.0
    raise ValueError(f"unknown activation {f!r}")


# The layers


def potentials(terms, b):
    """The sum of several `W x`, given as pairs (W, x), and the bias."""
    for W, x in terms:
        if np.shape(W) != (len(b), len(x)):
            raise ValueError(f"W is {np.shape(W)}, x {len(x)} and b {len(b)} long")
    total = np.zeros(len(b), dtype=np.float64)
    for i in range(len(b)):
        total[i] = b[i]
        for W, x in terms:
            for j in range(len(x)):
                total[i] += W[i, j] * x[j]
    return total


def activities(f, total):
    """The activation of every neuron of a layer."""
    y = np.zeros(len(total), dtype=np.float64)
    for i in range(len(total)):
        y[i] = activation(f, total[i])
    return y


def modulator(layer, i_t, h_t=None):
    """The neural modulator, one number for each neuron after the synapses: Eq. (7)."""
    if "b_m" not in layer:
        return np.ones(len(layer["b"]), dtype=np.float64)
    terms = [(layer["W_i_m"], i_t)]
    if h_t is not None:
        terms.append((layer["W_h_m"], h_t))
    return activities("sigmoid", potentials(terms, layer["b_m"]))  # Eq. (7)


def update(rules, pre, post, m):
    """What a plastic matrix grows by in one tick: Eq. (1), (5)."""
    delta = np.zeros((len(post), len(pre)), dtype=np.float64)
    for i in range(len(post)):
        for j in range(len(pre)):
            hebb = rules["W_A"][i, j] * post[i] * pre[j]
            from_pre = rules["W_B"][i, j] * pre[j]
            from_post = rules["W_C"][i, j] * post[i]
            always = rules["W_D"][i, j]
            delta[i, j] = m[i] * (hebb + from_pre + from_post + always)  # Eq. (1)
    return delta


def grown(W, delta):
    """A matrix after its update: Eq. (4)."""
    new = np.zeros(W.shape, dtype=np.float64)
    for i in range(W.shape[0]):
        for j in range(W.shape[1]):
            new[i, j] = W[i, j] + delta[i, j]  # Eq. (4)
    return new


def passed_on(activity, m, modulated):
    """What a plastic layer hands on: its activity, or that times m, Eq. (6)."""
    if modulated == "update":
        return activity.copy()
    if modulated == "state":
        through = np.zeros(len(activity), dtype=np.float64)
        for i in range(len(activity)):
            through[i] = m[i] * activity[i]  # Eq. (6)
        return through
    raise ValueError(f"unknown place of the modulator {modulated!r}")


def initial_states(network, drawn=None):
    """The states at birth; `drawn` gives the layers by number a W of this life only.

    With `drawn` for its plastic layer, EPMLP is EPMLP (Random) of section 4.2.
    """
    states = []
    for number, layer in enumerate(network):
        state = {}
        if layer["kind"] != "dense":
            state["W"] = np.array(layer["W_0"], dtype=np.float64)
            if drawn is not None and number in drawn:
                state["W"] = np.array(drawn[number], dtype=np.float64)
        if layer["kind"] in ("recurrent", "plastic recurrent"):
            state["h"] = np.array(layer["h_0"], dtype=np.float64)
        if "input_rules" in layer:
            state["W_i"] = np.array(layer["W_i"], dtype=np.float64)
        states.append(state)
    return states


def dense(layer, state, i_t):
    """A fully connected layer without plasticity."""
    out = activities(layer["f"], potentials([(layer["W"], i_t)], layer["b"]))
    return out, dict(state), {"out": out}


def plastic_dense(layer, state, i_t, plastic, modulated):
    """A fully connected plastic layer, the core of EPMLP: Eq. (1), A.1."""
    W_t = state["W"]
    activity = activities(layer["f"], potentials([(W_t, i_t)], layer["b"]))
    m_t = modulator(layer, i_t)
    delta = update(layer, i_t, activity, m_t)
    new = {"W": grown(W_t, delta) if plastic else W_t.copy()}
    out = passed_on(activity, m_t, modulated)
    return out, new, {"activity": activity, "m": m_t, "delta": delta, "out": out}


def recurrent(layer, state, i_t):
    """A plain recurrent layer: Eq. (2) with W_t = W_0 for all t."""
    W_0, h_t = state["W"], state["h"]
    total = potentials([(W_0, h_t), (layer["W_i"], i_t)], layer["b"])
    h_next = activities(layer["f"], total)  # Eq. (2)
    return h_next, {"W": W_0.copy(), "h": h_next}, {"out": h_next}


def plastic_recurrent(layer, state, i_t, plastic, modulated):
    """The plastic recurrent layer with its modulator: Eq. (2) to (7).

    W_t makes h_{t+1}, then W_t grows by the activities before and after; the modulator
    reads what the layer reads, h_t and i_t. A frozen layer (`plastic` False) keeps its
    matrices, while h goes on.
    """
    W_t, h_t = state["W"], state["h"]
    W_i = state.get("W_i", layer["W_i"])
    total = potentials([(W_t, h_t), (W_i, i_t)], layer["b"])
    activity = activities(layer["f"], total)  # Eq. (2)
    m_t = modulator(layer, i_t, h_t)  # Eq. (7)
    delta = update(layer, h_t, activity, m_t)  # Eq. (5)
    new = {"W": grown(W_t, delta) if plastic else W_t.copy()}  # Eq. (4)
    record = {"activity": activity, "m": m_t, "delta": delta}
    if "input_rules" in layer:
        record["delta_i"] = update(layer["input_rules"], i_t, activity, m_t)
        new["W_i"] = grown(W_i, record["delta_i"]) if plastic else W_i.copy()
    new["h"] = passed_on(activity, m_t, modulated)  # Eq. (6)
    record["out"] = new["h"]
    return new["h"], new, record


def tick(network, states, observation, plastic=True, modulated="update"):
    """One tick of the whole network: action, new states and what each layer did.

    The record of a layer holds "out", what it handed on, and for a plastic one also
    "activity" (sigma's value), "m", "delta" (and "delta_i"). "delta" is what plasticity
    asks for, also in a frozen tick, in which it is not added.
    """
    signal_up = np.array(observation, dtype=np.float64)
    new_states, records = [], []
    for layer, state in zip(network, states, strict=True):
        if layer["kind"] == "dense":
            step = dense(layer, state, signal_up)
        elif layer["kind"] == "plastic dense":
            step = plastic_dense(layer, state, signal_up, plastic, modulated)
        elif layer["kind"] == "recurrent":
            step = recurrent(layer, state, signal_up)
        elif layer["kind"] == "plastic recurrent":
            step = plastic_recurrent(layer, state, signal_up, plastic, modulated)
        else:
            raise ValueError(f"unknown kind of layer {layer['kind']!r}")
        signal_up, new, record = step
        new_states.append(new)
        records.append(record)
    return signal_up, new_states, records  # Eq. (3)


# The sines


def sines(t, A, n, phase):
    """The value of all components at tick t: section 4.1."""
    y = np.zeros(len(A), dtype=np.float64)
    for i in range(len(A)):
        y[i] = A[i] * np.sin(2.0 * np.pi * t / n[i] + phase[i])
    return y


def exam_length(K, N, N_counts_all):
    """The number of exam ticks: N (program), or N less the K taught ones (paper)."""
    return N - K if N_counts_all else N


def sines_times(K, N, N_counts_all=False, first_time=0, unscored=1):
    """The times of the taught inputs and of the exam's targets.

    With the defaults inputs are y_0 to y_{K-1} and targets y_{K+1} to y_{K+N} (program)
    or to y_N (paper, A.1: the input of tick t is y_{t-1}); y_K is neither.
    """
    shown = [first_time + tau for tau in range(K)]
    start = first_time + K + unscored
    scored = [start + tau for tau in range(exam_length(K, N, N_counts_all))]
    return shown, scored


def first_exam_input(first_input, last_action):
    """The first input of the exam: zero (program) or the last action (paper)."""
    if first_input == "zero":
        return np.zeros(len(last_action), dtype=np.float64)
    if first_input == "last action":
        return last_action.copy()
    raise ValueError(f"unknown first input {first_input!r}")


def minus_mean_square_error(outputs, targets):
    """The fitness of an exam: minus the mean over its ticks and its components."""
    total, count = 0.0, 0
    for output, target in zip(outputs, targets, strict=True):
        for i in range(len(target)):
            total += (output[i] - target[i]) ** 2
            count += 1
    return -total / count


def sines_life(
    network,
    states,
    A,
    n,
    phase,
    K,
    N,
    plastic_exam=False,
    first_input="zero",
    N_counts_all=False,
    first_time=0,
    unscored=1,
    modulated="update",
):
    """A life in the sines task, taught and then examined: section 4.1, Eq. (8).

    The defaults are the program's: a frozen exam that starts from a zero input and has
    N ticks. The paper's are `plastic_exam=True, first_input="last action",
    N_counts_all=True`. In the exam the last output comes back as input. Lists have one
    entry for every tick of life, but "targets" only for the exam's ticks.
    """
    shown, scored = sines_times(K, N, N_counts_all, first_time, unscored)
    inputs, outputs, all_states, records, targets = [], [], [], [], []
    for t in shown:
        inputs.append(sines(t, A, n, phase))
        output, states, record = tick(network, states, inputs[-1], True, modulated)
        outputs.append(output)
        all_states.append(states)
        records.append(record)
    observation = first_exam_input(first_input, outputs[-1])
    for t in scored:
        inputs.append(observation)
        output, states, record = tick(
            network, states, observation, plastic_exam, modulated
        )
        outputs.append(output)
        all_states.append(states)
        records.append(record)
        targets.append(sines(t, A, n, phase))
        observation = output
    return {
        "inputs": np.array(inputs),
        "outputs": np.array(outputs),
        "targets": np.array(targets),
        "states": all_states,
        "records": records,
        "fitness": minus_mean_square_error(outputs[K:], targets),
    }


# The robot


def distance(robot, goal):
    """From the robot (x, y, heading) to the goal (x, y)."""
    return np.sqrt((goal[0] - robot[0]) ** 2 + (goal[1] - robot[1]) ** 2)


def move(robot, action, wheel_travel=0.05, wheel_base=0.04, straight_below=1e-6):
    """The robot (x, y, heading) after one tick of constant wheel speeds (left, right).

    `wheel_travel` is the way of a wheel in one tick at speed 1. Unequal wheels drive an
    exact arc about a point on the wheels' axis; the heading is not wrapped.
    """
    x, y, heading = robot
    left, right = action
    if abs(right - left) < straight_below:
        forward = wheel_travel * (left + right) / 2.0
        return np.array(
            [x + forward * np.cos(heading), y + forward * np.sin(heading), heading]
        )
    radius = (wheel_base / 2.0) * (right + left) / (right - left)
    turned = heading + wheel_travel * (right - left) / wheel_base
    x_new = x + radius * (np.sin(turned) - np.sin(heading))
    y_new = y - radius * (np.cos(turned) - np.cos(heading))
    return np.array([x_new, y_new, turned])


def received(task, d, noise, d_0=0.02):
    """The signal at distance d, never below zero; `noise` is added as it is."""
    strength = task["A_0"] - task["k"] * np.log(d / d_0) + noise
    return max(0.0, strength)


def roll_out(act, task, noises, first_tick=0, max_ticks=100, arrived_below=0.02, **how):
    """One roll-out of a robot that starts at the origin, heading 0.

    `act(observation, number)` gives the wheel speeds in tick `number` of the roll-out;
    the observation is the last action (zero at first) and the signal. `task` has "goal"
    (2,), "A_0" and "k". `noises` has one number for every tick of the whole life, and
    `first_tick` says which is this roll-out's first. A tick is: observe, act, move, be
    rewarded with minus the new distance. Arrival ends a roll-out, and `max_ticks` does
    (paper 100, program 101). `how` goes to `move`.
    """
    robot = np.zeros(3, dtype=np.float64)
    action = np.zeros(2, dtype=np.float64)
    robots, distances = [robot], [distance(robot, task["goal"])]
    observations, actions, rewards = [], [], []
    arrived = False
    while not arrived and len(rewards) < max_ticks:
        number = len(rewards)
        signal = received(task, distances[-1], noises[first_tick + number])
        observations.append(np.array([action[0], action[1], signal]))
        action = np.array(act(observations[-1], number), dtype=np.float64)
        robot = move(robot, action, **how)
        actions.append(action)
        robots.append(robot)
        distances.append(distance(robot, task["goal"]))
        rewards.append(-distances[-1])
        arrived = bool(distances[-1] < arrived_below)
    return {
        "robots": np.array(robots),
        "distances": np.array(distances),
        "observations": np.array(observations),
        "actions": np.array(actions),
        "rewards": np.array(rewards),
        "arrived": arrived,
        "ticks": len(rewards),
        "return": sum(rewards),
    }


def roll_out_actions(task, actions, noises, first_tick=0, max_ticks=100, **how):
    """A roll-out under given actions, (ticks, 2)."""
    last = min(max_ticks, len(actions))
    return roll_out(
        lambda observation, number: actions[number],
        task,
        noises,
        first_tick=first_tick,
        max_ticks=last,
        **how,
    )


def network_roll_out(network, states, task, noises, plastic, modulated, **how):
    """A roll-out of a network, with its states after every tick and its records."""
    all_states, records = [], []

    def act(observation, number):
        before = all_states[-1] if all_states else states
        action, after, record = tick(network, before, observation, plastic, modulated)
        all_states.append(after)
        records.append(record)
        return action

    life = roll_out(act, task, noises, **how)
    life["states"] = all_states
    life["records"] = records
    return life


def robot_life(
    network,
    states,
    task,
    noises,
    roll_outs="plastic",
    max_ticks=100,
    modulated="update",
    **how,
):
    """A life in the robot task: section 4.1.

    `roll_outs` is "plastic" (the paper: one plastic roll-out, which counts) or "plastic
    then frozen" (the program: then a second one, which counts, of a robot put back to
    the origin, with W and h as they are and plasticity off). The second begins in the
    tick after the first has ended. Fitness is the sum of rewards.
    """
    if roll_outs not in ("plastic", "plastic then frozen"):
        raise ValueError(f"unknown roll-outs {roll_outs!r}")
    lives = [
        network_roll_out(
            network,
            states,
            task,
            noises,
            True,
            modulated,
            max_ticks=max_ticks,
            **how,
        )
    ]
    if roll_outs == "plastic then frozen":
        lives.append(
            network_roll_out(
                network,
                lives[0]["states"][-1],
                task,
                noises,
                False,
                modulated,
                first_tick=lives[0]["ticks"],
                max_ticks=max_ticks,
                **how,
            )
        )
    return {"roll_outs": lives, "fitness": lives[-1]["return"]}


# The evolution strategies; theta is a dict of arrays, "tensors", by name


def ranks(fitness):
    """0 for the worst candidate to n - 1 for the best; equals in order of number."""
    n = len(fitness)
    place = np.zeros(n, dtype=np.float64)
    for i in range(n):
        for j in range(n):
            if fitness[j] < fitness[i] or (fitness[j] == fitness[i] and j < i):
                place[i] += 1.0
    return place


def centred_ranks(fitness):
    """Ranks brought to [-0.5, 0.5]."""
    n = len(fitness)
    centred = ranks(fitness)
    for i in range(n):
        centred[i] = centred[i] / (n - 1) - 0.5
    return centred


def standardised(values):
    """Values less their mean, over their standard deviation (that of a population)."""
    n = len(values)
    mean = sum(values) / n
    variance = 0.0
    for value in values:
        variance += (value - mean) ** 2 / n
    return np.array([(value - mean) / np.sqrt(variance) for value in values])


def mean_over_tasks(fitness):
    """Fit(theta_i), the mean over the tasks of a generation; (candidates, tasks)."""
    means = np.zeros(len(fitness), dtype=np.float64)
    for i in range(len(fitness)):
        for one in fitness[i]:
            means[i] += one / len(fitness[i])
    return means


def penalty(theta, factor=1e-6):
    """Root of the mean over tensors of their mean squares, times factor (program)."""
    total = 0.0
    for tensor in theta.values():
        squares = 0.0
        for number in np.ravel(tensor):
            squares += float(number) ** 2
        total += squares / np.size(tensor)
    return factor * np.sqrt(total / len(theta))


def antithetic_candidates(theta, sigmas, normals, signs):
    """Candidates of a generation in pairs theta + e, theta - e (program).

    `sigmas` has a number a tensor. `normals` has for each tensor an array (pairs,
    *shape). `signs` has for each tensor (pairs,) numbers +1 or -1: sigma times 1.1 or
    0.9 for both of a pair; one choice a pair is the same row for every tensor. Returns
    three lists, twice as long as there are pairs: candidates, their steps away from
    theta, and their sigmas.
    """
    pairs = len(next(iter(normals.values())))
    candidates, steps, own_sigmas = [], [], []
    for p in range(pairs):
        for direction in (1.0, -1.0):
            candidate, step, own = {}, {}, {}
            for name, tensor in theta.items():
                own[name] = sigmas[name] * (1.1 if signs[name][p] > 0 else 0.9)
                step[name] = direction * own[name] * normals[name][p]
                candidate[name] = tensor + step[name]
            candidates.append(candidate)
            steps.append(step)
            own_sigmas.append(own)
    return candidates, steps, own_sigmas


def antithetic_step(
    theta,
    sigmas,
    normals,
    signs,
    fitness,
    step_size=0.02,
    elite=16,
    growth=1e-6,
    floor=1e-5,
    penalty_factor=1e-6,
):
    """A generation of the released program.

    `fitness` is what the candidates (in the order of `antithetic_candidates`) earned,
    before the penalty of their own numbers. theta moves by step_size times the sum of
    the candidates' steps, each times its standardised centred rank. Each sigma grows by
    `growth` and by half the mean difference between the sigmas of the `elite` best
    candidates and of as many worst. A population of 400 is 199 pairs, elite 400 // 25.
    """
    candidates, steps, own = antithetic_candidates(theta, sigmas, normals, signs)
    n = len(candidates)
    earned = np.zeros(n, dtype=np.float64)
    for i in range(n):
        earned[i] = fitness[i] - penalty(candidates[i], penalty_factor)
    utilities = standardised(centred_ranks(earned))
    place = ranks(earned)
    best = [i for i in range(n) if place[i] >= n - elite]
    worst = [i for i in range(n) if place[i] < elite]
    new_theta, new_sigmas = {}, {}
    for name, tensor in theta.items():
        total = np.zeros(np.shape(tensor), dtype=np.float64)
        for i in range(n):
            total = total + utilities[i] * steps[i][name]
        new_theta[name] = tensor + step_size * total
        difference = 0.0
        for good, bad in zip(best, worst, strict=True):
            difference += (own[good][name] - own[bad][name]) / elite
        new_sigmas[name] = max(floor, sigmas[name] + growth + 0.5 * difference)
    return {
        "theta": new_theta,
        "sigmas": new_sigmas,
        "earned": earned,
        "utilities": utilities,
        "best": best,
        "worst": worst,
    }


def paper_step(theta, candidates, fitness, alpha=0.2, standardise=False):
    """A generation of the paper: Eq. (10) with ranks for fitness (A.1).

    Ranks are centred, in [-0.5, 0.5], or those ranks standardised.
    """
    n = len(candidates)
    Fit = centred_ranks(fitness)
    if standardise:
        Fit = standardised(Fit)
    new_theta = {}
    for name, tensor in theta.items():
        total = np.zeros(np.shape(tensor), dtype=np.float64)
        for i in range(n):
            total = total + Fit[i] * (candidates[i][name] - tensor)
        new_theta[name] = tensor + alpha * total / n  # Eq. (10)
    return {"theta": new_theta, "utilities": Fit}


# ES-MAML: a multi-layer perceptron, a list of "dense" layers, with its own gradients


def mlp_activities(layers, x):
    """The input and then the activities of every layer."""
    values = [np.array(x, dtype=np.float64)]
    for layer in layers:
        total = potentials([(layer["W"], values[-1])], layer["b"])
        values.append(activities(layer["f"], total))
    return values


def mlp_output(layers, x):
    """What the perceptron answers to one input."""
    return mlp_activities(layers, x)[-1]


def mlp_gradient(layers, inputs, pulls):
    """The gradient of every W and b, the mean over samples, by back-propagation.

    `pulls` has for every sample the derivative of its loss in each output (n_out,).
    Returns a list of dicts "W" and "b", one a layer.
    """
    gradient = []
    for layer in layers:
        gradient.append(
            {"W": np.zeros(layer["W"].shape), "b": np.zeros(len(layer["b"]))}
        )
    samples = len(inputs)
    for x, pull in zip(inputs, pulls, strict=True):
        values = mlp_activities(layers, x)
        above = np.array(pull, dtype=np.float64)
        for l in range(len(layers) - 1, -1, -1):
            W, f = layers[l]["W"], layers[l]["f"]
            pre, post = values[l], values[l + 1]
            below = np.zeros(len(pre), dtype=np.float64)
            for i in range(len(post)):
                error = above[i] * slope(f, post[i])
                gradient[l]["b"][i] += error / samples
                for j in range(len(pre)):
                    gradient[l]["W"][i, j] += error * pre[j] / samples
                    below[j] += error * W[i, j]
            above = below
    return gradient


def descended(layers, gradient, step_size):
    """The perceptron one step of gradient descent later."""
    new = []
    for layer, slopes in zip(layers, gradient, strict=True):
        moved = dict(layer)
        moved["W"] = layer["W"] - step_size * slopes["W"]
        moved["b"] = layer["b"] - step_size * slopes["b"]
        new.append(moved)
    return new


def square_error_gradient(layers, inputs, targets, clip=1.0, components="sum"):
    """The gradient of the mean over samples of the square error.

    The square error of a sample is the sum over components (program) or their mean. An
    error is cut to [-clip, clip] before it is propagated (program: 1); None leaves it.
    """
    pulls = []
    for x, target in zip(inputs, targets, strict=True):
        output = mlp_output(layers, x)
        pull = np.zeros(len(output), dtype=np.float64)
        for i in range(len(output)):
            error = output[i] - target[i]
            if clip is not None:
                error = min(max(error, -clip), clip)
            pull[i] = 2.0 * error
            if components == "mean":
                pull[i] = pull[i] / len(output)
            elif components != "sum":
                raise ValueError(f"unknown way to join components {components!r}")
        pulls.append(pull)
    return mlp_gradient(layers, inputs, pulls)


def inner_steps(layers, inputs, targets, step_sizes, clip=1.0, components="sum"):
    """The inner loop of ES-MAML: one gradient step on all samples for each step size.

    Returns the perceptrons before the first and after each step, and the gradients.
    """
    all_layers, gradients = [layers], []
    for step_size in step_sizes:
        gradients.append(
            square_error_gradient(all_layers[-1], inputs, targets, clip, components)
        )
        all_layers.append(descended(all_layers[-1], gradients[-1], step_size))
    return all_layers, gradients


def shown_pairs(K, first_time=0):
    """What the K taught ticks show: each value but the last, and the one after it."""
    return [(first_time + tau, first_time + tau + 1) for tau in range(K - 1)]


def program_pairs(K, first_time=0):
    """The program's pairs: every value is its own label, y_K among them."""
    return [(first_time + tau, first_time + tau) for tau in range(K + 1)]


def maml_sines_life(
    layers,
    step_sizes,
    A,
    n,
    phase,
    K,
    N,
    pairs,
    first_input="zero",
    N_counts_all=False,
    first_time=0,
    unscored=1,
    clip=1.0,
    components="sum",
):
    """A life of ES-MAML in the sines task.

    The taught ticks run the initial perceptron; after the last one come the inner steps
    on `pairs`, times (of the input, of the target); the exam runs the adapted one.
    """
    shown, scored = sines_times(K, N, N_counts_all, first_time, unscored)
    inputs, outputs, targets = [], [], []
    for t in shown:
        inputs.append(sines(t, A, n, phase))
        outputs.append(mlp_output(layers, inputs[-1]))
    features = [sines(before, A, n, phase) for before, _ in pairs]
    labels = [sines(after, A, n, phase) for _, after in pairs]
    all_layers, gradients = inner_steps(
        layers, features, labels, step_sizes, clip, components
    )
    observation = first_exam_input(first_input, outputs[-1])
    for t in scored:
        inputs.append(observation)
        outputs.append(mlp_output(all_layers[-1], observation))
        targets.append(sines(t, A, n, phase))
        observation = outputs[-1]
    return {
        "inputs": np.array(inputs),
        "outputs": np.array(outputs),
        "targets": np.array(targets),
        "layers": all_layers,
        "gradients": gradients,
        "fitness": minus_mean_square_error(outputs[K:], targets),
    }


def discounted_returns(rewards, horizon=10, discount=0.9, beyond="last"):
    """For every tick the sum of `horizon` rewards, its own first, each discounted.

    Past the end the last reward is repeated (program, `beyond="last"`) or nothing comes
    ("nothing").
    """
    returns = np.zeros(len(rewards), dtype=np.float64)
    for t in range(len(rewards)):
        for ahead in range(horizon):
            if t + ahead < len(rewards):
                reward = rewards[t + ahead]
            elif beyond == "last":
                reward = rewards[-1]
            elif beyond == "nothing":
                reward = 0.0
            else:
                raise ValueError(f"unknown rewards beyond the end {beyond!r}")
            returns[t] += discount**ahead * reward
    return returns


def policy_gradient(layers, observations, actions, advantages, variance=None):
    """The gradient of minus the mean over ticks of advantage times log-likelihood.

    The policy is Gaussian about the perceptron's output. With a `variance` this is the
    gradient to the letter; None leaves its 1 / variance to the step size (program).
    """
    pulls = []
    for t in range(len(observations)):
        output = mlp_output(layers, observations[t])
        pull = np.zeros(len(output), dtype=np.float64)
        for i in range(len(output)):
            pull[i] = advantages[t] * (output[i] - actions[t][i])
            if variance is not None:
                pull[i] = pull[i] / variance
        pulls.append(pull)
    return mlp_gradient(layers, observations, pulls)


def policy_steps(layers, observations, actions, advantages, step_sizes, variance=None):
    """The inner loop for rewards: a policy-gradient step for each step size.

    All steps use the same roll-out. Returns as `inner_steps`.
    """
    all_layers, gradients = [layers], []
    for step_size in step_sizes:
        gradients.append(
            policy_gradient(all_layers[-1], observations, actions, advantages, variance)
        )
        all_layers.append(descended(all_layers[-1], gradients[-1], step_size))
    return all_layers, gradients


def policy_roll_out(layers, task, noises, action_noises=None, bound=None, **how):
    """A roll-out of the perceptron, its output the mean of the wheel speeds.

    `action_noises` (ticks of this roll-out, 2) are added as they are; then a `bound`
    cuts the speeds to [-bound, bound].
    """

    def act(observation, number):
        action = mlp_output(layers, observation)
        for i in range(len(action)):
            if action_noises is not None:
                action[i] += action_noises[number][i]
            if bound is not None:
                action[i] = min(max(action[i], -bound), bound)
        return action

    return roll_out(act, task, noises, **how)


def policy_maml_life(
    layers,
    step_sizes,
    task,
    noises,
    action_noises=None,
    roll_outs="one roll-out",
    max_ticks=100,
    horizon=10,
    discount=0.9,
    beyond="last",
    centred=True,
    variance=None,
    bound=1.0,
    **how,
):
    """A life of ES-MAML in the robot task: section 4.2.

    "zero-shot" is one roll-out of the initial perceptron without noise in its actions;
    it counts, and nothing is learned. "one roll-out" is a roll-out with `action_noises`
    (the program: 0.1 times normals, then cut to [-1, 1]), the policy-gradient steps on
    it, and a second roll-out, without noise in its actions, which counts. `centred`
    takes the mean from the returns (program).
    """
    if roll_outs == "zero-shot":
        life = policy_roll_out(layers, task, noises, max_ticks=max_ticks, **how)
        return {
            "roll_outs": [life],
            "layers": [layers],
            "gradients": [],
            "fitness": life["return"],
        }
    if roll_outs != "one roll-out":
        raise ValueError(f"unknown roll-outs {roll_outs!r}")
    trial = policy_roll_out(
        layers, task, noises, action_noises, bound, max_ticks=max_ticks, **how
    )
    advantages = discounted_returns(trial["rewards"], horizon, discount, beyond)
    if centred:
        mean = sum(advantages) / len(advantages)
        for t in range(len(advantages)):
            advantages[t] -= mean
    all_layers, gradients = policy_steps(
        layers,
        trial["observations"],
        trial["actions"],
        advantages,
        step_sizes,
        variance,
    )
    exam = policy_roll_out(
        all_layers[-1],
        task,
        noises,
        first_tick=trial["ticks"],
        max_ticks=max_ticks,
        **how,
    )
    return {
        "roll_outs": [trial, exam],
        "advantages": advantages,
        "layers": all_layers,
        "gradients": gradients,
        "fitness": exam["return"],
    }
