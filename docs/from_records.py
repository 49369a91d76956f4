"""Writes the numbers and pictures of the documents from the records under results/.

    python docs/from_records.py            rewrite the marked blocks and the pictures
    python docs/from_records.py --check    only say whether a block would change

A block stands between `<!-- from NAME -->` and `<!-- end -->`. NAME is a function here;
or a figure of the package such as `evolved_rules.figure6`, whose table is made from
`results/evolved_rules/figure6.jsonl`, and whose pictures, `evolved_rules.figure6.svg`,
`evolved_rules.figure6-2.svg` and so on, are made where a document shows them; or a file
of records such as `blur/images`, which gives the table at the end of each run in
`results/blur/images.jsonl`.
"""

import re
import sys
from pathlib import Path

import numpy as np

from plastica.cli.source import find
from plastica.figures.drawing import at_the_end, by_column
from plastica.run.record import Record, read_lines, read_records
from plastica.shown import Panel, Score, Table
from plastica.shown.plots import lines

ROOT = Path(__file__).resolve().parents[1]
RESULTS = ROOT / "results"
PICTURES = ROOT / "docs" / "pictures"
MEASURED = RESULTS / "performance"
MEASURED_AS = {  # blocks by what was measured, and its title where a file has several
    "lives": ("lifetime", "a life of PMLPHebb, 27 symbols"),
    "lives_of_bytes": ("lifetime", "a life of PMLPHebb, 256 symbols"),
    "forms": ("forms",),
    "generations": ("generation",),
    "growth": ("scaling",),
    "agreement": ("agreement",),
    "clusters": ("cluster",),
    "memory": ("memory",),
    "grids": ("grid",),
    "learners": ("learners",),
    "steps": ("blur",),
    "plastic_lives": ("plastic",),
    "remembering": ("remember",),
}
TELLING = ("text", "length", "hidden", "method", "search", "source", "variant", "seed")
BLOCK = re.compile(r"(<!-- from ([\w./]+) -->\n).*?(<!-- end -->)", re.S)
DOCUMENTS = sorted(
    str(path.relative_to(ROOT))
    for where in ("*.md", "docs/**/*.md", "plastica/zoo/*.md")
    for path in ROOT.glob(where)
    if BLOCK.search(path.read_text())
)


def acceptance() -> str:
    """The run of T=100, n=40 on the Wizard of Oz."""
    rows = ["| generation | " + " | ".join(f"seed {r['seed']}" for r in _oz()) + " |"]
    rows.append("| --- " * (len(_oz()) + 1) + "|")
    for generation in (1_000, 2_000, 5_000, 10_000):
        losses = (f"{_at(record, generation):.2f}" for record in _oz())
        rows.append(f"| {generation:,} | {' | '.join(losses)} |")
    return "\n".join(rows)


def scores() -> str:
    """The table at the end of that run's first seed."""
    return _scores(_oz()[0])


def _run(record: Record) -> str:
    """A run in a sentence, and its table at the end."""
    arguments = record["source"]["arguments"]
    told = [f"{name} {arguments[name]}" for name in TELLING if arguments.get(name)]
    about = (
        f"{record['generations']:,} generations, {record['seconds'] / 60:.0f} minutes"
    )
    name = record["source"]["experiment"]
    return f"`{name}` ({', '.join([*told, about])}):\n\n{_scores(record)}"


def _scores(record: Record) -> str:
    told = record["scores"]
    rows = tuple((n, tuple(Score(**c) for c in row)) for n, row in told["rows"].items())
    return Table(told["title"], tuple(told["columns"]), rows).markdown()


def machine() -> str:
    """Where the benchmarks ran."""
    where = read_lines(MEASURED / "lifetime.jsonl")[0]["machine"]
    versions = ", ".join(f"{name} {v}" for name, v in where["versions"].items())
    return f"{where['processor']}, {where['cores']} cores, {where['isa']}; {versions}."


def engines() -> str:
    """Ten seeds of the default run on either engine, and how likely such ranks are."""
    from scipy.stats import mannwhitneyu

    records = read_lines(MEASURED / "engines.jsonl")
    rows = []
    for generation in (500, 1_000, 2_000):
        both = {
            engine: sorted(_at(r, generation) for r in records if r["engine"] == engine)
            for engine in ("native", "xla")
        }
        p = mannwhitneyu(*both.values()).pvalue
        for engine, losses in both.items():
            cells = (*(f"{loss:.2f}" for loss in losses), f"{p:.2f}")
            rows.append((f"{engine}, generation {generation:,}", cells))
    seeds = (*map(str, range(1, len(losses) + 1)), "p")
    return Table("nats, held out; from the best seed", seeds, tuple(rows)).markdown()


def figure5_tried() -> str:
    """The non-linearities that figure 5 of paper 004 was made with; seeds not tried."""
    tanh, bent = (
        read_records(RESULTS / f"blur/{n}.jsonl") for n in ("figure5_tanh", "figure5")
    )
    groups = {
        "tanh, seeds 0 to 2": tanh,
        "relu(tanh), seeds 0 to 2": [r for r in bent if r["seed"] < 3],
        "relu(tanh), seeds 3 to 5": [r for r in bent if r["seed"] >= 3],
    }
    rows = {}
    for name, records in groups.items():
        told = at_the_end(by_column(records))
        cells = dict(zip(told.columns, dict(told.rows)["this rule"], strict=True))
        chosen = np.array([min(loss for _, loss in r["curve"]) for r in records])
        rows[name] = {"validation": Score.of(chosen)} | cells
    heads = [name for name in rows["tanh, seeds 0 to 2"] if name != "mean"]
    rows = {who: {head: cells[head] for head in heads} for who, cells in rows.items()}
    return Table.of("share wrong after 100 lessons", rows).markdown()


def pictures() -> dict[str, str]:
    """The documents' pictures by file name."""
    record = _oz()[0]
    life = {name: np.array(nats) for name, nats in record["scores"]["life"].items()}
    chance = {"chance": record["scores"]["rows"]["uniform"][0]["mean"]}
    written = "".join((ROOT / document).read_text() for document in DOCUMENTS)
    figures = {name for _, name, _ in BLOCK.findall(written) if "." in name}
    drawn = {
        f"{name}-{i}.svg" if i > 1 else f"{name}.svg": panel.html
        for name in sorted(figures)
        for i, panel in enumerate(_drawn(name)[1], 1)
    }
    return {name: html for name, html in drawn.items() if f"/{name})" in written} | {
        "within_a_life.svg": lines(
            life, "character of the passage", "nats per character", levels=chance
        ),
    }


def rewritten(document: str) -> tuple[str, str]:
    """A document as it is, and as the records say that it should be."""
    text = (ROOT / document).read_text()

    def block(match: re.Match) -> str:
        name = match[2]
        if "/" in name:
            made = "\n\n".join(map(_run, read_records(RESULTS / f"{name}.jsonl")))
        elif "." in name:
            made = _drawn(name)[0].markdown()
        elif name in MEASURED_AS:
            made = _measured(*MEASURED_AS[name])
        else:
            made = globals()[name]()
        return f"{match[1]}{made}\n{match[3]}"

    return text, BLOCK.sub(block, text)


def main(words: list[str]) -> int:
    """Rewrites or checks; the exit status is 1 if a block is not as recorded."""
    stale = 0
    for document in DOCUMENTS:
        before, after = rewritten(document)
        if before != after:
            stale += 1
            print(f"{document} differs from its records")
            if "--check" not in words:
                (ROOT / document).write_text(after)
    drawn = pictures()
    for unseen in (p for p in PICTURES.glob("*.svg") if p.name not in drawn):
        stale += 1
        print(f"{unseen.relative_to(ROOT)} is in no document")
        if "--check" not in words:
            unseen.unlink()
    if "--check" not in words:
        for name, svg in drawn.items():
            (PICTURES / name).write_text(svg)
    return 1 if stale and "--check" in words else 0


def _drawn(name: str) -> tuple[Table, list[Panel]]:
    """A figure's table and pictures, from its records."""
    paper, _, figure = name.partition(".")
    return find(name).call({}).draw(read_records(RESULTS / paper / f"{figure}.jsonl"))


def _measured(file: str, title: str | None = None) -> str:
    """The rows of one benchmark as a table."""
    told = ("benchmark", "machine")
    rows = [
        {name: value for name, value in row.items() if name not in told}
        for row in read_lines(MEASURED / f"{file}.jsonl")
        if title in (None, row["benchmark"])
    ]
    head = f"| {' | '.join(rows[0])} |\n" + "| --- " * len(rows[0]) + "|"
    lines = (" | ".join(map(_short, row.values())) for row in rows)
    return "\n".join([head, *(f"| {line} |" for line in lines)])


def _short(value) -> str:
    if not isinstance(value, float):
        return str(value)
    return f"{value:,.0f}" if abs(value) >= 100 else f"{value:.3g}"


def _oz() -> list[Record]:
    return read_records(RESULTS / "evolved_rules" / "memorise.jsonl")


def _at(record: Record, generation: int) -> float:
    """Held-out nats at the recorded generation nearest to one."""
    return min(record["curve"], key=lambda point: abs(point[0] - generation))[1]


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
