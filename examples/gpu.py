"""Brian2 on a GPU
===============

Train 784-800-10 on some MNIST digits with Brian2 on a GPU, by brian2cuda (Python >= 3.12, extra "cuda", nvcc).

The program is compiled for the GPU in this machine, which takes half a minute or more. Gradients are computed on the
CPU. This shows that it works there; engine "fused" trains far faster, on the CPU alone.
"""

import argparse

from brian2 import ms

import hm2bp_brian as hb
from hm2bp_brian.devices import named_device, using_device

# no options, but --help; a notebook has arguments of its own
argparse.ArgumentParser(description="Train 784-800-10 on some MNIST digits with Brian2 on a GPU.").parse_known_args()

network = hb.SpikingNetwork(
    input_shape=(28, 28, 1),
    layers=[hb.Dense(800, threshold=20), hb.Dense(10, threshold=8, lateral_inhibition=1)],
    neuron=hb.LIF(tau_m=64 * ms, tau_s=8 * ms, refractory=3 * ms),
    dt=1 * ms,
    duration=400 * ms,
    seed=1,
)
train, test = hb.datasets.mnist()

# like Brian2's set_device("cuda_standalone", build_on_run=False), for these lines only; says what is not installed
with using_device(named_device("cuda_standalone")):
    trainer = hb.Trainer(network, hb.SpikeCountLoss(), hb.Adam(learning_rate=0.01), engine="brian2")
    history = trainer.fit(train.subset(500), test.subset(100), epochs=1, batch_size=100)

print(f"test accuracy on 100 digits: {100 * history[-1]['validation_accuracy']:.1f} %")
