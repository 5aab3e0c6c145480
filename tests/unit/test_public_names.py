"""All that ``hb.`` offers is documented with an example, and the examples run."""

import doctest
import inspect
import operator
from pathlib import Path

import numpy as np
import pytest

import hm2bp_brian as hb

IN_MODULES = (
    *(f"plotting.{name}" for name in hb.plotting.__all__ if name not in ("COLOURS", "CLASS_COLOURS")),
    *(f"schedules.{name}" for name in ("Constant", "Cosine", "ExponentialDecay", "InverseSqrt")),
    *("datasets.ImageDataset", "datasets.SpikeDataset", "encoding.BernoulliEncoder", "encoding.LatencyEncoder"),
)
OPTIONAL = ("SpikingClassifier",)
TAKES_MINUTES = ("sweep",)
DOCUMENTED = [name for name in hb.__all__ if not inspect.ismodule(getattr(hb, name)) and name not in TAKES_MINUTES]


def test_completion_offers_what_there_is():
    assert set(dir(hb)) == {*hb.__all__, *OPTIONAL, "__version__"}
    assert all(getattr(hb, name) is not None for name in hb.__all__)
    assert (Path(hb.__file__).parent / "py.typed").exists()


@pytest.mark.filterwarnings("ignore::DeprecationWarning")
@pytest.mark.parametrize("name", [*DOCUMENTED, *IN_MODULES])
def test_examples_run(name, tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    docstring = inspect.getdoc(operator.attrgetter(name)(hb))
    scope = {public: getattr(hb, public) for public in hb.__all__} | {"hb": hb, "np": np}
    examples = doctest.DocTestParser().get_doctest(docstring, scope, name, None, None)
    executed = [e for e in examples.examples if not e.options.get(doctest.SKIP)]
    assert executed, f"the docstring of hb.{name} has no example that runs"
    report = []
    runner = doctest.DocTestRunner(optionflags=doctest.NORMALIZE_WHITESPACE | doctest.ELLIPSIS)
    runner.run(examples, out=report.append)
    assert runner.failures == 0, "".join(report)
