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
Shorter = Annotated[
    tuple[int, ...],
    arg(help="lengths that the search begins with, each for an equal part of it"),
]
Also = Annotated[str, arg(help="another text that the rule reads at the end, as it is")]
Hidden = Annotated[
    int | tuple[int, ...], arg(help="neurons of the hidden layer, or of each, n")
]
Units = Annotated[int, arg(help="units of a recurrent network")]
NeuronState = Annotated[int, arg(help="numbers in a neuron's state, n_a")]
UpdateHidden = Annotated[int, arg(help="hidden units of a layer's update network")]
Readout = Annotated[
    Literal["relu", "softmax"],
    arg(help="probabilities from the output as it is, normalised, or by softmax"),
]
NeuronForm = Annotated[
    Literal["pmlp", "tanh", "relu", "lstm"], arg(help="the update of a neuron")
]
SynapseForm = Annotated[
    Literal["hebb", "pmlp", "lstm"], arg(help="the update of a weight")
]
WeightState = Annotated[int, arg(help="numbers in a weight's state, n_w")]
WeightHidden = Annotated[int, arg(help="hidden units of a weight's PMLP")]
FedForm = Annotated[
    Literal["side by side", "product", "both"],
    arg(help="how a weight's network sees its two neurons"),
]
Replaces = Annotated[
    bool, arg(help="the network puts out the new weight, not what to add to it")
]
Transposed = Annotated[bool, arg(help="weights are used transposed too")]
OneComponent = Annotated[
    bool, arg(help="one component of a neuron's state for all four purposes")
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
Sigma = Annotated[
    float,
    arg(help="deviation that SNES begins with; less from a rule that has learned"),
]
RateMean = Annotated[float, arg(help="rate of the mean, of SNES")]
RateSigma = Annotated[float, arg(help="rate of the deviation, of SNES")]
Spread = Annotated[float, arg(help="deviation of the first theta")]
Images = Annotated[
    str,
    arg(
        help="images to learn from: digits, mnist, fashion-mnist, kmnist, sum-sign, "
        "random, or a folder of idx or PNG files"
    ),
]
Side = Annotated[int, arg(help="images are resized to so many pixels a side")]
Lessons = Annotated[int, arg(help="images of a life, one a tick")]
Rate = Annotated[float, arg(help="step size of the optimiser")]
Clip = Annotated[float, arg(help="largest norm of a gradient")]
Told = Annotated[
    Literal["nothing", "target", "error"],
    arg(help="what a recurrent network is told at the next tick"),
]
