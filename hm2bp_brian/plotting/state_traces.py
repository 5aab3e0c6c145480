"""State variables of neurons against time."""

from __future__ import annotations

import numpy as np

from hm2bp_brian.brian.state_traces import StateTraces
from hm2bp_brian.errors import ConfigurationError, UnknownNameError
from hm2bp_brian.plotting.axes import COLOURS, best_unit, label_axes, legend_beside, make_axes, set_title


def state_traces(traces: StateTraces, variable: str | None = None, ax=None):
    """Draw one state variable of neurons: the membrane potential with threshold and spikes, or another one.

    Parameters
    ----------
    traces : StateTraces
        What `hm2bp_brian.brian.state_traces.record_state_traces` recorded.
    variable : str, optional
        Such as ``traces.synaptic``; by default the membrane variable.
    ax : matplotlib Axes, optional

    Returns
    -------
    list of Line2D
        One trace a neuron; for the membrane variable then one line a neuron with its spikes, at the potential that
        crossed the threshold, and last the threshold.

    Raises
    ------
    ConfigurationError
        If no variable is named, and the neuron's threshold is not on one variable.
    UnknownNameError
        If the neurons have no such variable.

    Examples
    --------
    >>> from hm2bp_brian.brian.state_traces import record_state_traces
    >>> network = hb.load_pretrained("mnist-mlp")
    >>> _, test = hb.datasets.mnist()
    >>> spikes = hb.encoding.BernoulliEncoder().encode(test.images[:3], network.n_steps)
    >>> traces = record_state_traces(network, spikes, layer=1, neurons=[7, 1])
    >>> artists = hb.plotting.state_traces(traces)
    """
    variable = traces.membrane if variable is None else variable
    if variable is None:
        raise ConfigurationError(
            f"the threshold of layer {traces.layer} is not on one variable; name one of {', '.join(traces.values)}"
        )
    if variable not in traces.values:
        raise UnknownNameError("state variable", variable, traces.values)
    ax = make_axes(ax, (7.0, 3.2))
    shown = traces.values[variable]
    if variable == traces.membrane:
        shown = np.append(shown, traces.v_th)
    size, unit = best_unit(shown, traces.dimensions[variable])
    values = traces.values[variable] / size
    times = np.arange(values.shape[1]) * traces.dt * 1e3
    colours = [COLOURS[number % len(COLOURS)] for number in range(len(values))]
    lines = []
    for neuron, row, colour in zip(traces.neurons, values, colours, strict=True):
        lines += ax.plot(times, row, color=colour, linewidth=1.0, label=f"neuron {neuron}")
    if variable == traces.membrane:
        for row, steps, colour in zip(values, traces.spikes, colours, strict=True):
            lines += ax.plot(times[steps], row[steps], "v", color=colour, markersize=5)
        lines.append(ax.axhline(traces.v_th / size, color="0.3", linestyle="--", linewidth=0.8, label="threshold"))
    kind = {traces.membrane: "membrane potential ", traces.synaptic: "synaptic variable "}.get(variable, "")
    set_title(ax, f"layer {traces.layer}")
    label_axes(ax, "time (ms)", f"{kind}{variable} ({unit})")
    ax.set_xlim(0, len(times) * traces.dt * 1e3)
    legend_beside(ax)
    return lines
