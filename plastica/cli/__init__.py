"""The command line: train, resume, eval, report, compare, reproduce, list."""

import logging
import os
import sys
from collections.abc import Callable, Sequence

from plastica.errors import Diverged, Refusal, own_code, unknown

OVERVIEW = """\
plastica: find learning rules, look at them, put them to use

  plastica train [EXPERIMENT] [--knob value ...]   search a rule (by default: memorise
                                                   text, in about two minutes)
  plastica resume RUN [--generations +N]           go on with a run
  plastica eval RUN_OR_RULE [--knob value ...]     a rule on other data, or elsewhere
  plastica report RUN                              a run as a page
  plastica compare RUN ...                         several runs, seeds and spread
  plastica record RUN ... --to FILE                small records of runs, to keep
  plastica reproduce FIGURE [--scale laptop]       a figure or table of a paper
  plastica list                                    experiments and figures

Every command has a --help; that of an experiment lists its knobs:
  plastica train evolved_rules.memorise --help
"""


def main(words: Sequence[str] | None = None) -> int:
    """Runs one command and returns its exit status."""
    words = list(sys.argv[1:] if words is None else words)
    if not words or words[0] in ("-h", "--help"):
        print(OVERVIEW, end="")
        return 0
    if words[0] == "--version":
        from importlib.metadata import PackageNotFoundError, version

        try:
            print(version("plastica"))
        except PackageNotFoundError:
            print("a checkout that is not installed")
        return 0
    logging.basicConfig(format="plastica: %(message)s", level=logging.WARNING)
    try:
        with own_code():
            status = _command(words[0])(words[1:]) or 0
        sys.stdout.flush()
        return status
    except Refusal as refusal:
        return _said(refusal, 2)
    except BrokenPipeError:  # whoever read what is printed has left, as `head` does
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
        return 141
    except KeyboardInterrupt:
        return _said("interrupted; nothing of this command was left half-written", 130)
    except Diverged as error:
        return _said(error, 1)


def _command(name: str) -> Callable[[list[str]], int | None]:
    names = (
        "train",
        "resume",
        "eval",
        "report",
        "compare",
        "record",
        "reproduce",
        "list",
    )
    if name not in names:
        raise unknown("there is no command", name, names)
    from plastica.cli import commands

    return getattr(commands, name if name not in ("eval", "list") else f"{name}_")


def _said(what: object, status: int) -> int:
    if "plastica.cluster" in sys.modules:  # else no other process was joined
        from plastica import cluster

        cluster.ends_with(status)
    print(f"plastica: {what}", file=sys.stderr)
    return status
