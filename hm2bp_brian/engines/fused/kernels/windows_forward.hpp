// A convolution or pooling layer over the whole presentation, event driven: a presynaptic spike adds one row of c_out
// weights to each position whose window holds it (pooling: 1 to the neuron of its channel). The state of one sample's
// map stays in second-level cache.
#pragma once
#include <algorithm>
#include <memory>

#include "arguments.hpp"
#include "parallel.hpp"
#include "spike_lists.hpp"
#include "status.hpp"
#include "windows.hpp"

// Where one presynaptic neuron's spikes go: n_rows x n_columns positions.
struct Targets {
    int32_t n_rows, n_columns;
    int64_t lane, weights;  // of the first position; lanes rise from one to the next, weights fall
};

// From one position to the next: lanes of the map, and places in the kernel, which run against it.
struct Strides {
    int64_t stripe, row, weights_row, weights_column;

    Strides(const Windows &w, int64_t stripe)
        : stripe(stripe), row(w.columns * stripe), weights_row(w.stride * w.size * w.c_in * stripe),
          weights_column(w.stride * w.c_in * stripe) {}
};

struct WindowsPresentation : WindowsForward {
    Layout layout;
    Buffer padded;
    const scalar *kernel;  // channels padded to layout.stripe; null for pooling
    std::vector<Targets> targets;

    explicit WindowsPresentation(const WindowsForward &arguments)
        : WindowsForward(arguments), layout(windows.layout()), padded(windows.n_rows() * layout.stripe),
          kernel(weights ? padded.data : nullptr) {
        if (kernel) pad_channels(weights, windows.n_rows(), windows.c_out, layout.stripe, padded.data);
        find_targets();
    }

    void find_targets() {
        const Windows &w = windows;
        for (int64_t row = 0; row < w.height; row++)
            for (int64_t column = 0; column < w.width; column++)
                for (int64_t channel = 0; channel < w.c_in; channel++) {
                    int64_t top, bottom, left, right;
                    w.outputs_of(row, w.rows, top, bottom);
                    w.outputs_of(column, w.columns, left, right);
                    const int64_t y = row + w.padding - top * w.stride, x = column + w.padding - left * w.stride;
                    targets.push_back({int32_t(bottom - top + 1), int32_t(right - left + 1),
                                       (top * w.columns + left) * layout.stripe + (kernel ? 0 : channel),
                                       ((y * w.size + x) * w.c_in + channel) * layout.stripe});
                }
    }
};

// Adds the weights of one presynaptic spike to the map. SPAN: the stripe, or a part of it that divides it.
template <int SPAN>
static inline void deliver(const scalar *kernel, const Strides &by, const Targets &to, scalar *synaptic) {
    const int64_t stripe = SPAN < 64 ? SPAN : by.stripe;
    scalar *row = synaptic + to.lane;
    const scalar *weights = kernel + to.weights;
    for (int32_t y = 0; y < to.n_rows; y++, row += by.row, weights -= by.weights_row) {
        scalar *lane = row;
        const scalar *from = weights;
        for (int32_t x = 0; x < to.n_columns; x++, lane += stripe, from -= by.weights_column)
            for (int64_t piece = 0; piece < stripe; piece += SPAN) {
                auto *sum = reinterpret_cast<vector_t *>(lane + piece);
                const auto *added = reinterpret_cast<const vector_t *>(from + piece);
                for (int v = 0; v < SPAN / LANES; v++) sum[v] += added[v];
            }
    }
}

// The same for pooling, whose weights are 1.
static inline void deliver_ones(const Strides &by, const Targets &to, scalar *synaptic) {
    for (int32_t y = 0; y < to.n_rows; y++)
        for (int32_t x = 0; x < to.n_columns; x++) synaptic[to.lane + y * by.row + x * by.stripe] += 1;
}

// Which lanes of a tile fire in a step.
struct Firing {
    uint64_t lanes;
    int64_t tile;
};

// A map's neurons as each sample finds them.
struct MapAtStart {
    std::vector<Neurons<TILE>> tiles;
    std::vector<int32_t> neuron_of_lane;
    bool rests = true;  // while no spike comes

    MapAtStart(const WindowsPresentation &p, const NeuronConstants &common)
        : tiles(p.layout.n_tiles(TILE)), neuron_of_lane(tiles.size() * TILE) {
        Buffer synaptic(TILE);
        for (size_t k = 0; k < tiles.size(); k++) {
            tiles[k].load(p.arrays, p.layout, k, synaptic.data);
            rests = rests && tiles[k].rests(common);
        }
        for (size_t lane = 0; lane < neuron_of_lane.size(); lane++) neuron_of_lane[lane] = int32_t(p.layout.neuron(lane));
    }
};

// The state of one sample's map.
struct Map {
    const MapAtStart &at_start;
    std::vector<Neurons<TILE>> tiles;
    Buffer synaptic;
    std::vector<int64_t> awake;  // tiles that do not rest all the time, rising
    std::vector<Firing> firing;  // tiles with spikes in a step, and one more

    explicit Map(const MapAtStart &at_start)
        : at_start(at_start), tiles(at_start.tiles), synaptic(tiles.size() * TILE), firing(tiles.size() + 1) {
        for (size_t k = 0; k < tiles.size(); k++) tiles[k].synaptic = synaptic.data + k * TILE;
    }

    // Finds the tiles that any spike of a sample reaches, or all if they do not rest.
    void wake(const WindowsPresentation &p, int64_t sample) {
        std::vector<uint8_t> fires(p.targets.size()), reached(tiles.size(), !at_start.rests);
        const int64_t *offsets = p.pre_offsets + sample * p.n_steps;
        for (int64_t k = offsets[0]; k < offsets[p.n_steps]; k++) fires[p.pre_neurons[k]] = 1;
        const int64_t stripe = p.layout.stripe;
        for (size_t neuron = 0; neuron < fires.size(); neuron++) {
            if (!fires[neuron]) continue;
            const Targets &to = p.targets[neuron];
            for (int32_t row = 0; row < to.n_rows; row++) {
                const int64_t lane = to.lane + row * p.windows.columns * stripe, end = lane + to.n_columns * stripe;
                for (int64_t k = lane / TILE; k * TILE < end; k++) reached[k] = 1;
            }
        }
        awake.clear();
        for (size_t k = 0; k < tiles.size(); k++)
            if (reached[k]) awake.push_back(k);
    }
};

// Returns -1, or the first step with a non-finite state if check_each_step, or 0 if the state ended non-finite.
// spikes: the neurons, step after step; counts: how many in each step.
template <int SPAN>
static int64_t run_map(const WindowsPresentation &p, int64_t sample, Map &map, const NeuronConstants common,
                       std::vector<int32_t> &spikes, int64_t *counts, bool check_each_step) {
    auto &tiles = map.tiles;
    const Strides strides(p.windows, p.layout.stripe);
    spikes.clear();
    auto finite = [&] { return std::all_of(tiles.begin(), tiles.end(), [](auto &tile) { return tile.finite(); }); };
    for (auto &tile : tiles) tile.start();
    map.wake(p, sample);
    for (int64_t step = 0; step < p.n_steps; step++) {
        Firing *firing = map.firing.data();
        int64_t n_spikes = 0;
        for (int64_t k : map.awake) {
            const uint64_t lanes = tiles[k].update(common, step);
            *firing = {lanes, k};
            firing += lanes != 0;
            n_spikes += __builtin_popcountll(lanes);
        }
        const int64_t row = sample * p.n_steps + step;
        const int32_t *end = p.pre_neurons + p.pre_offsets[row + 1];
        for (const int32_t *spike = p.pre_neurons + p.pre_offsets[row]; spike != end; spike++)
            if (p.kernel)
                deliver<SPAN>(p.kernel, strides, p.targets[*spike], map.synaptic.data);
            else
                deliver_ones(strides, p.targets[*spike], map.synaptic.data);
        counts[step] = n_spikes;
        spikes.resize(spikes.size() + n_spikes);
        int32_t *out = spikes.data() + spikes.size() - n_spikes;
        firing = map.firing.data();
        // without a branch where a tile ends, which no processor foresees
        for (uint64_t rest = firing->lanes; n_spikes > 0; n_spikes--) {
            const int lane = __builtin_ctzll(rest);
            tiles[firing->tile].reset(common, lane);
            *out++ = map.at_start.neuron_of_lane[firing->tile * TILE + lane];
            rest &= rest - 1;
            firing += rest == 0;
            rest |= firing->lanes & -uint64_t(rest == 0);
        }
        if (check_each_step && !finite()) return step;
    }
    return finite() ? -1 : 0;
}

static std::unique_ptr<SpikeLists> forward_maps(const WindowsForward &arguments) {
    const WindowsPresentation p(arguments);
    const NeuronConstants common(p);
    const MapAtStart at_start(p, common);
    const int64_t span = p.layout.span();
    auto run = span == 16 ? run_map<16> : span == 32 ? run_map<32> : span == 48 ? run_map<48> : run_map<64>;
    FirstFailure first_failure;
    auto lists = std::make_unique<SpikeLists>(p.n_samples);
    const int64_t n_chunks = std::min(p.n_samples, WINDOWS_FORWARD_PARTS);
    parallel_for(n_chunks, p.threads, [&](int64_t chunk) {
        Map map(at_start);
        for (int64_t s = chunk * p.n_samples / n_chunks; s < (chunk + 1) * p.n_samples / n_chunks; s++) {
            auto run_sample = [&](bool check) {
                return run(p, s, map, common, (*lists)[s], p.counts + s * p.n_steps, check);
            };
            if (run_sample(false) < 0) continue;
            first_failure.report(s, p.n_steps, run_sample(true));
            return;
        }
    });
    first_failure.write(p.n_steps, p.failure);
    return lists;
}

extern "C" {

int windows_forward(const WindowsForward *arguments) {
    return status_of([=] { *arguments->spikes = forward_maps(*arguments).release(); });
}
}
