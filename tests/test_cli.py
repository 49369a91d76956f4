"""The command line: what it does, and how it refuses."""

import contextlib
import errno
import gzip
import io
import json
import os
import re
import shlex
import shutil
import subprocess
import sys
from html.parser import HTMLParser
from pathlib import Path

import jax
import pytest

import plastica
import plastica as pl
from plastica import machine
from plastica.cli import main
from plastica.cli.commands import show_table
from plastica.experiments import evolved_rules
from plastica.figures import evolved_rules as evolved_figures
from plastica.run.record import read_scores, record
from plastica.saving import read_rule
from plastica.shown import Shown
from plastica.store import read_bundle, read_json, write_bundle, write_json

from .conftest import TALE
from .runs import KNOBS, ROOT, assert_same_arrays, flags, last_state, python, rows, rule

IDEA = '''
import jax, jax.numpy as jnp, plastica as pl
from typing import ClassVar
from plastica.experiments.parts import Budget, reading

class Mine(pl.AbstractLearner):
    """Says the same at every tick."""
    w: jax.Array
    needs: ClassVar[frozenset[str]] = frozenset({"%s"})
    def init(self, key, x):
        return jnp.zeros(())
    def predict(self, state, x):
        return state, self.w%s
    def learn(self, state, feedback):
        return state

def main(*, length: int = 8, scale=0.5):
    """My idea."""
    worlds = reading(pl.load_text("tale.txt"), [length], readings=2)
    search = pl.SNES(8, sigma=scale)
    return worlds.experiment(Mine(jnp.zeros(27)), search, Budget(4, every=2))
'''


def command(*words):
    """What a command exits with, prints, and says on standard error."""
    out, error = io.StringIO(), io.StringIO()
    with contextlib.redirect_stdout(out), contextlib.redirect_stderr(error):
        try:
            status = main([str(word) for word in words])
        except SystemExit as stop:
            status = stop.code or 0
    return status, out.getvalue(), error.getvalue()


def done(*words):
    status, out, error = command(*words)
    assert status == 0, error
    return out


def refused(*words, status=2):
    """The one line with which a command is refused; nothing is left on disk."""
    before = {p: p.stat().st_mtime_ns for p in Path().rglob("*") if p.is_file()}
    got, _, error = command(*words)
    lines = error.splitlines()
    assert (got, len(lines)) == (status, 1), error
    assert lines[0].startswith("plastica: ") and "Traceback" not in error
    assert before == {p: p.stat().st_mtime_ns for p in Path().rglob("*") if p.is_file()}
    return lines[0].removeprefix("plastica: ")


@pytest.fixture(autouse=True)
def here(tmp_path, monkeypatch):
    """An empty folder with a tale in it; the devices stay as the tests have them."""
    (tmp_path / "tale.txt").write_bytes(TALE)
    monkeypatch.chdir(tmp_path)
    monkeypatch.setattr(machine, "set_up", lambda *chosen: None)
    monkeypatch.setattr(sys, "path", [*sys.path])  # files of one's own add to it
    return tmp_path


@pytest.fixture(scope="module")
def trained(tmp_path_factory):
    """A run that the command line made, with all that it leaves, and what it said."""
    folder = tmp_path_factory.mktemp("trained")
    (folder / "tale.txt").write_bytes(TALE)
    with pytest.MonkeyPatch.context() as patched:
        patched.setattr(machine, "set_up", lambda *chosen: None)
        words = ["memorise", *flags(text=folder / "tale.txt", generations=4)]
        words = ["train", *words, "--out", str(folder / "run")]
        patched.setattr(sys, "argv", ["/usr/bin/plastica", *words])
        said = done(*words)
    return folder / "run", said


@pytest.fixture
def run(trained):
    """A copy of that run."""
    return Path(shutil.copytree(trained[0], "run"))


def test_a_reader_that_leaves_is_no_failure():
    words = [sys.executable, "-m", "plastica", "list"]
    with subprocess.Popen(words, stdout=subprocess.PIPE, stderr=subprocess.PIPE) as run:
        assert run.stdout and run.stderr
        run.stdout.close()
        assert run.stderr.read() == b"" and run.wait() == 141


def test_a_table_too_wide_for_the_screen_has_a_row_for_each_column(
    run, monkeypatch, capsys
):
    table = Shown.read(read_scores(Path(run) / "scores.json")).table
    for width, side_by_side in (("24", 0), ("200", 1)):
        monkeypatch.setenv("COLUMNS", width)
        show_table(table)
        lines = capsys.readouterr().out.splitlines()
        both = [line for line in lines if "first" in line and "second" in line]
        assert len(both) == side_by_side


def lasting(folder):
    """A run's files but for when, how fast and by which command it was made.

    Checkpoints go by time. The command stands in the configuration, in the page that
    shows it, and in the rule; it is the one thing that differs between the command line
    and Python, which has none.
    """
    times = r"(started|seconds|chunk_seconds|crc|checksum)(&quot;|\")"
    command = r"(&quot;|\")command\1: .*"
    told = re.compile(command + "|" + times + r": (\{[^}]*\}|[^,\n}]+)")
    files, last = {}, f"{last_state(folder)[1]:08d}"
    for path in filter(Path.is_file, folder.rglob("*")):
        saved = path.parent.name == "checkpoints" and path.stem.isdigit()
        if saved and path.stem != last:
            continue
        if path.suffix == ".safetensors":
            arrays, about = read_bundle(path.with_suffix(""))
            made = about.get("made", {})
            lost = "seconds" in about, made.pop("date", ""), made.pop("command", "")
            about.pop("seconds", None)
            bits = {n: (a.dtype, a.shape, a.tobytes()) for n, a in arrays.items()}
            content = bits, about, list(map(bool, lost))
        else:
            text = told.sub("", path.read_text())
            content = re.sub(r", \d{4}-\d\d-\d\d", "", text)
        files[str(path.relative_to(folder))] = content
    return files


def test_python_leaves_the_same_folder_record_and_figure(trained, here):
    folder = trained[0]
    chunk = read_json(folder / "config.json")["chunk"]
    knobs = KNOBS | {"text": str(folder.parent / "tale.txt"), "generations": 4}
    made = pl.train(
        evolved_rules.memorise(**knobs), here / "again", engine=pl.Engine(chunk=chunk)
    )
    theirs, ours = lasting(folder), lasting(made.path)
    for place, command in (
        (folder, "plastica train memorise --length="),
        (made.path, "from Python"),
    ):
        for said in (read_json(place / "config.json"), read_rule(place)[1]["made"]):
            assert said["command"].startswith(command)
    assert theirs.keys() == ours.keys() and {"report.html", "scores.json"} < ours.keys()
    assert [name for name in ours if ours[name] != theirs[name]] == []
    when = {"seconds": 60.0, "started": ""}
    one, other = (record(path) | when for path in (folder, made.path))
    assert one == other
    draw = evolved_figures.figure2_left().draw
    assert draw([one]) == draw([other])


def test_train_ends_with_a_table_and_what_to_type_next(trained):
    folder, said = trained
    assert "first reading" in said and "second reading" in said
    for name in ("this rule", "uniform", "adaptive order 0", "adaptive order 2"):
        assert name in said
    assert f"plastica eval {folder}" in said and f"plastica resume {folder}" in said
    kept = "config.json metrics.jsonl checkpoints snapshots rule.safetensors"
    expected = {*kept.split(), "report.html", "scores.json", ".lock"}
    assert {path.name for path in folder.iterdir()} == expected
    source = json.loads((folder / "config.json").read_text())["source"]
    assert source["experiment"] == "evolved_rules.memorise"
    assert source["arguments"]["length"] == 8


@pytest.mark.parametrize(
    ("words", "said"),
    [
        ("trian", "there is no command 'trian'; did you mean train"),
        ("train evolved_rules.memorize", "did you mean evolved_rules.memorise"),
        ("train os.system", "there is no experiment 'os.system'"),
        (
            "train --lenght 3",
            "Unrecognized options: --lenght, 3. Perhaps you meant: --le",
        ),
        ("train --length abc", "Error parsing --length: 'abc' is no whole number"),
        ("train --length 3.5", "Error parsing --length: '3.5' is no whole number"),
        ("train --length", "Missing value for argument '--length'"),
        ("train --alphabet leters", "invalid choice 'leters'"),
        ("train memorise stray", "Unrecognized options: stray"),
        (
            "train --text tale.txt --length 60",
            "passages of 1 to 32, got a length of 60",
        ),
        ("train --text empty.txt", "'empty.txt' is empty"),
        ("train --text one.txt", "'one.txt' has 1 symbols, too few for three parts"),
        ("train remember --text one.txt", "has 1 symbols, too few for three parts"),
        ("train --text gz.txt", "'gz.txt' is compressed, with gzip; decompress it"),
        ("train --text binary.txt", "'binary.txt' cannot be read as letters"),
        ("train --text nowhere.txt", "there is no text or path 'nowhere.txt'"),
        ("train --population 1", "`population` must be a whole number from 2"),
        ("train --generations 0", "`generations` must be a whole number from 1"),
        ("train --members-per-device 0", "`members_per_device` must be a whole"),
        ("train --hidden 0", "`hidden` must be a whole number from 1"),
        ("train --state 3", "a neuron's state needs 4 components"),
        ("train --lives 0", "`lives` must be a whole number from 1"),
        ("train --update-hidden 0", "`update_hidden` must be a whole number"),
        ("train --sigma 0", "`sigma` must be a finite number above 0, got 0.0;"),
        ("train --sigma nan", "`sigma` must be a finite number above 0, got nan;"),
        ("train --seed 5000000000", "from 0 to 4,294,967,295, got 5000000000;"),
        ("train --seed 1e23", "`seed` must be a whole number from 0 to"),
        ("train --seed -1", "`seed` must be a whole number from 0 to"),
        ("train --init-from nowhere", "there is no rule at nowhere"),
        ("train --beside nowhere", "there is no rule at nowhere"),
        ("train --out used", "used exists and is not empty; name another folder"),
        ("train --out tale.txt", "tale.txt exists and is not empty"),
        ("train nowhere.py:main", "there is no file nowhere.py"),
        ("train meet --rule vmsl", "there is no rule 'vmsl'; did you mean vsml"),
        ("resume", ". is no run: it has no config.json"),
        ("resume used", "used is no run: it has no config.json"),
        ("resume nowhere", "nowhere is no run"),
        ("report used", "used is no run"),
        ("compare used", "used is no run"),
        ("compare", "name the runs to compare"),
        ("eval used", "there is no rule at used"),
        ("eval binary.txt", "there is no rule at binary.txt"),
        ("reproduce", "name a figure"),
        ("reproduce memorise", "is one experiment: plastica train"),
        ("list stray", "Unrecognized options: stray"),
    ],
)
def test_what_cannot_be_done_is_refused_in_one_line(here, words, said):
    (here / "empty.txt").touch()
    (here / "one.txt").write_text("a")
    (here / "gz.txt").write_bytes(gzip.compress(TALE))
    (here / "binary.txt").write_bytes(bytes(range(256)) * 9)
    (here / "used").mkdir()
    (here / "used" / "thesis.tex").write_text("mine")
    line = refused(*words.split())
    assert said in line and len(line) < 400
    assert not (here / "runs").exists()


@pytest.mark.parametrize(
    ("change", "said"),
    [
        (lambda rule: _cut(rule), "rule.safetensors is truncated or altered"),
        (lambda rule: _rewritten(rule, version=2), "newer version (format 2"),
        (
            lambda rule: _rewritten(rule, format="x"),
            "is not a rule: it says format 'x'",
        ),
        (lambda rule: _rewritten(rule, made={}), "no function to call again"),
        (lambda rule: _rewritten(rule, learner=[]), "describes no learner, but tuple"),
    ],
    ids=[
        "truncated",
        "newer",
        "no rule",
        "from nowhere",
        "no learner",
    ],
)
def test_a_rule_file_that_is_none_is_refused(run, change, said):
    change(run / "rule")
    for where in (run, run / "rule.safetensors"):
        assert said in refused("eval", where)


def _cut(rule):
    path = rule.with_suffix(".safetensors")
    path.write_bytes(path.read_bytes()[:-9])


def _rewritten(rule, **changed):
    arrays, about = read_bundle(rule)
    write_bundle(rule, arrays, about | changed)


def test_a_rule_is_scored_on_other_text_and_in_a_network_of_another_size(run):
    said = done("eval", run, "--length", "6", "--hidden", "9", "--text", "tale.txt")
    assert "of 6" in said and str(run) in said and "uniform" in said
    assert "3.296" in said  # uniform over 27
    assert "holds passages of 1 to" in refused("eval", run, "--length", "60")
    line = refused("eval", run / "rule.safetensors", "--alphabet", "bytse")
    assert "invalid choice 'bytse'" in line


def test_a_network_that_cannot_be_moved_is_not_scored_as_if_it_had_been(run):
    lstm = plastica.Recurrent.lstm(jax.random.key(0), 27, 5, 27)
    source = {
        "experiment": "evolved_rules.memorise_lstm",
        "arguments": {"text": "tale.txt", "length": 8, "hidden": 5},
        "sha256": None,
    }
    plastica.save(lstm, "lstm", {"source": source})
    line = refused("eval", "lstm", "--hidden", "9")
    assert "does not fit: V is float32[27, 5] there and float32[27, 9] here" in line
    line = refused(
        "train",
        "memorise_lstm",
        *flags(text="tale.txt")[:2],
        "--lives=2",
        "--text=tale.txt",
        "--init-from",
        run,
    )
    assert "holds a PMLPHebb, and a Recurrent is wanted here" in line


def test_resume_goes_on_past_the_end(run):
    done("resume", run, "--generations", "+2", "--no-report")
    assert rows(run)[-1]["generation"] == 6
    assert last_state(run)[1] == 6
    assert "takes a total or +MORE, got 'more'" in refused(
        "resume", run, "--generations", "more"
    )


def test_a_run_starts_from_a_run(run):
    words = [*flags(text="tale.txt", generations=1), "--no-report", "--out", "new"]
    line = refused("train", *words, "--init-from", run, "--readout", "softmax")
    assert "its readout is 'relu' there and 'softmax' here" in line
    assert "does not fit: layers.0.M1" in refused(
        "train", *words, "--init-from", run, "--update-hidden", "3"
    )
    assert "where it began" in done("train", *words, "--init-from", run)
    found = read_bundle(run / "checkpoints" / "best")[1]["made"]["eval/loss"]
    assert rows("new")[0]["eval/loss"] == found


class Page(HTMLParser):
    """What a page loads, and its text."""

    def __init__(self):
        super().__init__()
        self.loads, self.text = [], ""

    def handle_starttag(self, tag, attributes):
        wanted = {"src", "data", "srcset", "action"}
        wanted |= {"href"} if tag in ("link", "a", "base", "image", "use") else set()
        self.loads += [(tag, k, v) for k, v in attributes if k in wanted]
        self.loads += [tag] if tag in ("script", "iframe", "object", "embed") else []

    def handle_data(self, data):
        self.text += data


def test_report_writes_the_same_page_anew_and_it_needs_nothing_else(run):
    page = (run / "report.html").read_text()
    (run / "report.html").unlink()
    assert done("report", run).strip() == str(run / "report.html")
    assert (run / "report.html").read_text() == page
    read = Page()
    read.feed(page)
    outside = [load for load in read.loads if "#" not in str(load)]
    assert not outside and "@import" not in page and "url(http" not in page
    assert "evolved_rules.memorise" in read.text and "Learning curve" in read.text


def test_compare_groups_seeds_and_writes_a_page(run, here):
    other = Path(shutil.copytree(run, here / "other"))
    config = read_json(other / "config.json")
    config["source"]["arguments"]["seed"] = 1
    write_json(other / "config.json", config)
    said = done("compare", run, other, "--out", "both.html", "--over", "ticks")
    (line,) = [line for line in said.splitlines() if "evolved_rules.memorise" in line]
    assert "| 2 |" in line and "| 512 |" in line and "| 0.000 |" in line
    assert "<svg" in (here / "both.html").read_text()
    (other / "metrics.jsonl").write_text("")
    assert "has no evaluations yet" in refused("compare", run, other)
    assert "nowhere/page.html: no such file" in refused(
        "compare", run, "--out", "nowhere/page.html"
    )


def test_a_dry_run_says_what_it_would_take_and_leaves_nothing(here):
    words = flags(text="tale.txt", generations=4)
    said = done("train", *words, "--dry-run", "--out", "run")
    for name in ("layers.0.M1", "theta", "devices", "memory", "estimate", "chunk"):
        assert name in said
    assert [path.name for path in here.iterdir()] == ["tale.txt"]


def test_a_device_lives_as_many_members_at_once_as_it_is_told(here):
    words = flags(text="tale.txt", generations=4, members_per_device=3)
    said = done("train", *words, "--engine", "xla", "--dry-run")
    assert "chunk      3 members at once on each device" in said


def test_every_command_has_help():
    for name in ("train", "resume", "eval", "report", "compare"):
        assert "--" in done(name, "--help")
    said = done("train", "evolved_rules.memorise", "--help")
    for knob in ("--length", "--hidden", "--population", "--dry-run", "--x64", "--out"):
        assert knob in said
    assert "symbols of a passage, T" in said and "Evolve a rule that memorises" in said
    listed = done("list")
    assert "plastica train evolved_rules.memorise " in listed
    assert done("--version").strip()


@pytest.fixture
def idea(here):
    def written(needs="target", spoils=""):
        (here / "my_idea.py").write_text(IDEA % (needs, spoils))

    written()
    return written


def test_a_function_in_a_file_of_ones_own_is_trained_and_resumed(here, idea):
    words = ["my_idea.py:main", "--scale", "0.2", "--no-report", "--out", "a run"]
    said = done("train", *words)
    config = json.loads((here / "a run" / "config.json").read_text())
    assert config["source"]["arguments"] == {"length": 8, "scale": 0.2}
    assert len(config["source"]["sha256"]) == 64
    line = refused("resume", "a run", "--generations", "+2")
    assert "name it again: --experiment FILE.py:FUNCTION" in line
    assert "name it again" in refused("eval", "a run")
    typed = [line.split("plastica ")[1] for line in said.splitlines() if "next" in line]
    assert typed == ["eval 'a run' --experiment my_idea.py:main --help"]
    assert "--scale" in done(*shlex.split(typed[0]))
    again = shlex.split(typed[0])[:-1]
    assert "a run" in done(*again, "--length", "4", "--beside", "a run")
    more = ["a run", "--generations", "+2", "--experiment", "my_idea.py:main"]
    done("resume", *more)
    assert rows("a run")[-1]["generation"] == 6
    done("report", "a run", "--experiment", "my_idea.py:main")
    done("compare", "a run")


def test_what_is_no_code_may_change_in_a_file_and_code_may_not(here, idea):
    done("train", "my_idea.py:main", "--no-report", "--out", "run")
    file, more = here / "my_idea.py", ["resume", "run", "--generations", "+1"]
    more += ["--no-report", "--experiment", "my_idea.py:main"]
    text = file.read_text().replace("My idea.", "Another word.")
    file.write_text(f"# a comment\n{text.replace('8, scale', '8,  scale')}")
    done(*more)
    file.write_text(text + "open('executed', 'w').close()\n")
    line = refused(*more)
    assert re.search("checksum is [0-9a-f]{12}, and that was [0-9a-f]{12}", line)
    assert not (here / "executed").exists()
    done(*more, "--changed")
    assert (here / "executed").exists()


def test_what_a_file_imports_from_its_folder_is_its_code_too(here, idea):
    file = here / "my_idea.py"
    file.write_text("import helper\n" + file.read_text().replace("0.5", "helper.HALF"))
    (here / "helper.py").write_text("from deeper import HALF\n")
    (here / "deeper.py").write_text("HALF = 0.5  # a half\n")
    done("train", "my_idea.py:main", "--no-report", "--out", "run")
    more = ["resume", "run", "--generations", "+1", "--experiment", "my_idea.py:main"]
    (here / "deeper.py").write_text("HALF = 0.5\n")
    done(*more, "--no-report")
    (here / "deeper.py").write_text("HALF = 0.25\n")
    assert "bring back the file as it was" in refused(*more)


def test_devices_are_set_up_before_a_file_that_computes_is_executed(here, idea):
    file = here / "my_idea.py"
    file.write_text(file.read_text().replace("jnp.zeros(27)", "ZEROS"))
    with file.open("a") as code:
        code.write("\nZEROS = jnp.zeros(27)\n")
    words = ["my_idea.py:main", "--devices", "3", "--dry-run"]
    with python("-m", "plastica", "train", *words, cwd=here) as process:
        said, error = process.communicate()
    assert process.returncode == 0 and "devices    3 x" in said, error


def test_what_computes_nothing_starts_no_backend_of_jax(here):
    code = "import plastica as pl; [getattr(pl, name) for name in dir(pl)]"
    for words in (["-c", code], ["-m", "plastica", "list"], ["-m", "plastica", "-h"]):
        done = subprocess.run(
            [sys.executable, *words],
            env=os.environ | {"JAX_PLATFORMS": "nowhere"},
            capture_output=True,
            text=True,
        )
        assert done.returncode == 0, done.stderr


def test_a_learner_in_a_task_that_cannot_teach_it_is_refused(idea, here):
    idea(needs="reward")
    line = refused("train", "my_idea.py:main", "--out", "run")
    assert line == (
        "Mine cannot live in Text: it learns from rewards, and Text gives targets; "
        "choose a learner that needs no rewards"
    )
    assert not (here / "run").exists()


def test_a_search_that_diverges_says_so_in_one_line_and_shows_its_best(idea, here):
    idea(spoils=" / 0 * 0")
    status, shown, error = command("train", "my_idea.py:main", "--out", "run")
    said = [line for line in error.splitlines() if line.startswith("plastica: ")]
    assert status == 1 and len(said) == 1 and "Traceback" not in error
    assert "generation 1: all 8 members diverged" in said[0] and "is in run" in said[0]
    assert last_state("run")[1] == 0
    assert "this rule" in shown and record(here / "run")["generations"] == 0


@pytest.mark.parametrize(
    "name",
    ["os.system", "../evil.py:main", "evil.py:main", "evil.main", "{}/evil.py:main"],
)
def test_nothing_in_a_run_decides_what_is_executed(run, here, name):
    (here / "evil.py").write_text("open('executed', 'w')\ndef main(): ...\n")
    source = {"experiment": name.format(here), "arguments": {}, "sha256": None}
    config = read_json(run / "config.json") | {"source": source}
    write_json(run / "config.json", config)
    made = read_bundle(run / "rule")[1]["made"] | {"source": source}
    _rewritten(run / "rule", made=made)
    for word in ("resume", "eval"):
        assert "there is no experiment" in refused(word, run)
    done("report", run)  # draws what is in the folder, and calls nothing
    assert not list(here.rglob("executed"))


def test_a_damaged_checkpoint_is_said_and_passed_over(run, caplog):
    _cut(run / "checkpoints" / "00000004")
    done("resume", run, "--no-report")
    assert "using the checkpoint before it" in caplog.text
    assert last_state(run)[1] == 4


@pytest.mark.parametrize("after", [0, 2, 10])
def test_a_full_disk_is_said_in_one_line_and_the_run_goes_on(
    trained, here, monkeypatch, after
):
    words = ["memorise", *flags(text=trained[0].parent / "tale.txt", generations=4)]
    with monkeypatch.context() as patched:
        left, real = after, os.fsync

        def full(file):
            nonlocal left
            left -= 1
            if left < 0:
                raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC))
            return real(file)

        patched.setattr(os, "fsync", full)
        status, _, error = command("train", *words, "--out", "run")
    said = [line for line in error.splitlines() if line.startswith("plastica: ")]
    assert status == 2 and len(said) == 1 and "Traceback" not in error
    assert "no space left on device" in said[0] and "make room" in said[0]
    again = (
        ("resume", "run") if Path("run").exists() else ("train", *words, "--out", "run")
    )
    done(*again, "--no-report")
    assert rows("run") == rows(trained[0])
    assert_same_arrays(rule("run"), rule(trained[0]))


AS_NOBODY = """
import contextlib, io, json, sys
from plastica import machine
from plastica.cli import main
machine.set_up = lambda *chosen: None  # once a process; these commands share one
for words in json.loads(sys.argv[1]):
    error = io.StringIO()
    with contextlib.redirect_stderr(error):
        status = main(words)
    print(json.dumps([status, error.getvalue()]))
"""


def test_without_permission_there_is_one_line(trained, run, here):
    if os.geteuid() or not shutil.which("setpriv"):
        pytest.skip("only root, with setpriv, can act as nobody")
    opened = [Path(sys.executable).parents[1], ROOT / "plastica", here]
    for path in [*opened[:2], *opened[0].parents, *opened[1].parents]:
        if path.stat().st_mode & 0o005 != 0o005:
            pytest.skip(f"nobody may not look into {path}")
    private = [p for p in here.parents if "pytest-" in str(p)]
    for path in (here, *private, trained[0].parent):
        path.chmod(0o755)
    secret, shut = here / "secret.txt", Path(shutil.copytree(run, here / "shut"))
    secret.write_bytes(TALE)
    (run / "rule.safetensors").chmod(0), secret.chmod(0), shut.chmod(0)
    knobs = flags(text=here / "tale.txt", generations=1)
    commands = [
        (["train", "--text", secret], "secret.txt"),
        (["train", *knobs, "--out", here / "new"], "permission denied"),
        (["eval", run], "cannot read"),
        (["resume", shut], "permission denied"),
        (["report", shut], "permission denied"),
        (["resume", run], "permission denied"),
    ]
    words = [[str(word) for word in words] for words, _ in commands]
    nobody = ["setpriv", "--reuid=65534", "--regid=65534", "--clear-groups"]
    process = python("-c", AS_NOBODY, json.dumps(words), before=nobody, cwd=here)
    out, error = process.communicate(timeout=120)
    assert process.returncode == 0, error
    for line, (words, said) in zip(out.splitlines(), commands, strict=True):
        status, error = json.loads(line)
        told = [line for line in error.splitlines() if line.startswith("plastica: ")]
        assert status == 2 and len(told) == 1 and "Traceback" not in error, error
        assert said in told[0], words
    assert not (here / "new").exists() and rows(run)
