// A dense layer over the whole presentation, tile by tile: state update, threshold, synapses, reset, as in Brian2.
// Neurons<W>, the tile's state with update(), threshold() and reset(), is generated from the neuron's equations.
#pragma once
#include "arguments.hpp"
#include "packed_tiles.hpp"
#include "parallel.hpp"
#include "status.hpp"
#include "tile.hpp"

// One sample through tiles [first_tile, last_tile); lateral inhibition ties all tiles of a layer together.
// Returns -1, or the first step with a non-finite state if check_each_step, or 0 if the state ended non-finite.
template <int W>
static int64_t run_sample(const DenseForward &p, int64_t sample, Neurons<W> *tiles, int64_t first_tile,
                          int64_t last_tile, const scalar *packed, const NeuronConstants common, scalar lateral,
                          bool check_each_step) {
    const int64_t n_tiles = last_tile - first_tile;
    // which of a tile's neurons fire in a step
    auto fired = [&](int64_t k, int64_t step) -> uint64_t & {
        return p.bits[((first_tile + k) * p.n_samples + sample) * p.n_steps + step];
    };
    for (int64_t k = 0; k < n_tiles; k++) tiles[k].start();
    for (int64_t step = 0; step < p.n_steps; step++) {
        const int64_t row = sample * p.n_steps + step;
        bool any_fired = false;
        for (int64_t k = 0; k < n_tiles; k++) {
            fired(k, step) = tiles[k].update(common, step);
            any_fired |= fired(k, step) != 0;
        }
        const int32_t *spike = p.pre_neurons + p.pre_offsets[row];
        const int32_t *last = p.pre_neurons + p.pre_offsets[row + 1];
        for (int64_t k = 0; k < n_tiles && spike != last; k++) {
            auto *synaptic = reinterpret_cast<vector_t *>(tiles[k].synaptic);
            vector_t sums[W / LANES];
            for (int v = 0; v < W / LANES; v++) sums[v] = synaptic[v];
            for (const int32_t *s = spike; s != last; s++) {
                const vector_t *row_of_weights = reinterpret_cast<const vector_t *>(packed + (k * p.n_pre + *s) * W);
                for (int v = 0; v < W / LANES; v++) sums[v] += row_of_weights[v];
            }
            for (int v = 0; v < W / LANES; v++) synaptic[v] = sums[v];
        }
        if (any_fired && lateral != 0)
            for (int64_t source = 0; source < n_tiles; source++)
                for (uint64_t rest = fired(source, step); rest; rest &= rest - 1)
                    for (int64_t k = 0; k < n_tiles; k++)
                        for (int lane = 0; lane < W; lane++)
                            if (k != source || lane != __builtin_ctzll(rest))
                                tiles[k].synaptic[lane] += -lateral;
        if (any_fired)
            for (int64_t k = 0; k < n_tiles; k++)
                for (uint64_t rest = fired(k, step); rest; rest &= rest - 1)
                    tiles[k].reset(common, __builtin_ctzll(rest));
        if (check_each_step)
            for (int64_t k = 0; k < n_tiles; k++)
                if (!tiles[k].finite()) return step;
    }
    for (int64_t k = 0; k < n_tiles; k++)
        if (!tiles[k].finite()) return 0;
    return -1;
}

template <int W>
static void forward(const DenseForward &p) {
    const Layout layout = dense_layout(p.n_post);
    const int64_t n_tiles = layout.n_tiles(W);
    const int64_t tiles_per_unit = p.lateral_inhibition != 0 ? n_tiles : 1;
    const int64_t n_groups = n_tiles / tiles_per_unit;
    const int64_t wanted = (DENSE_FORWARD_PARTS + n_groups - 1) / n_groups;
    const int64_t n_chunks = p.n_samples < wanted ? p.n_samples : wanted;
    const NeuronConstants common(p);
    const PackedTiles<W> weights(p.weights, p.n_pre, p.n_post, n_tiles, p.threads);
    FirstFailure first_failure;
    parallel_for(n_groups * n_chunks, p.threads, [&](int64_t unit) {
        const int64_t first_tile = (unit / n_chunks) * tiles_per_unit, chunk = unit % n_chunks;
        const int64_t last_tile = first_tile + tiles_per_unit;
        std::vector<Neurons<W>> tiles(tiles_per_unit);
        Buffer synaptic(tiles_per_unit * W);
        for (int64_t k = 0; k < tiles_per_unit; k++)
            tiles[k].load(p.arrays, layout, first_tile + k, synaptic.data + k * W);
        for (int64_t s = chunk * p.n_samples / n_chunks; s < (chunk + 1) * p.n_samples / n_chunks; s++) {
            auto run = [&](bool check) {
                return run_sample<W>(p, s, tiles.data(), first_tile, last_tile, weights.tile(first_tile), common,
                                     scalar(p.lateral_inhibition), check);
            };
            if (run(false) >= 0) {
                first_failure.report(s, p.n_steps, run(true));
                return;
            }
            for (int64_t tile = first_tile; tile < last_tile; tile++) {
                const uint64_t *words = p.bits + (tile * p.n_samples + s) * p.n_steps;
                int64_t &count = p.counts[tile * p.n_samples + s] = 0;
                for (int64_t step = 0; step < p.n_steps; step++) count += __builtin_popcountll(words[step]);
            }
        }
    });
    first_failure.write(p.n_steps, p.failure);
}

extern "C" int dense_forward(const DenseForward *arguments) {
    return status_of([=] {
        auto run = dense_width(arguments->n_post) == NARROW_TILE ? forward<NARROW_TILE> : forward<TILE>;
        run(*arguments);
    });
}
