"""A record as a Neo block, the form in which Elephant analyses spikes."""

from __future__ import annotations

from hm2bp_brian.exchange.packages import load_package
from hm2bp_brian.model.units import positive_time
from hm2bp_brian.spike_record import SpikeRecord


def to_neo(record: SpikeRecord, *, dt):
    """One Segment a sample, one SpikeTrain a neuron; see ``SpikeRecord.to_neo``."""
    neo = load_package("neo", "neo", "SpikeRecord.to_neo")
    step = positive_time("dt", dt)
    populations = {"input": record.input} | dict(enumerate(record.layers))
    block = neo.Block(name="SpikeRecord")
    for sample in range(record.n_samples):
        segment = neo.Segment(name=f"sample {sample}", index=sample)
        for layer, batch in populations.items():
            for neuron in range(batch.n_neurons):
                times = batch.train(sample, neuron) * step
                train = neo.SpikeTrain(times, units="s", t_stop=record.n_steps * step, layer=layer, neuron=neuron)
                segment.spiketrains.append(train)
        block.segments.append(segment)
    return block
