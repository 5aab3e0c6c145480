"""Which terms of an expression are affine in the state."""

import pytest
from brian2 import Equations

from hm2bp_brian.model.terms import affine_terms

EQUATIONS = Equations(
    """
    dv/dt = (E - v)/tau : volt
    dw/dt = -w/tau : 1
    drive = 2*level + E : volt
    level = v + 3*mV*w : volt
    """
)


@pytest.mark.parametrize(
    ("expression", "coefficients", "not_affine"),
    [
        ("E + k", {"v": "0", "w": "0"}, []),
        ("(E - v)/tau - (v - w*mV)/tau", {"v": "-2/tau", "w": "mV/tau"}, []),
        ("drive", {"v": "2", "w": "6*mV"}, []),
        ("w*(E - v)", {"v": "0", "w": "E"}, ["-v*w"]),
        ("v*int(not_refractory)", {"v": "int(not_refractory)", "w": "0"}, []),
        ("int(w > 1)*E + w", {"v": "0", "w": "1"}, ["E*int(w > 1)"]),
        ("f(w)*E", {"v": "0", "w": "0"}, ["E*f(w)"]),
        ("v*w/w", {"v": "1", "w": "0"}, []),
    ],
)
def test_terms(expression, coefficients, not_affine):
    assert affine_terms(expression, EQUATIONS, ("v", "w")) == (coefficients, not_affine)
