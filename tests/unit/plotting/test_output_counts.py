import numpy as np
import pytest

from hm2bp_brian import SpikeBatch, SpikeCountLoss, SpikeRecord, plotting
from hm2bp_brian.errors import LabelError

COUNTS = np.array([[4, 1, 0], [0, 1, 2]])


@pytest.fixture
def record():
    dense = np.arange(6)[None, :, None] < COUNTS[:, None, :]
    spikes = SpikeBatch.from_dense(dense)
    return SpikeRecord(spikes, [spikes])


def test_fractions_of_class_and_others(record, ax):
    of_class, others = plotting.output_counts(record, [0, 1], SpikeCountLoss(5, 1, 0.5), ax=ax)
    np.testing.assert_allclose(of_class.get_data().values, [0, 0.5, 0, 0, 0.5])  # counts 4 and 1
    np.testing.assert_allclose(others.get_data().values, [0.5, 0.25, 0.25, 0, 0])  # 1, 0, 0 and 2
    np.testing.assert_allclose(of_class.get_data().edges, np.arange(6) - 0.5)
    assert [line.get_xdata()[0] for line in ax.get_lines()] == [5, 1]
    spans = [
        patch.get_extents().transformed(ax.transData.inverted()) for patch in ax.patches if patch.get_alpha() == 0.1
    ]
    assert [(span.x0, span.x1) for span in spans] == [pytest.approx((4.5, 5.5)), pytest.approx((0.5, 1.5))]
    assert ax.get_xlabel() == "spikes of an output neuron"


def test_labels_must_fit(record, ax):
    for labels in ([0], [0, 3]):
        with pytest.raises(LabelError):
            plotting.output_counts(record, labels, SpikeCountLoss(), ax=ax)
