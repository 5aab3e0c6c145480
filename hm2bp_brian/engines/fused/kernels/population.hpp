// One population for the kernels of a graph, which know nothing of its neurons' equations: they call these functions,
// a step at a time forwards, a tile at a time backwards. Neurons<W> is generated from the equations.
#pragma once
#include "adjoint.hpp"
#include "arguments.hpp"
#include "graph.hpp"
#include "tile.hpp"

static inline Layout population_layout(int64_t n_neurons) {
    return Layout{1, n_neurons, (n_neurons + TILE - 1) / TILE * TILE};
}

// One of the neurons' variables, in a tile; Python writes it.
static scalar *variable_of(Neurons<TILE> &tile, int64_t number);

struct PopulationState {
    NeuronConstants common;
    Buffer synaptic;
    std::vector<Neurons<TILE>> tiles;

    PopulationState(const Forward &forward, int64_t n_neurons)
        : common(forward), synaptic(population_layout(n_neurons).stripe), tiles(population_layout(n_neurons).n_tiles(TILE)) {
        for (size_t k = 0; k < tiles.size(); k++)
            tiles[k].load(forward.arrays, population_layout(n_neurons), k, synaptic.data + k * TILE);
    }
};

struct PopulationAdjoint {
    PostLayer layer;
    PostTiles<TILE, N_VARIABLES> tiles;

    PopulationAdjoint(const LayerTrains &trains, int64_t n_neurons)
        : layer(trains, n_neurons, population_layout(n_neurons)), tiles(layer) {}
};

extern "C" {

void *population_new(const Forward *forward, int64_t n_neurons) { return new PopulationState(*forward, n_neurons); }

void population_receptor(PopulationState *state, int64_t variable, Receptor *receptor) {
    receptor->first = variable_of(state->tiles[0], variable);
    receptor->stride = state->tiles.size() < 2 ? TILE : variable_of(state->tiles[1], variable) - receptor->first;
}

void population_free(PopulationState *state) { delete state; }

void population_start(PopulationState *state) {
    for (auto &tile : state->tiles) tile.start();
}

// One step up to the threshold; writes the neurons that fire, rising, and returns how many.
int64_t population_update(PopulationState *state, int64_t step, int32_t *fired) {
    int64_t n_fired = 0;
    for (size_t k = 0; k < state->tiles.size(); k++)
        for (uint64_t lanes = state->tiles[k].update(state->common, step); lanes; lanes &= lanes - 1)
            fired[n_fired++] = int32_t(k * TILE + __builtin_ctzll(lanes));
    return n_fired;
}

void population_reset(PopulationState *state, const int32_t *fired, int64_t n_fired) {
    for (int64_t k = 0; k < n_fired; k++) state->tiles[fired[k] / TILE].reset(state->common, fired[k] % TILE);
}

int population_finite(const PopulationState *state) {
    return std::all_of(state->tiles.begin(), state->tiles.end(), [](auto &tile) { return tile.finite(); });
}

void *population_adjoint_new(const LayerTrains *trains, int64_t n_neurons) {
    return new PopulationAdjoint(*trains, n_neurons);
}

void population_adjoint_free(PopulationAdjoint *adjoint) { delete adjoint; }

// Spike counts of one tile in one sample, and its q (n_steps, TILE).
void population_adjoint(const PopulationAdjoint *a, int64_t sample, int64_t tile, scalar *q, scalar *counts) {
    Phases<TILE> phases(a->layer.n_steps);
    adjoint<TILE, TILE, N_VARIABLES>(a->layer, sample, a->tiles, tile, phases, q, counts);
}
}
