"""A record as a Neo block, the form in which Elephant analyses spikes; and trials from Neo's segments."""

from __future__ import annotations

import numpy as np
from brian2 import second

from hm2bp_brian.datasets.spike_times import classes_of
from hm2bp_brian.errors import ExchangeError, UnknownNameError
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


def trials_of_neo(data, labels) -> tuple[list, np.ndarray]:
    """Spike times of each trial and neuron, and labels; see ``SpikeDataset.from_neo``."""
    neo = load_package("neo", "neo", "SpikeDataset.from_neo")
    segments = []
    for part in [data] if isinstance(data, neo.Block | neo.Segment) else data:
        if not isinstance(part, neo.Block | neo.Segment):
            raise ExchangeError(f"expected Neo's Blocks or Segments, found {type(part).__name__}")
        segments += part.segments if isinstance(part, neo.Block) else [part]
    if isinstance(labels, str):
        labels = classes_of([_annotation(segment, labels, number) for number, segment in enumerate(segments)])
    return [_spike_times(segment) for segment in segments], labels


def _spike_times(segment) -> list:
    """Times of each train from the earliest begin of all."""
    trains = segment.spiketrains
    begin = min((float(train.t_start.rescale("s")) for train in trains), default=0.0)
    return [(train.rescale("s").magnitude - begin) * second for train in trains]


def _annotation(segment, name: str, number: int):
    if name not in segment.annotations:
        raise UnknownNameError(f"annotation of segment {number}", name, segment.annotations)
    return segment.annotations[name]
