"""Look at what a trained network does
===================================

Brian2 objects, spikes, membrane potentials, and what made one spike.

The network 784-800-10 that recipe ``mnist-mlp`` trained (its weights come with this package) sees four test digits of
MNIST as plain Brian2 objects, to which any monitor can be added: here a StateMonitor of the output neurons. It takes
about ten seconds and saves ``look_at_dynamics.png`` in the current folder. ``--quick`` shows two digits. With
brian2tools installed, its raster of the same SpikeMonitor is saved as ``look_at_dynamics_brian2tools.png``.
No figure of the paper looks like this.
"""

import argparse
import importlib.util

import matplotlib.pyplot as plt
import numpy as np
from brian2 import StateMonitor, prefs

import hm2bp_brian as hb
from hm2bp_brian.brian.state_traces import record_state_traces

parser = argparse.ArgumentParser(description="Look at spikes and membrane potentials of a trained network.")
parser.add_argument("--quick", action="store_true", help="two digits")
quick = parser.parse_known_args()[0].quick  # a notebook has arguments of its own

prefs.codegen.target = "numpy"  # a short run; compiling would take longer
n_digits = 2 if quick else 4
network, digits = hb.load_pretrained("mnist-mlp"), hb.datasets.mnist()[1].subset(n_digits)

# the network as Brian2 objects, with a monitor of our own
built = hb.build_brian_network(network, "float32")
monitor = StateMonitor(built["layer_1"], "u", record=True, when="after_thresholds")
built.network.add(monitor)
batch = hb.encoding.BernoulliEncoder().encode(digits.images, network.n_steps)
record = built.run(batch)
print(f"Brian2 objects: {', '.join(built.objects)}")
for sample, counts in enumerate(record.output.counts):
    print(f"digit {digits.labels[sample]}: class {counts.argmax()}, output counts {counts.tolist()}")

figure = plt.figure(figsize=(10, 13), layout="constrained")
above, below = figure.subfigures(2, 1, height_ratios=[2.4, 1])
spikes, output, hidden = above.subplots(3, 1, height_ratios=[1.5, 1, 1])
picture, origin = below.subplots(1, 2)
hb.plotting.raster(network, record, range(n_digits), ax=spikes, labels=digits.labels)

# the output neurons of the digits' classes, from our monitor
for label in np.unique(digits.labels):
    colour = hb.plotting.CLASS_COLOURS[label]
    output.plot(monitor.t_[:] * 1e3, monitor.u_[label], color=colour, linewidth=0.7, label=f"neuron {label}")
output.axhline(network.thresholds[1], color="0.3", linestyle="--", linewidth=0.8, label="threshold")
output.set(xlabel="time (ms)", ylabel="membrane potential u (1)", xlim=spikes.get_xlim())
output.set_xticks(spikes.get_xticks(), [label.get_text() for label in spikes.get_xticklabels()])
output.set_title("layer 1", fontsize=10)
output.legend(frameon=False, loc="upper left", bbox_to_anchor=(1.0, 1.0), fontsize=9)

# the three busiest hidden neurons at the beginning of the first digit
busiest = np.argsort(-record.counts(0)[0], kind="stable")[:3]
hb.plotting.state_traces(record_state_traces(network, batch, 0, busiest), ax=hidden)
hidden.set_xlim(0, 60)

# which pixels made the third spike of the busiest one
hb.plotting.attribution(network, record, 0, int(busiest[0]), spike=2, ax=origin)
picture.imshow(digits.images[0, :, :, 0], cmap="gray_r")
picture.set(xlabel="column", ylabel="row")
picture.set_title("the first digit", fontsize=10)

figure.savefig("look_at_dynamics.png", dpi=150)
print("saved look_at_dynamics.png")

if importlib.util.find_spec("brian2tools"):
    try:
        from brian2tools import brian_plot
    except Exception as error:  # brian2tools with a numpy or matplotlib too new for it fails in many ways
        print(f"brian2tools is installed, but can't be imported ({type(error).__name__}: {error}): no picture by it")
    else:
        plt.figure(layout="constrained")
        brian_plot(built["spikes_1"])
        plt.savefig("look_at_dynamics_brian2tools.png", dpi=150)
        print("saved look_at_dynamics_brian2tools.png")
