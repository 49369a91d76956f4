"""What tables and pictures make of records."""

import re
from functools import partial

import numpy as np
import pytest

from plastica.figures.drawing import best_seeds, curves, dots, heat, table
from plastica.shown.plots import COLOURS

ENDS = {30: [0.5, 0.7, 0.6], 100: [np.nan, 2.0, 1.0], 300: [np.nan, np.nan]}


def record(length, seed, mean):
    rows = {"this rule": [{"mean": 9.0}, {"mean": mean}]}
    arguments = {"length": length, "seed": seed}
    return {
        "source": {"experiment": "paper.memorise", "arguments": arguments},
        "scores": {"columns": ["first", "second"], "rows": rows},
        "seconds": 60.0,
        "generations": 10,
        "seed": seed,
    }


RECORDS = [record(t, s, x) for t, ends in ENDS.items() for s, x in enumerate(ends)]


def test_a_seed_that_diverged_is_told_and_not_averaged():
    rows = dict(table(RECORDS, "nats", "length").rows)
    assert rows["length 30"][:4] == ("3", "0.500", "0.600", "0.100")
    assert rows["length 100"][:4] == ("3, 1 diverged", "1.000", "1.500", "0.707")
    assert rows["length 300"][:4] == ("2, 2 diverged", "-", "-", "-")


@pytest.mark.parametrize(
    "picture",
    [
        partial(best_seeds, x="length", lines=["experiment"], y="nats"),
        partial(dots, names=["length"], x="nats"),
    ],
)
def test_a_picture_leaves_it_out(picture):
    coordinates = re.findall(r' (?:d|x|y)="([^"]*)"', picture(RECORDS).html)
    assert coordinates and not re.search("nan|inf", " ".join(coordinates))


def test_a_grid_says_where_seeds_diverged():
    panel = heat(RECORDS, names=("experiment", "length", "seed"), unit="nats")
    spelt = re.findall("<!-- (.*?) -->", panel.html)
    assert spelt.count("diverged") == 3 and {"0.50", "2.00"} <= set(spelt)
    assert "inf" not in spelt


def test_a_kind_keeps_its_colour_from_picture_to_picture():
    told = [record | {"curve": [[0, 3.0], [10, 1.0]]} for record in RECORDS]
    second = [record for record in told if record["seed"] == 1]
    alone, among = (
        curves(second, lines=["seed"], y="nats", **more).html
        for more in ({}, {"among": told})
    )
    assert COLOURS[0] in alone and COLOURS[1] not in alone
    assert COLOURS[1] in among and COLOURS[0] not in among
