// One population for the kernels of a graph, which know nothing of its neurons' equations: they call these functions,
// a step at a time forwards, a tile at a time backwards. Neurons<W> is generated from the equations.
#pragma once
#include "adjoint.hpp"
#include "arguments.hpp"
#include "graph.hpp"
#include "tile.hpp"
#include "trajectory.hpp"

static inline Layout population_layout(int64_t n_neurons) {
    return Layout{1, n_neurons, (n_neurons + TILE - 1) / TILE * TILE};
}

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

// Of each receptor, as its variable is the last one of its matrices; along trajectories the first is all.
struct PopulationAdjoint {
    std::vector<int64_t> variables;
    std::vector<PostLayer> layers;
    std::vector<PostTiles<TILE, N_VARIABLES>> tiles;

    explicit PopulationAdjoint(const GraphPopulation &p) : variables(p.receptors, p.receptors + p.n_receptors) {
        for (int64_t r = 0; r < (ALONG_TRAJECTORY ? 1 : p.n_receptors); r++) {
            layers.emplace_back(p.trains[r], p.n_neurons, population_layout(p.n_neurons));
            tiles.emplace_back(layers.back());
        }
    }
};

template <int W>
static void adjoint_of_receptors(const PopulationAdjoint &a, int64_t sample, int64_t tile, const scalar *const *added,
                                 scalar *const *q, scalar *counts, scalar *start) {
    AdjointScratch<W, W> scratch(a.layers[0]);
    if constexpr (ALONG_TRAJECTORY) {
        std::vector<TileReceptor> receptors;
        for (size_t r = 0; r < a.variables.size(); r++) receptors.push_back({a.variables[r], added[r], q[r]});
        scratch.adjoint(sample, tile, a.tiles[0].neuron(tile), receptors, counts, start);
    } else {
        for (size_t r = 0; r < a.variables.size(); r++)
            adjoint<W, W, N_VARIABLES>(a.layers[r], sample, a.tiles[r], tile, scratch, q[r], counts, r ? nullptr : start);
    }
}

extern "C" {

void *population_new(const Forward *forward, int64_t n_neurons) { return new PopulationState(*forward, n_neurons); }

void population_receptor(PopulationState *state, int64_t variable, Receptor *receptor) {
    receptor->first = state->tiles[0].variable(variable);
    receptor->stride = state->tiles.size() < 2 ? TILE : state->tiles[1].variable(variable) - receptor->first;
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

void *population_adjoint_new(const GraphPopulation *population) { return new PopulationAdjoint(*population); }

void population_adjoint_free(PopulationAdjoint *adjoint) { delete adjoint; }

// Of one tile in one sample, what spikes `added` (n_steps, TILE) to each receptor given: spike counts, q (n_steps, TILE) of each
// receptor, and, if wanted, the effect of the state at the start (N_VARIABLES, TILE).
void population_adjoint(const PopulationAdjoint *a, int64_t sample, int64_t tile, const scalar *const *added,
                        scalar *const *q, scalar *counts, scalar *start) {
    adjoint_of_receptors<TILE>(*a, sample, tile, added, q, counts, start);
}
}
