"""Plastica finds learning rules: networks that learn as they live, with no gradient.

A Learner predicts, then learns. A Task is the world it meets. A lifetime is their
conversation. An Objective judges lives. A Search improves what the learner was born
with, theta. An Experiment names one of each; a Run runs it.

The public names stand, in reading order, in `__init__.pyi`; each is imported when it is
first asked for, so that `plastica --help` answers at once.
"""

import lazy_loader

__getattr__, __dir__, __all__ = lazy_loader.attach_stub(__name__, __file__)
