// A convolution or pooling layer over the whole presentation, event driven: a presynaptic spike adds one row of c_out
// weights to each position whose window holds it (pooling: 1 to the neuron of its channel).
#pragma once
#include <new>

#include "parallel.hpp"
#include "windows.hpp"

constexpr int TILE = 64;

struct WindowsPresentation {
    const int32_t *pre_neurons;  // spikes of each step, rising
    const int64_t *pre_offsets;  // (n_samples * n_steps + 1)
    int64_t n_samples, n_steps;
    Windows windows;
    Layout layout;
    const scalar *kernel;  // channels padded to layout.stripe; null for pooling
};

static inline void deliver(const WindowsPresentation &p, int32_t pre, Neurons<TILE> *tiles) {
    const Windows &w = p.windows;
    const int64_t channel = pre % w.c_in, column = pre / w.c_in % w.width, row = pre / (w.c_in * w.width);
    int64_t first_row, last_row, first_column, last_column;
    w.outputs_of(row, w.rows, first_row, last_row);
    w.outputs_of(column, w.columns, first_column, last_column);
    for (int64_t y = first_row; y <= last_row; y++)
        for (int64_t x = first_column; x <= last_column; x++) {
            const int64_t lane = (y * w.columns + x) * p.layout.stripe;
            if (!p.kernel) {
                tiles[(lane + channel) / TILE].SYNAPTIC[(lane + channel) % TILE] += 1;
                continue;
            }
            const int64_t in_window = (row + w.padding - y * w.stride) * w.size + column + w.padding - x * w.stride;
            const scalar *weights = p.kernel + (in_window * w.c_in + channel) * p.layout.stripe;
            for (int64_t done = 0; done < p.layout.stripe; done += LANES) {
                auto *to = reinterpret_cast<vector_t *>(tiles[(lane + done) / TILE].SYNAPTIC + (lane + done) % TILE);
                *to += *reinterpret_cast<const vector_t *>(weights + done);
            }
        }
}

// Returns -1, or the first step with a non-finite state if check_each_step, or 0 if the state ended non-finite.
static int64_t run_map(const WindowsPresentation &p, int64_t sample, std::vector<Neurons<TILE>> &tiles, double dt,
                       uint64_t *bits, bool check_each_step) {
    for (auto &tile : tiles) tile.start();
    for (int64_t step = 0; step < p.n_steps; step++) {
        const int64_t row = sample * p.n_steps + step;
        uint64_t *fired = bits + row * tiles.size();
        for (size_t k = 0; k < tiles.size(); k++) {
            tiles[k].update(step * dt);
            fired[k] = tiles[k].threshold();
        }
        for (int64_t s = p.pre_offsets[row]; s < p.pre_offsets[row + 1]; s++) deliver(p, p.pre_neurons[s], tiles.data());
        for (size_t k = 0; k < tiles.size(); k++)
            for (uint64_t rest = fired[k]; rest; rest &= rest - 1) tiles[k].reset(__builtin_ctzll(rest));
        if (check_each_step)
            for (auto &tile : tiles)
                if (!tile.finite()) return step;
    }
    for (auto &tile : tiles)
        if (!tile.finite()) return 0;
    return -1;
}

// bits: (n_samples, n_steps, n_tiles), lanes as in the layout. failure: sample and step of a non-finite state, or -1.
extern "C" void windows_forward(const int32_t *pre_neurons, const int64_t *pre_offsets, int64_t n_samples,
                                int64_t n_steps, const int64_t *geometry, const scalar *kernel,
                                const void *const *arrays, const double *constants, double dt, uint64_t *bits,
                                int64_t *failure, int threads) {
    Windows w;
    memcpy(&w, geometry, sizeof w);
    const Layout layout = w.layout();
    const int64_t n_rows = w.size * w.size * w.c_in;
    Buffer padded(n_rows * layout.stripe);
    if (kernel) pad_channels(kernel, n_rows, w.c_out, layout.stripe, padded.data);
    const WindowsPresentation p{pre_neurons, pre_offsets, n_samples, n_steps, w, layout, kernel ? padded.data : nullptr};
    std::atomic<int64_t> first_failure{INT64_MAX};
    const int64_t n_chunks = n_samples < 32 ? n_samples : 32;
    parallel_for(n_chunks, threads, [&](int64_t chunk) {
        std::vector<Neurons<TILE>> tiles(layout.n_tiles(TILE));
        for (size_t k = 0; k < tiles.size(); k++) tiles[k].load(arrays, constants, dt, layout, k);
        for (int64_t s = chunk * n_samples / n_chunks; s < (chunk + 1) * n_samples / n_chunks; s++) {
            if (run_map(p, s, tiles, dt, bits, false) < 0) continue;
            const int64_t key = s * n_steps + run_map(p, s, tiles, dt, bits, true);
            int64_t seen = first_failure.load();
            while (key < seen && !first_failure.compare_exchange_weak(seen, key)) {}
            return;
        }
    });
    const bool failed = first_failure.load() != INT64_MAX;
    failure[0] = failed ? first_failure.load() / n_steps : -1;
    failure[1] = failed ? first_failure.load() % n_steps : -1;
}
