"""The documents hold: their code runs, their numbers are the records', files exist."""

import importlib.util
import re
from pathlib import Path

import pytest

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


TREE = (ROOT / "docs" / "architecture.md").read_text().split("```")[1]
ORDER = re.findall(r"^  (\w+)(?:\.py|/)", TREE, re.M)


def test_the_architecture_names_every_file_of_the_package():
    there = {path.name.removesuffix(".py") for path in (ROOT / "plastica").iterdir()}
    unnamed = {"__init__", "__main__", "__pycache__"}
    assert set(ORDER) == there - unnamed


def test_imports_point_up_the_list_of_the_architecture():
    place = {name: i for i, name in enumerate(ORDER)}
    for path in (ROOT / "plastica").rglob("*.py"):
        top = path.relative_to(ROOT / "plastica").parts[0].removesuffix(".py")
        for used in re.findall(r"^from plastica\.(\w+)", path.read_text(), re.M):
            if top in place and used in place:
                assert place[used] <= place[top], f"{path.name} imports {used}"
