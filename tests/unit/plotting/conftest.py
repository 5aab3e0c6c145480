import matplotlib
import pytest
from matplotlib.figure import Figure

from .small import make_network, make_record


@pytest.fixture(autouse=True)
def nothing_global_changes():
    before = matplotlib.rcParams.copy()
    yield
    assert matplotlib.rcParams == before


@pytest.fixture
def ax():
    return Figure().subplots()


@pytest.fixture(scope="session")
def network():
    return make_network()


@pytest.fixture(scope="session")
def record():
    return make_record()
