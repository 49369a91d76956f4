"""Arguments that several experiments share, each with the help that a user reads."""

from typing import Annotated, Literal

from tyro.conf import arg

TextSource = Annotated[
    str,
    arg(
        help="a name (python-docs, wizard-of-oz, alice-de, enwik8, pg19), a text file, "
        "or a folder of .txt files"
    ),
]
AlphabetName = Annotated[
    Literal["letters", "bytes", "padded-bytes"],
    arg(help="27 letters, bytes, or the 259 symbols of paper 000"),
]
Collapse = Annotated[
    bool, arg(help="among letters, make one of a run of anything that is no letter")
]
Length = Annotated[int, arg(help="symbols of a passage, T")]
Hidden = Annotated[int, arg(help="neurons of the hidden layer, n")]
NeuronState = Annotated[int, arg(help="numbers in a neuron's state")]
UpdateHidden = Annotated[int, arg(help="hidden units of a layer's update network")]
Readout = Annotated[
    Literal["relu", "softmax"],
    arg(help="probabilities from the output as it is, normalised, or by softmax"),
]
Delay = Annotated[int, arg(help="how far back beyond a window is asked, P")]
Window = Annotated[int, arg(help="symbols of a window and of a snippet, T")]
Members = Annotated[int, arg(help="members of a generation")]
Generations = Annotated[int, arg(help="generations to search")]
Lives = Annotated[int, arg(help="lives of every member in a generation")]
Every = Annotated[int, arg(help="generations between evaluations on held-out data")]
Engine = Annotated[
    Literal["auto", "xla", "native"],
    arg(help="how lives are lived; auto takes the native kernel where it fits"),
]
Seed = Annotated[int, arg(help="of everything that is drawn")]
Seeds = Annotated[int, arg(help="runs of each kind, differing in their seed")]
Rate = Annotated[float, arg(help="step size of the optimiser")]
Clip = Annotated[float, arg(help="largest norm of a gradient")]
Told = Annotated[
    Literal["nothing", "target", "error"],
    arg(help="what a recurrent network is told at the next tick"),
]
