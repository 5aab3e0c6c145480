"""From the events of an event camera to spike trains: binning, and the stabilisation of N-MNIST's saccades.

Events are structured arrays with the fields x, y (pixel), t (microseconds) and p (polarity), as tonic has them.
"""

from __future__ import annotations

import numpy as np
from brian2 import second

from hm2bp_brian.checks import check_integers
from hm2bp_brian.errors import ConfigurationError, ShapeError, SpikeError
from hm2bp_brian.model.units import to_float

EVENT_DTYPE = np.dtype([("x", np.int16), ("y", np.int16), ("t", np.int64), ("p", bool)])

NMNIST_SIDE = 34
NMNIST_SHAPE = (NMNIST_SIDE, NMNIST_SIDE, 2)
NMNIST_STEP = 600  # microseconds
SACCADE = 105_000  # microseconds
MAX_STEPS = 2**31 - 1  # steps are int32


def bin_events(events: np.ndarray, shape: tuple[int, int, int], dt, name: str = "events"):
    """Bin events in time: step floor(t / dt), at most one spike a neuron and step.

    Parameters
    ----------
    events : structured array (n,)
        Fields x, y, t, p, in any order of time; t in microseconds. A sensor of one row may lack y, one without
        polarity p.
    shape : (height, width, channels)
        Of the population; with 2 channels the polarity is the channel, with 1 it is ignored.
    dt : Quantity
        Width of a bin.
    name : str
        What the events are, for messages.

    Returns
    -------
    steps, neurons : int32 arrays (n_spikes,)
        Time step and flat index (y * width + x) * channels + p of each spike, sorted by both.

    Raises
    ------
    UnitError, ConfigurationError
        If ``dt`` is no positive time.
    ShapeError
        If ``shape`` is no such shape.
    SpikeError
        If the events lack a field, or one lies outside the sensor or before time 0.

    Examples
    --------
    >>> from brian2 import ms
    >>> fields = [("x", int), ("y", int), ("t", int), ("p", bool)]
    >>> events = np.array([(0, 0, 300, True), (1, 0, 2500, False), (1, 0, 2900, False)], dtype=fields)
    >>> steps, neurons = hb.encoding.bin_events(events, shape=(1, 2, 2), dt=1 * ms)
    >>> steps.tolist(), neurons.tolist()
    ([0, 2], [1, 2])
    """
    height, width, channels = _sensor_shape(shape)
    # rounded to nanoseconds, as float(0.9*ms) * 1e6 is a little more than 900
    microseconds = round(to_float("dt", dt, second.dim) * 1e6, 3)
    if microseconds <= 0:
        raise ConfigurationError(f"dt must be at least a nanosecond, found {dt!r}")
    events = _structured(events, name)
    x = _field(events, "x", width, name)
    y = 0 if height == 1 and "y" not in events.dtype.names else _field(events, "y", height, name)
    p = 0 if channels == 1 else _field(events, "p", 2, name)
    t = _field(events, "t", int(microseconds * MAX_STEPS), name)
    steps = np.floor(t / microseconds).astype(np.int64)
    return _one_spike_a_bin(steps, (y * width + x) * channels + p, height * width * channels)


def stabilise_saccades(events: np.ndarray) -> np.ndarray:
    """Move N-MNIST's events back along the three saccades of its camera, so that the digit stands still.

    The camera moves along a triangle in 3 x 105 ms: the digit's position by (3.5, 7), then (3.5, -7), then (-7, 0)
    pixels, so an event at time t lies off by a shift that is linear in each part (Jin, Zhang & Li 2018). Positions are
    rounded half up; events that leave the 34 x 34 pixels are dropped.

    Parameters
    ----------
    events : structured array (n,)
        Fields x, y, t, p.

    Returns
    -------
    structured array
        Those that stay, with new x and y.

    Raises
    ------
    SpikeError
        If the events lack a field, or one lies outside the sensor or before time 0.

    Examples
    --------
    >>> fields = [("x", int), ("y", int), ("t", int), ("p", bool)]
    >>> events = np.array([(10, 10, 0, True), (14, 17, 105_000, True)], dtype=fields)
    >>> hb.encoding.stabilise_saccades(events)[["x", "y"]].tolist()
    [(10, 10), (11, 10)]
    """
    events = _structured(events, "N-MNIST events")
    x, y, _, _, inside = _stabilised(events)
    stable = events[inside]
    stable["x"], stable["y"] = x, y
    return stable


def _stabilised(events: np.ndarray) -> tuple[np.ndarray, ...]:
    """The fields x, y, t, p of the events that stay, int64 whatever the events' types, and which events these are."""
    limits = {"x": NMNIST_SIDE, "y": NMNIST_SIDE, "t": MAX_STEPS, "p": 2}
    x, y, t, p = (_field(events, field, limit, "N-MNIST events") for field, limit in limits.items())
    # In 1/30000 pixel the shifts are whole numbers, and rounding has no doubtful cases.
    shift_x = np.where(t <= 2 * SACCADE, t, 6 * SACCADE - 2 * t)
    shift_y = np.where(t <= SACCADE, 2 * t, np.where(t <= 2 * SACCADE, 4 * SACCADE - 2 * t, 0))
    x, y = ((30_000 * position - shift + 15_000) // 30_000 for position, shift in ((x, shift_x), (y, shift_y)))
    inside = (x >= 0) & (x < NMNIST_SIDE) & (y >= 0) & (y < NMNIST_SIDE)
    return x[inside], y[inside], t[inside], p[inside], inside


def nmnist_spikes(events: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """The input spikes of Jin, Zhang & Li (2018) from a recording of N-MNIST.

    Stabilised, in steps of 0.6 ms: an event at t becomes a spike in step ceil(t / 0.6 ms) + 1, one a neuron and step.
    A recording has some 530 steps.

    Parameters
    ----------
    events : structured array (n,)
        Fields x, y, t, p.

    Returns
    -------
    steps, neurons : int32 arrays (n_spikes,)
        Sorted by both; ``neurons`` are flat indices into a population of shape (34, 34, 2): row, column, polarity.
        See ``paper_channels`` for the paper's numbers.

    Raises
    ------
    SpikeError
        If the events lack a field, or one lies outside the sensor or before time 0.

    Examples
    --------
    >>> fields = [("x", int), ("y", int), ("t", int), ("p", bool)]
    >>> events = np.array([(10, 20, 0, True), (10, 20, 1300, False)], dtype=fields)
    >>> steps, neurons = hb.encoding.nmnist_spikes(events)
    >>> steps.tolist(), neurons.tolist()
    ([1, 4], [1381, 1380])
    """
    x, y, t, p, _ = _stabilised(_structured(events, "N-MNIST events"))
    steps = -(-t // NMNIST_STEP) + 1
    neurons = (y * NMNIST_SIDE + x) * 2 + p
    return _one_spike_a_bin(steps, neurons, 2 * NMNIST_SIDE**2)


def paper_channels(neurons: np.ndarray) -> np.ndarray:
    """The paper's numbers of N-MNIST's input channels, polarity * 1156 + column * 34 + row, from flat indices.

    SpikeError unless these are integers in 0..2311.

    Examples
    --------
    >>> hb.encoding.paper_channels([0, 1, 2, 68])  # row 0; the other polarity; column 1; row 1
    array([   0, 1156,   34,    1])
    """
    neurons = check_integers("neurons", neurons, 0, 2 * NMNIST_SIDE**2 - 1, error=SpikeError)
    row, column, polarity = np.unravel_index(neurons, NMNIST_SHAPE)
    return (polarity * NMNIST_SIDE + column) * NMNIST_SIDE + row


def _sensor_shape(shape) -> tuple[int, int, int]:
    sizes = np.asarray(shape)
    if sizes.shape != (3,) or sizes.dtype.kind not in "iu" or sizes.min() < 1 or sizes[2] > 2:
        raise ShapeError(f"shape must be (height, width, channels) with 1 or 2 channels, found {shape!r}")
    height, width, channels = sizes.tolist()
    return height, width, channels


def _structured(events, name: str) -> np.ndarray:
    events = np.asarray(events)
    if events.ndim != 1 or events.dtype.names is None:
        raise SpikeError(
            f"{name}: expected a structured array (n,) with the fields x, y, t and p, found {events.dtype} of shape "
            f"{events.shape}"
        )
    return events


def _field(events: np.ndarray, field: str, limit: int, name: str) -> np.ndarray:
    """A field as int64, its values in 0..limit-1."""
    if field not in events.dtype.names:
        raise SpikeError(f"{name}: expected a field {field}, found {', '.join(events.dtype.names)}")
    values = events[field]
    if values.dtype.kind not in "iub":
        raise SpikeError(f"{name}: expected integers as {field} (t in microseconds), found {values.dtype}")
    wrong = (values < 0) | (values >= limit)
    if wrong.any():
        event = int(np.argmax(wrong))
        raise SpikeError(f"{name}: {field} must be in 0..{limit - 1}, event {event} has {values[event]}")
    return values.astype(np.int64)


def _one_spike_a_bin(steps: np.ndarray, neurons: np.ndarray, n_neurons: int) -> tuple[np.ndarray, np.ndarray]:
    bins = np.sort(steps * n_neurons + neurons)
    # several times as fast as np.unique
    first = np.ones(len(bins), dtype=bool)
    np.not_equal(bins[1:], bins[:-1], out=first[1:])
    steps, neurons = np.divmod(bins[first], n_neurons)
    return steps.astype(np.int32), neurons.astype(np.int32)
