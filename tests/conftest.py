"""Brian2 without compiling, matplotlib without a screen."""

import gc

import brian2
import matplotlib
import matplotlib.pyplot as plt
import pytest

matplotlib.use("Agg")


@pytest.fixture(autouse=True)
def numpy_target():
    """Run Brian2's objects in numpy: compiling Cython modules would take seconds each."""
    before = brian2.prefs["codegen.target"]
    brian2.prefs["codegen.target"] = "numpy"
    yield
    brian2.prefs["codegen.target"] = before


@pytest.fixture(autouse=True)
def no_figure_stays_open():
    """A test that looks for forgotten figures finds its own alone."""
    yield
    plt.close("all")


def pytest_collection_finish():
    """Leave what is loaded by now out of garbage collections: each of Brian2's runs begins with one of 0.2 s else."""
    gc.collect()
    gc.freeze()
