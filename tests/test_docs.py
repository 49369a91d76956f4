"""The documents hold: their code runs, their numbers are the records', files exist."""

import ast
import importlib.util
import re
from pathlib import Path

import pytest

from .structure import PACKAGE, imports

ROOT = Path(__file__).resolve().parents[1]
README = (ROOT / "README.md").read_text()
DOCUMENTS = [*ROOT.glob("*.md"), *ROOT.glob("docs/**/*.md")]


def blocks(language):
    """The fenced blocks of the README in a language."""
    return re.findall(rf"^```{language}\n(.*?)^```", README, re.S | re.M)


@pytest.fixture(scope="module")
def from_records():
    """The script that writes the documents' numbers."""
    path = ROOT / "docs" / "from_records.py"
    spec = importlib.util.spec_from_file_location("from_records", path)
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


def test_every_number_in_the_documents_is_what_the_records_say(from_records):
    for document in from_records.DOCUMENTS:
        before, after = from_records.rewritten(document)
        assert before == after, f"{document}: python docs/from_records.py"


def test_a_changed_number_is_noticed(from_records, monkeypatch, tmp_path):
    text = (ROOT / "docs/results/evolved_rules.md").read_text()
    (tmp_path / "page.md").write_text(
        text.replace("| uniform | 3.296", "| uniform | 3")
    )
    monkeypatch.setattr(from_records, "ROOT", tmp_path)
    before, after = from_records.rewritten("page.md")
    assert before != after


def test_the_readme_s_python_runs(tmp_path, monkeypatch, capsys):
    monkeypatch.chdir(tmp_path)
    for block in blocks("python"):
        exec(compile(block, "README.md", "exec"), {"__name__": "readme"})
    assert re.search(
        r"\d\.\d{3} ± \d\.\d{3}\n\(40, 10, 6\) \d", capsys.readouterr().out
    )


@pytest.mark.parametrize("document", DOCUMENTS, ids=lambda path: path.name)
def test_links_lead_to_files_that_are_there(document):
    for link in re.findall(r"\]\(([^)#]+)\)", document.read_text()):
        if "://" not in link:
            assert (document.parent / link).exists(), f"{document.name}: {link}"


ARCHITECTURE = (ROOT / "docs" / "architecture.md").read_text()
TREE = re.search(r"^```\n(plastica/\n.*?)^```", ARCHITECTURE, re.S | re.M)[1]
ORDER = re.findall(r"^  (\w+)(?:\.py|/) ", TREE, re.M)
OUTSIDE = {"__init__", "__main__"}  # what nobody imports, and may import all


def test_the_architecture_names_every_file_of_the_package():
    there = {path.stem for path in PACKAGE.iterdir() if path.name != "__pycache__"}
    assert set(ORDER) == there - OUTSIDE and len(ORDER) == len(set(ORDER))


def test_imports_point_up_the_list_of_the_architecture():
    """Those inside functions too."""
    files = sorted(PACKAGE.rglob("*.py"))
    edges = imports(PACKAGE, {path: ast.parse(path.read_text()) for path in files})
    place = {name: i for i, name in enumerate(ORDER)}
    for module, used in edges.items():
        top, *others = (
            name.partition(".")[2].partition(".")[0] for name in (module, *used)
        )
        for other in set(others):
            if top in place:
                assert place[other] <= place[top], f"{module} imports {other}"
            else:
                assert (top, other) == ("__main__", "cli")


def test_the_guard_of_imports_counts_those_inside_functions():
    path = PACKAGE / "search" / "engine.py"
    tree = ast.parse("def later():\n    from plastica.run import training")
    assert imports(PACKAGE, {path: tree, PACKAGE / "run/training.py": ast.parse("")})[
        "plastica.search.engine"
    ] == {"plastica.run.training"}
