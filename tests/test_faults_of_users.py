"""What a user can get wrong in a rule or a task of their own: each is one line.

A fault is a replacement in a rule or a task that are sound. What goes wrong in the
user's own lines is named with the file and the line, and the cause is kept.
"""

import logging
import re
import sys
from pathlib import Path

import jax
import numpy as np
import pytest

import plastica as pl
from plastica import machine
from plastica.cli import main
from plastica.errors import Diverged, Refusal, own_code
from plastica.experiments.meet import meet
from plastica.run.compare import compare
from plastica.run.folder import RunFolder
from plastica.shown.plots import lines, svg

from .runs import ROOT

RULE = """\
from typing import ClassVar
import jax, jax.numpy as jnp, plastica as pl
class Mine(pl.AbstractLearner):
    w: jax.Array
    needs: ClassVar = frozenset()
    @classmethod
    def create(cls, key, inputs, outputs, width: int = 2):
        return cls(jax.random.normal(key, (outputs, inputs)))
    def init(self, key, x):
        return jnp.zeros(())
    def predict(self, state, x):
        return state, self.w @ x
    def learn(self, state, feedback):
        return state
"""
TASK = (ROOT / "examples" / "maze.py").read_text()
TOLD = "return state\n"  # the last line of `learn`
ZERO, ANSWER = "return jnp.zeros(())", "return state, self.w @ x"
NONE, GIVES = "ClassVar = frozenset()", 'frozenset({"reward"})'
SEEN = "return jnp.append(world.turned, junction)"
FELT = "pl.Feedback(jnp.zeros(1), reward, jnp.bool_(True), last)"
WRONG = "wrong = jnp.where((y[0] > 0) == (arm > 0), 0.0, 1.0)"
LATER = "wrong = jnp.where(y[0] > 0.995, y[0], jnp.nan)"
SHORT = {"trials": 2, "generations": 2, "population": 4, "every": 1}


@pytest.fixture(autouse=True)
def here(tmp_path, monkeypatch):
    """A folder of the user's; the devices stay as the tests have them."""
    monkeypatch.chdir(tmp_path)
    monkeypatch.setattr(machine, "set_up", lambda *chosen: None)
    monkeypatch.setattr(sys, "path", [*sys.path])
    return tmp_path


def written(kind, *replaced, name=None):
    """A rule or a task in a file, with something replaced, as it is named."""
    text, own = {"rule": (RULE, "Mine"), "task": (TASK, "TMaze")}[kind]
    for old, new in zip(replaced[::2], replaced[1::2], strict=True):
        assert old in text
        text = new.join(text.rsplit(old, 1))
    path = Path(name or f"{kind}.py")
    path.write_text(text)
    return f"{path}:{own}"


def met(kind, *replaced, **more):
    """What meets a rule or a task in which something was replaced."""
    sound = {"rule": written("rule"), "task": written("task")}
    return meet(**sound | {kind: written(kind, *replaced)} | SHORT | more)


def one_line(refused):
    """What was refused, in one line."""
    assert "\n" not in str(refused.value)
    return str(refused.value)


FAULTS = [  # of what, what for what, and the line
    ("rule", ZERO, "return 'word'", "Mine does not fit TMaze.*word"),
    (
        *("rule", ZERO, "return jnp.zeros((), int)", ANSWER),
        *("return state + 0.5, x", r"Mine.predict returns float32\[\] in place of int"),
    ),
    (
        *("rule", ANSWER, "return jnp.zeros(3), self.w @ x"),
        r"Mine.predict returns float32\[3\] in place of float32\[\]; keep its shape",
    ),
    ("rule", TOLD, "return state[None]\n", r"Mine.learn returns float32\[1\] in place"),
    (
        "rule",
        TOLD,
        "return (state,)\n",
        r"Mine.learn returns PyTreeDef.*keep its parts",
    ),
    (
        "rule",
        ANSWER,
        "return self.w @ x",
        "Mine.predict must return a state, an answer",
    ),
    (
        "rule",
        NONE,
        "ClassVar = 'reward'",
        "Mine.needs must be a frozenset of any of tar",
    ),
    (
        "rule",
        NONE,
        "ClassVar = frozenset({'targets'})",
        "needs cannot be 'targets'; did",
    ),
    (
        "rule",
        NONE,
        f"{NONE}; answers = 'logits'",
        "Mine.answers must be a frozenset of",
    ),
    ("rule", f"    needs: {NONE}\n", "", "rule.py:Mine has no `needs`, as every rule"),
    ("rule", "def learn", "def lern", "rule.py:Mine has no `learn`.*rename its `lern`"),
    (
        "rule",
        "jax.random.normal(key, (outputs, inputs))",
        "3",
        "Mine has no theta.*jax.num",
    ),
    (
        "rule",
        "return cls",
        "return {}['a'] or cls",
        "rule.py, line 8: KeyError: 'a'; mend",
    ),
    (
        "rule",
        "return cls",
        "return exit(3) or cls",
        "rule.py, line 8: SystemExit: 3; mend",
    ),
    ("rule", "inputs)))", "inputs + 1)))", r"rule.py, line 12: TypeError: dot.*\(4,\)"),
    ("rule", ANSWER, "return state, y", "rule.py, line 12: NameError: name 'y' is not"),
    ("rule", ANSWER, "return x if x[0] > 0 else 0", "rule.py, line 12: TracerBoolCon"),
    ("rule", TOLD, "return state.mind\n", "rule.py, line 14: AttributeError: Dyna"),
    ("rule", ZERO, "return 1 / 0", "rule.py, line 10: ZeroDivisionError: division by"),
    (
        "rule",
        TOLD,
        f"{TOLD}import nothing_such",
        "rule.py, line 15: ModuleNotFoundError",
    ),
    (
        "rule",
        TOLD,
        f"{TOLD}import sys; sys.exit()",
        "rule.py, line 15: SystemExit; mend",
    ),
    (
        "rule",
        TOLD,
        f"{TOLD}x = (",
        "rule.py, line 15: SyntaxError: '.' was never closed",
    ),
    (
        "rule",
        TOLD,
        f"{TOLD}return 3",
        "rule.py, line 15: SyntaxError: 'return' outside",
    ),
    (
        "rule",
        TOLD,
        f"{TOLD}\0",
        "rule.py, line 1: SyntaxError: source code .* null bytes",
    ),
    ("task", "def respond", "def respnd", "has no `respond`.*rename its `respnd`"),
    (
        "task",
        f"    gives: ClassVar[frozenset[str]] = {GIVES}\n",
        "",
        "has no `gives`, as",
    ),
    (
        "task",
        GIVES,
        "'reward'",
        "TMaze.gives must be a frozenset of any of target, rew",
    ),
    (
        "task",
        '"numbers"',
        '"number"',
        "TMaze.asks cannot be 'number'; did you mean numb",
    ),
    (
        "task",
        "outputs: ClassVar[int] = 1",
        "outputs: ClassVar = None",
        "got None; change",
    ),
    (
        "task",
        SEEN,
        "return world.turned[0]",
        r"TMaze shows a number by itself, of shape",
    ),
    (
        "task",
        "return self.trials *",
        "return 0 *",
        "TMaze.ticks` must be a whole.*got 0",
    ),
    (
        "task",
        "return self.trials *",
        "return 1 / 0 *",
        "task.py, line 37: ZeroDivisionErr",
    ),
    (
        "task",
        SEEN,
        "return world.tock",
        "task.py, line 47: AttributeError: 'Maze'.*tock",
    ),
    ("task", FELT, f"self.x or {FELT}", "task.py, line 58: AttributeError: 'TMaze'"),
    ("task", "feedback, loss", "loss", r"TMaze.respond must return .*\(Maze, Loss\)"),
    ("task", "feedback, loss", "loss, feedback", r"got \(Maze, Loss, Feedback\)"),
    (
        "task",
        "1), reward",
        "1), reward[None]",
        r"gives a `reward` of shape \(1,\); give",
    ),
    (
        "task",
        "tick + 1)",
        "tick + 0.5)",
        r"respond returns float32\[\] at `.tick` in pl",
    ),
]


@pytest.mark.parametrize("fault", FAULTS, ids=lambda fault: fault[-1][:40])
def test_a_fault_in_a_file_of_the_user_s_is_one_line(fault):
    with pytest.raises(Refusal, match=fault[-1]) as refused:
        met(*fault[:-1])
    line = one_line(refused)
    if re.search("line [0-9]+:", line):
        assert refused.value.__cause__ is not None and line.endswith("; mend it")


REWARD, TARGET = (
    (TOLD, "return feedback.reward\n"),
    (TOLD, "return feedback.target[0]\n"),
)


@pytest.mark.parametrize(
    ("rule", "task"),
    [
        ((ZERO, "return 0.0"), ()),
        ((ZERO, "return 0", ANSWER, "return state + 0.5, self.w @ x"), ()),
        (REWARD, ("1), reward", "1), reward.astype(int)")),
        (REWARD, ("1), reward, jnp.bool_(True), last", "1), 1, True, 0")),
        (TARGET, ("pl.Feedback(jnp.zeros(1)", "pl.Feedback(jnp.zeros(1, int)")),
        ((), ("jnp.zeros((), int)", "0")),
    ],
    ids=str,
)
def test_python_s_numbers_and_whole_ones_do(rule, task):
    """In a state, a world and a feedback, with a rule that keeps what it is given."""
    experiment = met("rule", *rule, task=written("task", *task, name="own.py"))
    loss = experiment.objective(experiment.learner, (), jax.random.key(0))[0]
    assert np.isfinite(loss)


def test_double_precision_in_a_task_does_not_change_a_learner():
    single = ZERO, "return jnp.zeros((), jnp.float32)"
    answer = ANSWER, "return state, (self.w @ x).astype(jnp.float32)"
    experiment = met("rule", *single, *answer, *TARGET)
    task = experiment.evaluation.entries[0].task
    with jax.enable_x64(True):
        loss = pl.evaluate(experiment.learner, task, 2, jax.random.key(0)).loss
    assert np.isfinite(loss.mean)


def test_what_is_the_package_s_own_fault_stays_as_it_is():
    with pytest.raises(AttributeError, match="savefig"), own_code():
        svg(None)


@pytest.mark.parametrize(
    ("knob", "line"),
    [
        *((name, f"rule.py:Mine has a knob `{name}`, an option of commands; rename yo")
          for name in ("out", "beside", "device", "worlds", "help", "command")),
        *((name, f"the rule has a knob `{name}`, and so has the")
          for name in ("sigma", "search", "generations", "seed", "corridor")),
    ],
)  # fmt: skip
def test_a_knob_with_the_name_of_an_option_is_refused(knob, line, capsys):
    rule, task = written("rule", "width", knob), written("task")
    assert main(["train", "meet", "--rule", rule, "--task", task, "--out=run"]) == 2
    error = capsys.readouterr().err
    assert line in error and len(error.splitlines()) == 1
    assert not Path("run").exists()


@pytest.mark.parametrize(
    ("words", "line"),
    [
        (
            "--rule rule.py",
            "rule.py is a file; name what is meant in it: there is rule.py:M",
        ),
        (
            "--task rule.py:Mine",
            "rule.py:Mine is a rule, not a task; give it as the rule",
        ),
        (
            "--rule task.py:TMaze",
            "task.py:TMaze is a task, not a rule; give it as the tas",
        ),
        ("--task toys --task=sines", "--task is given 2 times; give it once"),
        ("--init_from a --init-from b", "--init-from is given 2 times; give it once"),
        (
            "--part.hidden 3",
            "Unrecognized options: --part.hidden, 3. See plastica train",
        ),
        (
            "--x.rate 3",
            "options: --x.rate, 3. Perhaps you meant: --rate. See plastica tr",
        ),
    ],
)
def test_a_line_that_is_not_meant_so_is_refused(words, line, capsys):
    written("rule"), written("task")
    assert main(["train", "meet", *words.split()]) == 2
    error = capsys.readouterr().err
    assert line in error and len(error.splitlines()) == 1


def test_what_is_made_already_is_refused_from_python():
    from examples.maze import TMaze

    with pytest.raises(
        Refusal, match="a task is named or a class, got a TMaze"
    ) as line:
        meet(task=TMaze())
    assert "give its class" in one_line(line)
    learner = met("rule", "width", "width").learner
    with pytest.raises(Refusal, match="a rule is named or a class, got a Mine"):
        meet(rule=learner)


def test_a_rule_that_stands_in_another_is_named_by_itself():
    """`Hears` is the package's, and no word of the user's."""
    twice = ANSWER, "return state, jnp.append(self.w @ x, 0)"
    for heard in ("nothing", "target"):
        with pytest.raises(Refusal, match="Mine does not fit Toy, which shows"):
            meet(rule=written("rule", *twice), task="toys", hears=heard)


def test_a_rule_of_batches_hears_nothing_where_there_are_batches():
    own = written("rule", NONE, f"{NONE}; batches = True", "self.w @ x", "x @ self.w.T")
    assert type(meet(rule=own, task="toys", batch=3).learner).__name__ == "Mine"
    assert type(meet(rule=own, task="toys").learner).__name__ == "Hears"
    with pytest.raises(
        Refusal, match="hears target cannot be added to obs.*in batches"
    ):
        meet(rule=own, task="toys", batch=3, hears="target")


def ended(kind, *replaced, **more):
    """How a run ends; what it leaves is whole."""
    experiment = met(kind, *replaced, **more)
    try:
        return pl.train(experiment, "run", page=False)
    finally:
        assert Path("run/scores.json").is_file()


def test_a_task_that_gives_no_numbers_ends_the_run_with_their_count():
    with pytest.raises(Diverged, match="generation 1: all 4 members diverged .NaN"):
        ended("task", WRONG, "wrong = jnp.nan")


def test_a_gradient_that_is_none_ends_a_short_run_too(caplog):
    never = "generation 2: all 2 updates in a row diverged .NaN"
    with pytest.raises(Diverged, match=never) as stop:
        ended("task", WRONG, "wrong = jnp.nan * y[0]", search="gradient")
    assert "\n" not in str(stop.value)


def test_a_patience_that_is_lost_says_how_many_updates():
    more = {"search": "gradient", "generations": 30}
    with pytest.raises(Diverged, match="generation 20: all 20 updates in a row"):
        ended("task", WRONG, "wrong = jnp.nan * y[0]", **more)


def test_updates_that_diverge_from_some_generation_on_are_warned_of(caplog):
    task = written("task", WRONG, LATER, name="later.py")
    even = ANSWER, "return state, self.w[:, 0]", "jax.random.normal(key, ", "jnp.ones("
    run = ended("rule", *even, task=task, search="gradient", generations=3)
    assert [row["diverged"] for row in run.rows()[1:]] == [0, 1, 1]
    assert [
        "the last 2 updates diverged" in r.message
        for r in caplog.records
        if "keeper" in r.name
    ] == [True]


def test_members_that_diverge_are_counted_and_the_others_go_on():
    half = "wrong = jnp.where(y[0] > 0, jnp.nan, 1.0)"
    task = written("task", WRONG, half, name="half.py")
    even = (
        ANSWER,
        "return state, self.w[:, 0] - 1",
        "jax.random.normal(key, ",
        "jnp.ones(",
    )
    run = ended("rule", *even, task=task, population=16)
    assert 0 < run.rows()[1]["diverged"] < 16


def test_a_gradient_that_is_zero_is_warned_of_once(caplog):
    with caplog.at_level(logging.WARNING):
        ended("rule", "width", "width", search="gradient")
    lines = [record.message for record in caplog.records if "keeper" in record.name]
    assert len(lines) == 1 and "exactly zero in generation 1" in lines[0]


def test_a_rule_of_other_code_is_refused_and_what_goes_on_is_recorded(capsys):
    sound = {"task": written("task")} | SHORT | {"generations": 1}
    pl.train(meet(rule=written("rule"), **sound), "run", page=False)
    written("rule", "zeros(())", "ones(())", name="other.py")
    words = [f"--{k}={v}" for k, v in sound.items()]
    train = ["train", "meet", "--rule", "other.py:Mine", *words, "--out=new"]
    for how in ("--init-from", "--beside"):
        assert main([*train, how, "run"]) == 2
        error = capsys.readouterr().err
        assert (
            "run (rule.py:Mine, " in error and "code than the one here (other" in error
        )
    again = ["resume", "run", "--task=task.py:TMaze", "--no-report", "--generations=+1"]
    assert main([*again, "--rule=other.py:Mine", "--changed"]) == 0
    out = capsys.readouterr().out
    assert "--rule other.py:Mine" in out and "rule.py" not in out.replace(
        "other.py", ""
    )
    assert main([*again, "--rule=other.py:Mine"]) == 0
    assert RunFolder("run").config()["source"]["arguments"]["rule"] == "other.py:Mine"
    look = ["eval", "run", "--task=task.py:TMaze"]
    assert main([*look, "--rule=other.py:Mine"]) == 0
    assert main([*look, "--rule=rule.py:Mine"]) == 2
    assert main([*look, "--rule=rule.py:Mine", "--changed"]) == 0
    assert "auto" not in compare(["run"])


def test_curves_with_long_names_leave_room():
    """A warning, as matplotlib's where a legend takes all of a figure, is an error."""
    name = f"meet.meet ({', '.join(['task some/folder/task.py:TMaze'] * 4)})"
    for count in (2, 5, 12):
        lines({f"{name} {i}": np.arange(3) for i in range(count)}, "x", "y")
