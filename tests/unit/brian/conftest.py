import pytest
from brian2 import defaultclock, ms


@pytest.fixture
def half_a_millisecond():
    """Brian2's default time step, for users' objects that name none."""
    before = defaultclock.dt
    defaultclock.dt = 0.5 * ms
    yield
    defaultclock.dt = before
