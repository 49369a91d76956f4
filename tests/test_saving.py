"""Learners on disk: every one comes back, and nothing else gets in."""

from datetime import UTC, datetime
from typing import ClassVar

import equinox as eqx
import jax
import jax.numpy as jnp
import numpy as np
import pytest

import plastica
from plastica.baselines import Cell, GradientDescent, OnlineLSTM, Recurrent
from plastica.cells import LSTM, PMLP
from plastica.errors import Refusal
from plastica.experiments import plastic_rnn
from plastica.experiments.meet import meet
from plastica.learner import AbstractLearner
from plastica.network import Network
from plastica.rules import (
    BLUR,
    VSML,
    PlasticMLP,
    PlasticRNN,
    PMLPHebb,
    Variant,
    VectorNeuron,
)
from plastica.rules.vector_neuron import Kinds
from plastica.saving import arrays_of, load, read_rule, save
from plastica.store import Damaged, read_bundle, write_bundle

KEY = jax.random.key(3)
NETWORK = Network.layered(5, 3, 5)
ONE_WAY = Network((5, 4, 4, 5), ((1, 0), (2, 1), (3, 2), (2, 2), (0, 3)))
LEARNERS = {
    "pmlp_hebb": lambda: PMLPHebb.random(KEY, NETWORK),
    "pmlp_hebb, softmax": lambda: PMLPHebb.zeros(NETWORK, 5, 2, readout="softmax"),
    "pmlp_hebb, other edges": lambda: PMLPHebb.random(KEY, ONE_WAY, 7, 3),
    "blur, all of it": lambda: BLUR.random(
        KEY,
        Network.chain(5, 3, 5),
        3,
        variant=Variant(oja="first", saturation="tanh", synapses="two sets"),
    ),
    "vsml": lambda: VSML.random(KEY, Network.chain(5, 3, 5), units=4, messages=3),
    "vector neurons": lambda: VectorNeuron.random(
        KEY, Network.full(5, 3), Kinds("LSTM", "GATED", state=4, hidden=5, embedding=2)
    ),
    "gradient descent": lambda: GradientDescent.at(0.1, NETWORK, "adam"),
    "lstm": lambda: Recurrent.lstm(KEY, 5, 3, 5),
    "lstm, told the error": lambda: Recurrent.lstm(KEY, 5, 3, 5, "error"),
    "LSTM trained online": lambda: OnlineLSTM.of(3, 5),
    "rnn, told the target": lambda: Recurrent.rnn(KEY, 5, 3, 5, "target"),
    "eprnn": lambda: plastic_rnn.foretell(units=3).learner,
    "plastic rnn": lambda: PlasticRNN.random(KEY, 4, 3),
    "plastic rnn, no m": lambda: PlasticRNN.random(KEY, 4, 3, modulated=False),
    "plastic mlp, random": lambda: PlasticMLP.random(KEY, 4, 3, evolved=False),
    "cell": lambda: Cell(LSTM.random(KEY, 4, 3)),
    "maml": lambda: plastic_rnn.foretell(method="maml", units=3).learner,
    "hears": lambda: meet(rule="rnn", task="toys", hidden=3).learner,
    "apart": lambda: meet(rule="vector_neuron", task="toys", hidden=3).learner,
    "policy": lambda: plastic_rnn.drive(method="maml-one-rollout", units=3).learner,
}


class Leaky(AbstractLearner):
    """A user's own class."""

    w: jax.Array
    rate: float = eqx.field(static=True)
    needs: ClassVar[frozenset[str]] = frozenset({"target"})

    def init(self, key, x):
        return jnp.zeros_like(x)

    def predict(self, state, x):
        state = self.rate * state + x
        return state, self.w @ state

    def learn(self, state, feedback):
        return state


@pytest.mark.parametrize("name", LEARNERS)
def test_a_learner_comes_back_to_the_bit(name, tmp_path):
    learner = LEARNERS[name]()
    path = save(learner, tmp_path / "rule")
    for where in (path, tmp_path / "rule", tmp_path / "rule.npz", tmp_path):
        assert eqx.tree_equal(load(where), learner)
    assert eqx.tree_equal(load(path, like=learner), learner)


def test_every_learner_of_the_package_is_saved_here():
    from plastica import baselines, rules

    found = {
        value
        for module in (rules, baselines)
        for value in vars(module).values()
        if isinstance(value, type) and issubclass(value, AbstractLearner)
    }
    assert found == {type(make()) for make in LEARNERS.values()}


def test_names_with_dots_are_different_files(tmp_path):
    for hidden in (2, 3):
        rule = PMLPHebb.zeros(NETWORK, hidden=hidden)
        name = f"scale-0.{hidden}"
        assert save(rule, tmp_path / name).name == f"{name}.safetensors"
    assert load(tmp_path / "scale-0.2").layers[0].b1.shape == (2,)


def test_a_users_own_class_needs_one_like_it(tmp_path):
    mine = Leaky(jnp.eye(3), 0.5)
    save(mine, tmp_path / "mine")
    with pytest.raises(Refusal, match="Leaky is not a class of this package.*like="):
        load(tmp_path / "mine")
    empty = Leaky(jnp.zeros((3, 3)), 0.5)
    assert eqx.tree_equal(load(tmp_path / "mine", like=empty), mine)


@pytest.mark.parametrize(
    ("like", "said"),
    [
        (
            Leaky(jnp.zeros((3, 4)), 0.5),
            r"w is float32\[3, 3\] there and float32\[3, 4\]",
        ),
        (Leaky(jnp.zeros((3, 3), jnp.int32), 0.5), r"there and int32\[3, 3\] here"),
        (Leaky(jnp.zeros((3, 3)), 0.1), "its rate is 0.5 there and 0.1 here"),
        (Recurrent.rnn(KEY, 3, 3, 3), "holds a Leaky, and a Recurrent is wanted here"),
    ],
    ids=["shape", "type", "number", "class"],
)
def test_what_is_not_like_it_is_refused(tmp_path, like, said):
    save(Leaky(jnp.eye(3), 0.5), tmp_path / "mine")
    with pytest.raises(Refusal, match=said) as caught:
        load(tmp_path / "mine", like=like)
    assert "\n" not in str(caught.value)


def test_a_field_that_a_class_gained_or_lost_since_is_named(tmp_path):
    rule = LEARNERS["blur, all of it"]()
    save(rule, tmp_path / "rule")

    def rewritten(dropped, **changed):
        arrays, about = read_bundle(tmp_path / "rule")
        fields = about["learner"]["fields"]
        for field, value in changed.items():
            fields["variant"]["fields"][field] = value
        for field in dropped:
            del fields["variant"]["fields"][field]
        write_bundle(tmp_path / "other", arrays, about)
        return tmp_path / "other"

    gained = rewritten(["normalised"])
    for like in (None, rule):
        assert eqx.tree_equal(load(gained, like), rule)
    lost = rewritten([], colour="blue")
    for like in (None, rule):
        with pytest.raises(Refusal, match="Variant has no field 'colour', unlike when"):
            load(lost, like)


def test_an_array_missing_or_too_many_is_refused(tmp_path):
    rule = PMLPHebb.zeros(NETWORK)
    arrays = arrays_of(rule)
    about = _about(rule, tmp_path)
    one_less = {k: v for k, v in arrays.items() if k != "layers.1.b1"}
    write_bundle(tmp_path / "less", one_less, about)
    write_bundle(tmp_path / "more", arrays | {"layers.9.b1": np.zeros(2)}, about)
    with pytest.raises(Damaged, match=r"layers.1.b1 is missing"):
        load(tmp_path / "less")
    for name, said in (("less", "is missing there"), ("more", "and missing here")):
        with pytest.raises(Refusal, match=said):
            load(tmp_path / name, like=rule)


def _about(rule, tmp_path):
    """What a saved rule says of itself, to be changed and written again."""
    save(rule, tmp_path / "original")
    return read_bundle(tmp_path / "original")[1]


@pytest.mark.parametrize(
    "learner",
    [
        None,
        7,
        "PMLPHebb",
        [],
        {"class": "PMLP", "fields": {}},
        {"class": "PMLPHebb", "fields": {"layers": [], "network": None}},
        {"class": "PMLPHebb", "fields": {"layers": 3, "network": 4, "readout": "relu"}},
        {"class": "os.system", "fields": {"command": "true"}},
        {"class": "../PMLPHebb", "fields": {}},
        {"class": "Module", "fields": {}},
        {"class": "PMLPHebb", "fields": {"__class__": "x"}},
        {"array": "../../etc/passwd"},
        {"sizes": ["a"], "edges": [[0]]},
        {"sizes": [3], "edges": [[0, 0, 0]]},
        {"class": "Recurrent", "fields": {"cell": 1, "V": 2, "c": 3, "told": "all"}},
    ],
    ids=str,
)
def test_a_description_of_no_learner_is_refused(tmp_path, learner):
    rule = PMLPHebb.zeros(NETWORK)
    about = _about(rule, tmp_path) | {"learner": learner}
    write_bundle(tmp_path / "strange", arrays_of(rule), about)
    with pytest.raises(Refusal) as caught:
        load(tmp_path / "strange")
    assert "\n" not in str(caught.value)


def test_a_part_of_a_learner_is_no_learner(tmp_path):
    cell = PMLP.zeros(2, 3, 4)
    fields = {name: {"array": name} for name in ("M1", "M2", "b1", "M3", "b3")}
    about = _about(PMLPHebb.zeros(NETWORK), tmp_path)
    about |= {"learner": {"class": "PMLP", "fields": fields}}
    write_bundle(tmp_path / "part", arrays_of(cell), about)
    with pytest.raises(Damaged, match="describes no learner, but PMLP"):
        load(tmp_path / "part")


def test_a_description_nested_without_end_is_refused(tmp_path):
    learner = []
    for _ in range(600):
        learner = [learner]
    about = _about(PMLPHebb.zeros(NETWORK), tmp_path) | {"learner": learner}
    write_bundle(tmp_path / "deep", {}, about)
    with pytest.raises(Damaged):
        load(tmp_path / "deep")


def test_what_is_no_rule_says_so(tmp_path):
    rule = PMLPHebb.zeros(NETWORK)
    about = _about(rule, tmp_path)
    write_bundle(tmp_path / "newer", arrays_of(rule), about | {"version": 2})
    write_bundle(tmp_path / "other", arrays_of(rule), about | {"format": "a picture"})
    with pytest.raises(Refusal, match="newer version .*reads 1.; upgrade plastica"):
        read_rule(tmp_path / "newer")
    with pytest.raises(Refusal, match="is not a rule: it says format 'a picture'"):
        read_rule(tmp_path / "other")
    with pytest.raises(Refusal, match="does not exist"):
        read_rule(tmp_path / "nowhere.safetensors")


def test_a_word_changed_in_the_description_is_noticed(tmp_path):
    path = save(PMLPHebb.zeros(NETWORK), tmp_path / "rule")
    content = path.read_bytes()
    path.write_bytes(content.replace(b'\\"relu\\"', b'\\"tanh\\"'))
    assert path.read_bytes() != content
    with pytest.raises(Damaged, match="rule.safetensors is altered"):
        load(tmp_path / "rule")


def test_a_rule_says_when_and_with_what_it_was_made(tmp_path):
    made = read_rule(save(PMLPHebb.zeros(NETWORK), tmp_path / "rule"))[1]["made"]
    assert made["versions"]["jax"] == jax.__version__
    assert abs(datetime.now(UTC) - datetime.fromisoformat(made["date"])).seconds < 60
    told = {"seed": 3, "versions": {"jax": "0"}, "date": "of what it was made from"}
    made = read_rule(save(PMLPHebb.zeros(NETWORK), tmp_path / "rule", told))[1]["made"]
    assert made == told | {"date": made["date"]} and made["date"] != told["date"]


def test_what_cannot_be_described_is_refused_when_saving(tmp_path):
    class Odd(Leaky):
        w: object = eqx.field(static=True)

    with pytest.raises(Refusal, match="the field w holds a builtin"):
        plastica.save(Odd(len, 0.5), tmp_path / "odd")
    assert not list(tmp_path.iterdir())
