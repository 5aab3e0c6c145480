"""Brian2 without compiling, matplotlib without a screen."""

import brian2
import matplotlib
import pytest

matplotlib.use("Agg")


@pytest.fixture(autouse=True)
def numpy_target():
    """Run Brian2's objects in numpy: compiling Cython modules would take seconds each."""
    before = brian2.prefs["codegen.target"]
    brian2.prefs["codegen.target"] = "numpy"
    yield
    brian2.prefs["codegen.target"] = before
