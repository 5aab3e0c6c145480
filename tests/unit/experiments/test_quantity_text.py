"""Texts become quantities, and nothing else becomes anything."""

import pytest
from brian2 import Hz, cm, ms, mV, nA, nS
from brian2.units.fundamentalunits import have_same_dimensions

from hm2bp_brian.errors import ConfigurationError
from hm2bp_brian.experiments.quantity_text import quantity


@pytest.mark.parametrize(
    ("text", "value"),
    [
        ("64*ms", 64 * ms),
        (" -2.5e1 * mV ", -25 * mV),
        ("+.5*nA/cm**2", 0.5 * nA / cm**2),
        ("3*nS/nS", 3.0),
        ("3*nS*mV**-1", 3 * nS / mV),
        ("2/ms", 2e3 * Hz),
        ("0.1", 0.1),
        ("7", 7.0),
        ("5.*msecond", 5 * ms),
    ],
)
def test_numbers_and_units(text, value):
    found = quantity("x", text)
    assert have_same_dimensions(found, value)
    assert float(found) == pytest.approx(float(value), rel=1e-14)


@pytest.mark.parametrize(
    "text",
    [
        "",
        "ms",
        "64 ms",
        "64*",
        "64**2",
        "(64)*ms",
        "6*ms*",
        "1*ms**20",
        "1 + 1",
        "nan",
        "inf",
        "1e5e5",
        "ms*3",
        "2*3*ms",
    ],
)
def test_other_texts(text):
    with pytest.raises(ConfigurationError, match="'tau' should be a number"):
        quantity("tau", text)


@pytest.mark.parametrize("text", ["1e999", "1e999*ms", "1e300*metre/nmetre**9"])
def test_too_large(text):
    with pytest.raises(ConfigurationError, match="'tau' should be finite"):
        quantity("tau", text)


@pytest.mark.parametrize("unit", ["parsec", "Unit", "all_units", "__name__", "celsius"])
def test_what_is_no_unit(unit):
    with pytest.raises(ConfigurationError, match=f"Brian2 has no unit '{unit}'"):
        quantity("tau", f"3*{unit}")
