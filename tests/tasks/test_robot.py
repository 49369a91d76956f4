"""The robot's arithmetic against a naive transcription; its roll-outs; Gymnasium."""

from functools import lru_cache

import jax
import jax.numpy as jnp
import numpy as np
import pytest

from plastica.baselines import Recurrent
from plastica.errors import Refusal
from plastica.lifetime import check, live, total
from plastica.objective import Lifetime
from plastica.tasks import Robot
from tests.naive import plastic_rnn as naive
from tests.rules.test_plastic_rnn import CORES, drawn, layers, transcribed

KEY = jax.random.key(0)


def driven(actions, place=(0.0, 0.0, 0.0)):
    """Places after each of some actions, in float64."""
    with jax.enable_x64(True):
        robot = Robot()
        world = robot.init(KEY)._replace(place=jnp.asarray(place, float))

        def tick(world, action):
            world = robot.drive(world, action)
            return world, world.place

        return np.asarray(jax.lax.scan(tick, world, jnp.asarray(actions, float))[1])


def test_random_actions_keep_the_robot_where_the_equations_say(rng):
    actions = rng.uniform(-1, 1, (50, 2))
    actions[::7, 1] = actions[::7, 0]  # straight
    actions[::9, 1] = actions[::9, 0] + 5e-7  # as good as
    place, expected = np.zeros(3), []
    for action in actions:
        place = naive.move(place, action)
        expected.append(place)
    np.testing.assert_allclose(driven(actions), expected, atol=1e-12)


def test_closed_arcs_return_to_the_start():
    """A whole circle in n ticks: each turns by 2 pi / n."""
    n = 16
    difference = 2 * np.pi / n * 0.04 / 0.05
    start = (0.3, -0.2, 1.0)
    arc = driven([(0.2, 0.2 + difference)] * n, start)
    np.testing.assert_allclose(arc[-1], (0.3, -0.2, 1.0 + 2 * np.pi), atol=1e-12)
    assert np.ptp(arc[:, 0]) > 0.01
    there_and_back = driven([(0.9, 0.4), (-0.9, -0.4)], start)
    np.testing.assert_allclose(there_and_back[-1], start, atol=1e-12)


def test_speeds_beyond_one_are_cut():
    np.testing.assert_array_equal(driven([(3.0, -7.0)]), driven([(1.0, -1.0)]))


@lru_cache
def life(rollouts, near, plastic="taught"):
    """A network's life by both: ours (world, h, W by tick, loss) and the naive one."""
    with jax.enable_x64(True):
        learner = drawn(layers(CORES["EPRNN"](KEY), inputs=3), 0.3)
        robot = Robot(0.05, rollouts, longest=12)
        world = robot.init(jax.random.key(5))
        if near:  # so that the robot arrives, after some ticks of its blind drive
            world = world._replace(goal=jnp.asarray(near))
        state = learner.init(KEY, robot.observe(world))
        _, _, loss, seen = live(
            learner, robot, state, world, robot.ticks, lambda s, w, y: (w, s.h, s.W, y)
        )
        ours = jax.tree.map(np.asarray, (*seen, loss, total(loss)[0]))
        network = transcribed(learner)
    task = {"goal": np.asarray(world.goal), "A_0": float(world.A_0)}
    theirs = naive.robot_life(
        network,
        naive.initial_states(network),
        task | {"k": float(world.k)},
        np.asarray(world.noise),
        roll_outs="plastic" if rollouts == 1 else "plastic then frozen",
        max_ticks=12,
    )
    return ours, theirs


def somewhere_on_the_way():
    """A goal that the network of these tests passes by at its fifth tick."""
    _, theirs = life(1, None)
    x, y, _ = theirs["roll_outs"][0]["robots"][5]
    return (float(x), float(y))


@pytest.mark.parametrize("rollouts", [1, 2])
@pytest.mark.parametrize("arrives", [False, True])
def test_a_life_is_the_naive_one(rollouts, arrives):
    near = somewhere_on_the_way() if arrives else None
    (worlds, h, W, y, loss, ours), theirs = life(rollouts, near)
    lives = theirs["roll_outs"]
    assert lives[0]["arrived"] == arrives
    lasted = sum(each["ticks"] for each in lives)
    naive_y = np.concatenate([each["actions"] for each in lives])
    states = [s[1] for each in lives for s in each["states"]]
    np.testing.assert_allclose(y[:lasted], naive_y, atol=1e-9)
    np.testing.assert_allclose(h[:lasted], [s["h"] for s in states], atol=1e-9)
    np.testing.assert_allclose(W[:lasted], [s["W"] for s in states], atol=1e-9)
    assert -ours == pytest.approx(theirs["fitness"], rel=1e-9)
    assert np.all(loss.weight[lasted:] == 0)
    assert np.all(worlds.place[lasted:] == 0) and np.all(
        worlds.rollout[lasted:] == rollouts
    )
    frozen = W[lives[0]["ticks"] :]
    assert all(np.array_equal(w, frozen[0]) for w in frozen)


def test_a_plain_target_learner_is_refused():
    with pytest.raises(Refusal, match="learns from targets, and Robot gives rewards"):
        check(Recurrent.rnn(KEY, 3, 4, 2), Robot())


def test_sizes_that_do_not_fit_are_refused():
    learner = layers(CORES["EPRNN"](KEY), inputs=2)
    with pytest.raises(Refusal, match="shows arrays of shape"):
        Lifetime.of(Robot()).check(learner)
    learner = layers(CORES["EPRNN"](KEY), inputs=3, outputs=3)
    with pytest.raises(Refusal, match="Robot"):
        Lifetime.of(Robot()).check(learner)


@pytest.mark.parametrize(
    "how", [{"sigma": -0.1}, {"rollouts": 0}, {"rollouts": 3}, {"longest": 0}], ids=str
)
def test_bad_worlds_are_refused(how):
    with pytest.raises(Refusal, match="got"):
        Robot(**how)


def test_worlds_are_drawn_as_the_paper_says():
    worlds = jax.vmap(Robot(0.2).init)(jax.random.split(KEY, 2_000))
    assert np.all(np.abs(worlds.goal) <= 0.5) and np.std(worlds.goal) > 0.27
    for drawn_, low, high in ((worlds.A_0, 0.5, 2.0), (worlds.k, 0.1, 0.5)):
        assert np.min(drawn_) >= low and np.max(drawn_) <= high
        assert np.mean(drawn_) == pytest.approx((low + high) / 2, rel=0.03)
    assert np.std(worlds.noise) == pytest.approx(0.2, rel=0.02)


def test_gymnasium_s_own_check_passes():
    checker = pytest.importorskip("gymnasium.utils.env_checker")
    from plastica.tasks.gymnasium_robot import RobotEnv

    env = RobotEnv(sigma=0.01, longest=5)
    checker.check_env(env, skip_render_check=True)
    env.reset(seed=0)
    steps = [env.step(np.array([1.0, 1.0], np.float32)) for _ in range(5)]
    assert [step[3] for step in steps] == [False] * 4 + [True]
    np.testing.assert_allclose(steps[-1][4]["place"], (0.25, 0, 0), atol=1e-6)
    assert steps[0][1] == pytest.approx(
        -np.linalg.norm(env.unwrapped.world.goal - jnp.array([0.05, 0])), rel=1e-4
    )
