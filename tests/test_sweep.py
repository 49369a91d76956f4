"""Many runs that make a figure: what is finished is skipped, what was begun goes on."""

import contextlib
import json
import os
import shutil
import signal
import threading

import numpy as np
import pytest

from plastica.cli.source import Source, complete, find, makes, shipped
from plastica.errors import Refusal
from plastica.run import sweep as sweeps
from plastica.run.compare import figure_page
from plastica.run.record import add_records, read_records, record
from plastica.run.sweep import Planned, Sweep, flags, grid, made_elsewhere, run_sweep
from plastica.run.training import train
from plastica.shown import Panel, Table
from plastica.shown.plots import lines

from .conftest import TALE
from .runs import flags as knobs
from .runs import small

RUNS = grid("evolved_rules.memorise", rate=[0.1, 0.2], seed=[0])


def draw(records):
    found = [r["scores"]["rows"]["this rule"][0]["mean"] for r in records]
    table = Table("nats", ("mean",), tuple((str(i), (x,)) for i, x in enumerate(found)))
    picture = lines({"found": np.array(found)}, "run", "nats")
    return table, [Panel("The figure", "", picture)]


SWEEP = Sweep(RUNS, draw)


@pytest.fixture(scope="module")
def finished(corpus, tmp_path_factory):
    """A run with its scores."""
    return train(small(corpus, 4), tmp_path_factory.mktemp("finished") / "run").path


@pytest.fixture
def processes(finished, monkeypatch):
    """Instead of a process: its words are kept, and a finished run is copied."""
    called, statuses = [], {}

    class Process(contextlib.nullcontext):
        def __init__(self, command, stdout, stderr):
            words = command[3:]
            called.append(words)
            out = words[words.index("--out") + 1] if "--out" in words else words[1]
            self.status = statuses.get(len(called), 0)
            self.ended = threading.Event()
            if not self.status:
                shutil.copytree(finished, out, dirs_exist_ok=True)
            stdout.write("said\n")

        def __enter__(self):
            return self

        def wait(self):
            if self.status == "until it is told":
                os.kill(os.getpid(), signal.SIGTERM)
                assert self.ended.wait(10)
                return 75
            return self.status

        def terminate(self):
            self.ended.set()

    monkeypatch.setattr(sweeps.subprocess, "Popen", Process)
    return called, statuses


def test_a_run_that_begins_from_another_comes_after_it(tmp_path, processes):
    called, _ = processes
    later = Planned(RUNS[0].experiment, {"rate": 0.3}, start=RUNS[0])
    run_sweep(Sweep((later, *RUNS), draw), tmp_path / "sweep", say=lambda _: None)
    words = called[-1]
    begun = words[words.index("--init-from") + 1]
    assert len(called) == 3 and begun == str(tmp_path / "runs" / RUNS[0].name)
    assert not any("--init-from" in other for other in called[:-1])


@pytest.mark.parametrize("letter", ["x", "愛"])
def test_a_name_too_long_for_a_folder_ends_in_a_digest_and_stays_its_own(letter):
    long = {"words": letter * 300}
    one, other = (Planned("a.run", long | {"seed": seed}) for seed in (0, 1))
    assert len(one.name.encode()) < 200
    assert one.name.startswith(f"run,words={letter}")
    assert (
        one.name != other.name
        and one.name == Planned("a.run", dict(one.arguments)).name
    )


def test_a_sweep_runs_what_is_missing_and_skips_what_is_finished(tmp_path, processes):
    called, _ = processes
    said = []
    records = run_sweep(SWEEP, tmp_path / "sweep", say=said.append)
    assert len(records) == 2 and said[0] == "2 runs, 0 of them made before"
    first = ["train", "evolved_rules.memorise", "--out"]
    assert called[0][:3] == first and called[0][4:] == ["--rate", "0.1", "--seed", "0"]
    assert {path.name for path in (tmp_path / "runs").iterdir()} == {
        "memorise,rate=0.1,seed=0",
        "memorise,rate=0.1,seed=0.log",
        "memorise,rate=0.2,seed=0",
        "memorise,rate=0.2,seed=0.log",
    }
    assert [path.name for path in (tmp_path / "sweep").iterdir()] == ["records.jsonl"]
    assert run_sweep(SWEEP, tmp_path / "sweep", say=said.append) == records
    assert len(called) == 2 and said[-1] == "2 runs, 2 of them made before"
    assert read_records(tmp_path / "sweep" / "records.jsonl") == records


def test_runs_made_elsewhere_are_taken_from_their_records(
    tmp_path, processes, finished
):
    called, _ = processes
    given = {"length": 30, "hidden": 10, "seed": 0}
    source = Source("evolved_rules.memorise", find("evolved_rules.memorise").function)
    later = Planned(source.name, {"length": 60, "seed": 0}, start=None)
    warm = Planned(source.name, {"length": 90}, start=later)
    sweep = Sweep((Planned(source.name, given), later, warm), draw)
    made = record(finished)
    known = [
        made | {"source": source.call(asked).source, "commit": commit}
        for asked, commit in [
            (given, "as asked"),
            (given | {"hidden": 11}, "other"),
            ({"length": 60, "seed": 0}, "others begin from it"),
            ({"length": 90}, "it begins from another"),
        ]
    ]
    warmed = {"rows": {"where it began": [], "this rule": []}}
    told_by_its_scores = known[0] | {"scores": warmed, "commit": "warm"}
    del told_by_its_scores["warm_start"]  # as before records had it
    known += [
        made | {"source": None},
        known[0] | {"warm_start": True, "commit": "warm"},
        told_by_its_scores,
    ]
    said = []
    elsewhere = made_elsewhere(sweep, known, complete)
    assert list(elsewhere) == [sweep.runs[0].name]
    records = run_sweep(sweep, tmp_path / "sweep", say=said.append, elsewhere=elsewhere)
    assert said[0] == "3 runs, 1 of them made before" and len(called) == 2
    assert [r["commit"] == "as asked" for r in records] == [True, False, False]


def test_a_record_that_names_a_file_executes_nothing(tmp_path, processes, finished):
    (tmp_path / "mine.py").write_text("raise SystemExit('executed')")
    name = f"{tmp_path}/mine.py:f"
    told = record(finished) | {"source": {"experiment": name, "arguments": {}}}
    assert made_elsewhere(SWEEP, [told], complete) == {}


def test_a_run_that_was_begun_is_resumed_and_a_failed_one_is_named(tmp_path, processes):
    called, statuses = processes
    begun = tmp_path / "runs" / "memorise,rate=0.2,seed=0"
    begun.mkdir(parents=True)
    (begun / "config.json").touch()
    statuses[1] = 2
    said = []
    records = run_sweep(SWEEP, tmp_path / "sweep", say=said.append)
    assert called[1] == ["resume", str(begun)] and len(records) == 1
    log = tmp_path / "runs" / "memorise,rate=0.1,seed=0.log"
    assert f"failed (2), see {log}" in said[1] and log.read_text() == "said\n"


@pytest.mark.parametrize("status", [75, 130, -2, -15, "until it is told"])
def test_an_interrupted_sweep_starts_nothing_more(tmp_path, processes, status):
    called, statuses = processes
    statuses[1] = status
    many = Sweep(grid("evolved_rules.memorise", seed=range(9)), draw)
    with pytest.raises(Refusal, match="interrupted; the same command goes on in"):
        run_sweep(many, tmp_path / "sweep", say=lambda line: None)
    assert len(called) == 1


def test_a_record_is_small_and_has_what_a_figure_needs(finished, tmp_path):
    kept = record(finished)
    assert len(json.dumps(kept)) < 4000
    assert kept["generations"] == 4 and kept["ticks"] == 4 * 8 * 16
    assert [generation for generation, _ in kept["curve"]] == [0, 2, 4]
    assert add_records([finished], tmp_path / "kept.jsonl") == 1
    assert add_records([finished], tmp_path / "kept.jsonl") == 2
    assert read_records(tmp_path / "kept.jsonl") == [kept, kept]
    with pytest.raises(Refusal, match="is no finished run"):
        add_records([tmp_path], tmp_path / "kept.jsonl")


def test_records_that_are_none_are_refused(tmp_path):
    with pytest.raises(Refusal, match="there are no records at"):
        read_records(tmp_path / "nowhere.jsonl")
    (tmp_path / "a.jsonl").write_text("{\n")
    with pytest.raises(Refusal, match="is not JSON lines"):
        read_records(tmp_path / "a.jsonl")
    (tmp_path / "a.jsonl").write_text('{"loss": 1}\n')
    with pytest.raises(Refusal, match="are no records of runs"):
        read_records(tmp_path / "a.jsonl")


def test_a_figure_is_a_page_and_a_picture(finished, tmp_path):
    out = tmp_path / "figure.html"
    told = figure_page(("mine", "It works."), SWEEP, [record(finished)], out)
    mean = record(finished)["scores"]["rows"]["this rule"][0]["mean"]
    assert f"| 0 | {mean} |" in told
    assert "It works." in out.read_text() and "<svg" in out.read_text()
    assert (tmp_path / "figure.svg").read_text().startswith("<svg")
    with pytest.raises(Refusal, match="no run of mine is finished"):
        figure_page(("mine", ""), SWEEP, [], out)


def test_flags_are_the_command_lines_spelling():
    given = {"update_hidden": 3, "collapse": False, "x": True, "sizes": (1, 2)}
    spelled = "--update-hidden 3 --no-collapse --x --sizes 1 2"
    assert " ".join(flags(given)) == spelled


FIGURES = [name for name, made in shipped().items() if makes(made) == "Sweep"]


@pytest.mark.parametrize("name", FIGURES)
@pytest.mark.parametrize("scale", ["laptop", "paper"])
def test_every_figure_asks_for_runs_that_its_experiment_knows(name, scale):
    sweep = find(name).call({"scale": scale})
    assert sweep.runs and find(name).function.__doc__
    assert len({run.name for run in sweep.runs}) == len(sweep.runs)


def test_a_sweep_over_an_unknown_knob_is_refused_before_it_starts():
    def figure() -> Sweep:
        return Sweep(grid("evolved_rules.memorise", lenght=[1]), draw)

    with pytest.raises(Refusal, match="no knob 'lenght'; did you mean length"):
        Source("mine.figure", figure).call({})


@pytest.mark.slow
def test_a_sweep_of_real_runs_in_two_processes(tmp_path):
    (tmp_path / "tale.txt").write_bytes(TALE)
    words = [word[2:].split("=") for word in knobs(generations=2)]
    arguments = {name: int(value) for name, value in words}
    arguments |= {"text": str(tmp_path / "tale.txt")}
    experiment = "evolved_rules.memorise"
    runs = tuple(Planned(experiment, arguments | {"seed": seed}) for seed in (0, 1))
    sweep = Sweep(runs, draw)
    records = run_sweep(sweep, tmp_path / "sweep", processes=2, say=lambda line: None)
    assert [record["seed"] for record in records] == [0, 1]
    assert "| 1 |" in figure_page(
        ("mine", ""), sweep, records, tmp_path / "figure.html"
    )
