"""The page on recordings: its three ways give the same spikes, and what it trains has learned."""

import matplotlib
import numpy as np
import pytest
from test_docs import run_samples


@pytest.fixture(autouse=True)
def no_window():
    before = matplotlib.get_backend()
    matplotlib.use("agg")
    yield
    matplotlib.use(before)


# recordings at random have some spikes of a neuron in one step, and say so
@pytest.mark.filterwarnings("ignore:.*they are merged:UserWarning")
def test_recordings_page(tmp_path):
    pytest.importorskip("neo", reason="neo, extra neo, is not installed")
    pytest.importorskip("pynwb", reason="pynwb, extra nwb, is not installed")
    scope = run_samples("recordings.md", tmp_path)
    data = scope["data"]
    for other in (scope["of_neo"], scope["of_nwb"]):
        assert other.labels.tolist() == data.labels.tolist() and other.shape == (30,)
        # times of a session lose digits, so that a few spikes at the edge of a step fall into the next one
        assert np.mean(other.batch(np.arange(150), 300).dense() != data.batch(np.arange(150), 300).dense()) < 1e-4
    assert [[np.asarray(t).tolist() for t in trial] for trial in scope["cut"]] == [
        [[0.2]],
        [pytest.approx([0.01, 0.04])],
    ]
    assert scope["accuracy"] > 0.8 and scope["early"][-1] == scope["accuracy"] >= scope["early"][0]
    assert len(scope["losses"][0]) == len(scope["losses"][1]) <= 15
    assert np.median(scope["error"]) < 0.6  # by chance a half turn's half, 1.57
    assert len(scope["hidden"].spikes) == 10 and min(scope["hidden"].spikes) > 0
    assert (tmp_path / "recordings.png").exists() and (tmp_path / "spikes.csv").exists()
