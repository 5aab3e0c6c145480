"""S-PSPs of one neuron, as a picture of the population before it."""

from __future__ import annotations

import numpy as np

from hm2bp_brian.learning.spsp import spsp
from hm2bp_brian.model.network import SpikingNetwork
from hm2bp_brian.plotting.axes import check_neuron, make_axes, one_sample
from hm2bp_brian.spikes import SpikeRecord


def spsp_map(network: SpikingNetwork, record: SpikeRecord, layer: int, neuron: int, sample: int = 0, ax=None):
    """Draw the S-PSP e_{i|j} that each presynaptic neuron j has put into neuron i of a layer.

    Presynaptic populations with an image's shape, ``(height, width, 1)``, are drawn as images; others as a square-ish
    grid, read row by row.

    Parameters
    ----------
    network : SpikingNetwork
    record : SpikeRecord
    layer, neuron, sample : int
    ax : matplotlib Axes, optional

    Returns
    -------
    AxesImage

    Raises
    ------
    SpikeError, ConfigurationError
        If there is no such sample, layer or neuron.
    ShapeError
        If the record is not of this network.
    """
    alone = one_sample(record, sample)
    by_neuron = spsp(network, alone, layer)[0]
    check_neuron(layer, len(by_neuron), neuron)
    values = by_neuron[neuron]
    ax = make_axes(ax, (5.0, 4.2))
    shape = network.shape_before(layer)
    is_image = len(shape) == 3 and shape[-1] == 1
    image = ax.imshow(values.reshape(shape[:2]) if is_image else _grid(values), cmap="viridis", interpolation="nearest")
    ax.set_title(f"S-PSP of neuron {neuron} in layer {layer} ({alone.counts(layer)[0, neuron]} spikes)", fontsize=10)
    ax.set(
        xlabel="column" if is_image else "presynaptic neuron, row by row",
        ylabel="row" if is_image else f"rows of {image.get_array().shape[1]}",
    )
    ax.figure.colorbar(image, ax=ax, label=r"$e_{i|j}$ (membrane potential per unit weight)")
    return image


def _grid(values: np.ndarray) -> np.ndarray:
    """The values row by row in a square-ish grid, its rest NaN."""
    width = int(np.ceil(np.sqrt(values.size)))
    picture = np.full(width * int(np.ceil(values.size / width)), np.nan)
    picture[: values.size] = values
    return picture.reshape(-1, width)
