"""Lives of other forms of the updates (000, 6.2 and 7) on XLA and on the kernel.

python -m benchmarks.forms --out results.jsonl
"""

from pathlib import Path

from benchmarks.lifetime import engines, population_of
from benchmarks.measure import MICRO, alternating, command, require_kernel, show
from plastica import machine
from plastica.rules.pmlp_hebb import Forms

FORMS = {
    "PMLP, Hebb": Forms(),
    "LSTM, Hebb": Forms("lstm"),
    "tanh, Hebb": Forms("tanh"),
    "PMLP, LSTM weights": Forms("pmlp", "lstm", 2),
    "PMLP, PMLP weights": Forms("pmlp", "pmlp", 2),
    "one component": Forms(one_component=True),
    "no transposed weights": Forms(transposed=False),
}


def main(
    forms: tuple[str, ...] = tuple(FORMS),
    hidden: int = 30,
    length: int = 100,
    members: int = 32,
    repeats: int = 5,
    out: Path | None = None,
) -> None:
    """Microseconds of wall time per tick and member, all cores.

    Args:
        forms: which of them.
        hidden: neurons.
        length: of the passage, which is read twice.
        members: of the population.
        repeats: rounds of the measurement.
        out: file to which lines of JSON are appended.
    """
    require_kernel()
    machine.set_up("cpu")
    rows = []
    for name in forms:
        rule, objective = population_of(hidden, 27, length, FORMS[name])
        spent = alternating(engines(rule, objective, members)[0], repeats)
        micro = MICRO / (members * objective.ticks)
        plain, xla, native = (spent[engine] for engine in ("plain", "xla", "native"))
        rows.append(
            {
                "forms": name,
                "hidden": hidden,
                "plain us": plain.wall * micro,
                "xla us": xla.wall * micro,
                "native us": native.wall * micro,
                "plain/native": plain.wall / native.wall,
                "xla/native": xla.wall / native.wall,
                "cpu ratio": plain.cpu / native.cpu,
            }
        )
    show("forms of the updates, 27 symbols", rows, out)


if __name__ == "__main__":
    one = ("PMLP, LSTM weights",)
    command(main, forms=one, hidden=4, length=4, members=2, repeats=1)
