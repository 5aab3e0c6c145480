// How the spikes of each sample, which a kernel kept as lists, leave it.
#pragma once
#include <algorithm>

#include "arguments.hpp"

extern "C" {

// Copies the spikes of all samples behind each other.
void take_spikes(const SpikeLists *lists, int32_t *neurons) {
    for (const auto &list : *lists) neurons = std::copy(list.begin(), list.end(), neurons);
}

void free_spikes(SpikeLists *lists) { delete lists; }
}
