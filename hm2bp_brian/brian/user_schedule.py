"""In which order Brian2 runs the parts of a user's objects, which has to be that of a network here."""

from __future__ import annotations

from collections.abc import Iterable
from itertools import pairwise

from brian2 import BrianObject, SpikeGeneratorGroup
from brian2.groups.neurongroup import Resetter, StateUpdater, SubexpressionUpdater, Thresholder
from brian2.synapses.synapses import SynapticPathway

from hm2bp_brian.errors import ConfigurationError

STAGES = (SubexpressionUpdater, StateUpdater, Thresholder | SpikeGeneratorGroup, SynapticPathway, Resetter)


def run_order(objects: Iterable[BrianObject], schedule: list[str]) -> list[BrianObject]:
    """The parts of groups and Synapses in the order in which Brian2 runs them in each step.

    Raises
    ------
    ConfigurationError
        If Brian2 leaves one out, or runs them in another order than equations, thresholds, synapses, resets.
    """
    slots = [f"{side}{slot}" for slot in schedule for side in ("before_", "", "after_")]
    parts = [part for one in objects for part in (one, *one.contained_objects)]
    for part in parts:
        if not part.active:
            raise ConfigurationError(
                f"'{part.name}' is inactive: Brian2 does not run it, and a network here would; set its active "
                "to True, or give a list of objects without it"
            )
        if part.when not in slots:  # Brian2 itself would say so at its run only
            raise ConfigurationError(
                f"'{part.name}' has when='{part.when}', and the schedule only {', '.join(schedule)}"
            )
    parts = [part for part in parts if _stage(part) is not None]
    parts.sort(key=lambda part: (slots.index(part.when), part.order, part.name))
    for first, then in pairwise(parts):
        if _stage(first) > _stage(then):
            raise ConfigurationError(
                f"Brian2 runs '{first.name}' (when='{first.when}') before '{then.name}' (when='{then.when}'), and a "
                "network here has in each step all equations, then thresholds, synapses and resets: leave when= of "
                f"both, and the schedule ({', '.join(schedule)}), as Brian2 has them"
            )
    return parts


def _stage(part: BrianObject) -> int | None:
    return next((number for number, kind in enumerate(STAGES) if isinstance(part, kind)), None)
