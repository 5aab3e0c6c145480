// What the adjoint of a tile of a population needs, and what it finds.
#pragma once
#include <memory>

#include "tile_links.hpp"

struct TileReceptors {
    std::vector<std::unique_ptr<TileQ>> q;          // of each receptor
    std::vector<std::unique_ptr<Buffer>> added;     // of each receptor (n_steps, TILE); none unless along a trajectory
    std::vector<const scalar *> from;               // where these are, for the adjoint
    std::vector<scalar *> to;
    Buffer start;  // (n_variables, TILE), effect of the state at the start

    TileReceptors(const GraphPopulation &population, int64_t n_steps, int64_t longest_delay)
        : start(population.n_variables * TILE) {
        for (int64_t r = 0; r < population.n_receptors; r++) {
            q.push_back(std::make_unique<TileQ>(n_steps, longest_delay));
            to.push_back(q.back()->first_step());
            if (!population.along_trajectory) continue;
            added.push_back(std::make_unique<Buffer>(n_steps * TILE));
            from.push_back(added.back()->data);
        }
    }

    void set(const GraphPopulation &population, const void *adjoint, int64_t sample, int64_t tile, scalar *counts) {
        population.calls.adjoint(adjoint, sample, tile, from.data(), to.data(), counts,
                                 population.n_learned ? start.data : nullptr);
        for (auto &one : q) one->extend();
    }

    // Adds what a projection's spikes put into the tile in each step.
    void add_spikes(const GraphProjection &p, int64_t sample, int64_t tile, int64_t n_steps) {
        const int64_t first = tile * TILE, n = std::min<int64_t>(TILE, p.n_post - first);
        scalar *out = added[p.receptor]->data;
        auto each_spike = [&](int64_t pre, int64_t delay, auto visit) {
            const int64_t *train = p.trains + sample * p.n_pre + pre;
            for (int64_t k = train[0]; k < train[1]; k++)
                if (p.steps[k] + delay < n_steps) visit(out + (p.steps[k] + delay) * TILE);
        };
        if (!p.starts)
            for (int64_t pre = 0; pre < p.n_pre; pre++)
                each_spike(pre, p.delay, [&](scalar *row) {
                    for (int64_t lane = 0; lane < n; lane++) row[lane] += p.weights[pre * p.n_post + first + lane];
                });
        else
            for (int64_t lane = 0; lane < n; lane++)
                for (int64_t c = p.starts[first + lane]; c < p.starts[first + lane + 1]; c++)
                    each_spike(p.partners[c], p.delays ? p.delays[c] : p.delay,
                               [&](scalar *row) { row[lane] += p.weights[c]; });
    }
};
