"""Where experiments come from, and that nothing on disk decides what is executed."""

import pytest

from plastica.cli.source import Source, again, find, makes, shipped
from plastica.errors import Refusal
from plastica.experiment import Experiment
from plastica.experiments.evolved_rules import memorise
from plastica.files import checksum

IDEA = '''
from __future__ import annotations
import dataclasses
from pathlib import Path
from plastica.experiments.evolved_rules import memorise

Path(__file__).with_name("executed").touch()

@dataclasses.dataclass
class Sizes:
    hidden: int = 5

def main(*, length: int = 8, seed=0):
    """My idea."""
    return memorise(length=length, hidden=Sizes().hidden, population=8, seed=seed)

def nothing():
    return 7
'''


@pytest.fixture
def idea(tmp_path):
    file = tmp_path / "my_idea.py"
    file.write_text(IDEA)
    return file


def executed(file):
    return file.with_name("executed").exists()


def test_experiments_are_found_by_their_full_and_short_names():
    assert find("evolved_rules.memorise").function is find("memorise").function
    for name, function in shipped().items():
        assert makes(function) in ("Experiment", "Sweep")
        assert function.__doc__ and "\n" not in function.__doc__.split("\n")[0]
        assert find(name).name == name


def test_an_unknown_name_is_answered_with_the_nearest():
    with pytest.raises(Refusal, match=r"did you mean .*memorise.* FILE.py:FUNCTION"):
        find("evolved_rules.memorize")
    with pytest.raises(Refusal, match="no experiment 'os.system'"):
        find("os.system")


def test_a_function_in_a_file_is_called_with_its_arguments(idea):
    source = find(f"{idea}:main")
    assert len(source.sha256) == 64
    made = source.call({"length": 9})
    assert isinstance(made, Experiment) and made.objective.ticks == 18
    with pytest.raises(Refusal, match=r"has no knob 'lenght'; did you mean length"):
        source.call({"lenght": 9})
    with pytest.raises(Refusal, match="returns a int; an experiment is a function"):
        find(f"{idea}:nothing").call({})
    assert not list(idea.parent.glob("__pycache__"))


def test_a_file_without_the_function_names_what_it_has(idea):
    with pytest.raises(Refusal, match=r"or class .mian.; did you mean main"):
        find(f"{idea}:mian")
    with pytest.raises(Refusal, match="there is no file"):
        find(f"{idea.parent}/other.py:main")


def test_a_recorded_file_must_be_named_again_and_be_the_same(idea):
    source = find(f"{idea}:main")
    recorded = source.call({"length": 8}).source
    idea.with_name("executed").unlink()
    with pytest.raises(Refusal, match="name it again: --experiment FILE.py:FUNCTION"):
        again(recorded, None)
    assert not executed(idea)
    assert again(recorded, f"{idea}:main").objective.ticks == 16
    assert not executed(idea)  # once is enough for the same code
    idea.write_text(IDEA + "changed = True\n")
    with pytest.raises(Refusal, match="bring back the file as it was"):
        again(recorded, f"{idea}:main")
    assert not executed(idea)
    with pytest.raises(Refusal, match="and memorise is in none"):
        again(recorded, "memorise")


def test_packages_that_import_one_another_are_read_once_and_none_outside(tmp_path):
    folder = tmp_path / "mine"
    (folder / "inner").mkdir(parents=True)
    main, outside = folder / "idea.py", tmp_path / "outside.py"
    main.write_text("from inner.one import a\n")
    (folder / "inner" / "__init__.py").write_text("")
    (folder / "inner" / "one.py").write_text("from .two import a\n")
    (folder / "inner" / "two.py").write_text("from ..inner import one\na = 1\n")
    outside.write_text("a = 1\n")

    def code(text):
        main.write_text(text)
        return checksum(main, text.encode())

    first = main.read_text()
    away = "from ....outside import a\nfrom ..outside import a\n"
    before, beyond = code(first), code(away)
    outside.write_text("a = 2\n")
    assert code(away) == beyond
    (folder / "inner" / "two.py").write_text("from ..inner import one\na = 2\n")
    assert code(first) != before


@pytest.mark.parametrize("checksum", [None, "0" * 64, 7])
@pytest.mark.parametrize(
    "name",
    [
        "os.system",
        "{idea}:main",
        "../my_idea.py:main",
        "my_idea.main",
        "__main__",
        7,
        None,
    ],
)
def test_nothing_recorded_decides_what_is_executed(idea, name, checksum, monkeypatch):
    monkeypatch.chdir(idea.parent)
    name = name.format(idea=idea) if isinstance(name, str) else name
    recorded = {"experiment": name, "arguments": {}, "sha256": checksum}
    with pytest.raises(Refusal) as caught:
        again(recorded, None)
    assert "\n" not in str(caught.value) and not executed(idea)


@pytest.mark.parametrize("recorded", [None, {}, {"arguments": 3}, {"experiment": "x"}])
def test_a_run_from_python_is_resumed_from_python(recorded):
    with pytest.raises(Refusal, match="started from Python"):
        again(recorded, None)


def test_a_shipped_experiment_cannot_be_swapped_for_a_file(idea):
    recorded = find("memorise").call({}).source
    with pytest.raises(Refusal, match="this run is of evolved_rules.memorise, not of"):
        again(recorded, f"{idea}:main")
    assert not executed(idea)


def test_arguments_come_back_as_they_were_given():
    got = {}

    def made(sizes, names):
        got.update(sizes=sizes, names=names)

    with pytest.raises(Refusal, match="returns a NoneType"):
        Source("mine", made).call({"sizes": [[1, 2], [3]], "names": "ab"})
    assert got == {"sizes": ((1, 2), (3,)), "names": "ab"}
    with pytest.raises(Refusal, match="cannot be recorded"):
        Source("mine", lambda sizes: memorise()).call({"sizes": {1, 2}})
