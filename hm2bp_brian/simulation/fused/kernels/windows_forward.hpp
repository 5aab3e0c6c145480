// A convolution or pooling layer over the whole presentation, event driven: a presynaptic spike adds one row of c_out
// weights to each position whose window holds it (pooling: 1 to the neuron of its channel). The map is cut into bands of
// tiles that fit in first-level cache; a band is run over all steps before the next one starts.
#pragma once
#include <algorithm>
#include <new>

#include "parallel.hpp"
#include "windows.hpp"

constexpr int TILE = 64;
constexpr int64_t TILES_PER_BAND = 12;

struct WindowsPresentation {
    const int32_t *pre_neurons;  // spikes of each step, rising
    const int64_t *pre_offsets;  // (n_samples * n_steps + 1)
    int64_t n_samples, n_steps;
    Windows windows;
    Layout layout;
    const scalar *kernel;  // channels padded to layout.stripe; null for pooling
};

// Tiles [first, last) of a sample's map, and the presynaptic neurons [first_pre, last_pre) that reach them.
struct Band {
    Neurons<TILE> *tiles;  // tile `first`
    int64_t first, last, first_pre, last_pre;

    Band(const WindowsPresentation &p, std::vector<Neurons<TILE>> &all, int64_t first_tile)
        : tiles(all.data() + first_tile), first(first_tile) {
        const Windows &w = p.windows;
        last = std::min(first + TILES_PER_BAND, int64_t(all.size()));
        const int64_t top = first * TILE / p.layout.stripe / w.columns;
        const int64_t bottom = std::min((last * TILE - 1) / p.layout.stripe / w.columns, w.rows - 1);
        const int64_t row = w.c_in * w.width;
        first_pre = std::max(top * w.stride - w.padding, int64_t(0)) * row;
        last_pre = std::min(bottom * w.stride - w.padding + w.size, w.height) * row;
    }
};

// Adds one row of weights to a position, in pieces of SPAN channels that each lie in one tile; those outside of the
// band are left out. lane: the position's first, counted from the band's first; negative before the band.
template <int SPAN>
static inline void add_row(const scalar *weights, int64_t lane, int64_t stripe, const Band &band) {
    for (int64_t piece = 0; piece < stripe; piece += SPAN) {
        const int64_t tile = (lane + piece) >> 6;
        if (tile < 0 || tile >= band.last - band.first) continue;
        auto *to = reinterpret_cast<vector_t *>(band.tiles[tile].SYNAPTIC + ((lane + piece) & (TILE - 1)));
        const auto *from = reinterpret_cast<const vector_t *>(weights + piece);
        for (int v = 0; v < SPAN / LANES; v++) to[v] += from[v];
    }
}

template <int SPAN>
static inline void deliver(const WindowsPresentation &p, int32_t pre, const Band &band) {
    const Windows &w = p.windows;
    const int64_t channel = pre % w.c_in, column = pre / w.c_in % w.width, row = pre / (w.c_in * w.width);
    int64_t first_row, last_row, first_column, last_column;
    w.outputs_of(row, w.rows, first_row, last_row);
    w.outputs_of(column, w.columns, first_column, last_column);
    for (int64_t y = first_row; y <= last_row; y++)
        for (int64_t x = first_column; x <= last_column; x++) {
            const int64_t lane = (y * w.columns + x) * p.layout.stripe - band.first * TILE;
            if (p.kernel) {
                const int64_t in_window = (row + w.padding - y * w.stride) * w.size + column + w.padding - x * w.stride;
                const scalar *weights = p.kernel + (in_window * w.c_in + channel) * p.layout.stripe;
                add_row<SPAN>(weights, lane, p.layout.stripe, band);
            } else {
                const int64_t tile = (lane + channel) >> 6;
                if (tile >= 0 && tile < band.last - band.first)
                    band.tiles[tile].SYNAPTIC[(lane + channel) & (TILE - 1)] += 1;
            }
        }
}

// Returns -1, or the first step with a non-finite state if check_each_step, or 0 if the state ended non-finite.
template <int SPAN>
static int64_t run_band(const WindowsPresentation &p, int64_t sample, const Band &band, const NeuronConstants common,
                        uint64_t *bits, bool check_each_step) {
    const int64_t n_tiles = band.last - band.first, all_tiles = p.layout.n_tiles(TILE);
    auto finite = [&] { return std::all_of(band.tiles, band.tiles + n_tiles, [](auto &tile) { return tile.finite(); }); };
    for (int64_t k = 0; k < n_tiles; k++) band.tiles[k].start();
    for (int64_t step = 0; step < p.n_steps; step++) {
        const int64_t row = sample * p.n_steps + step;
        uint64_t *fired = bits + row * all_tiles + band.first;
        for (int64_t k = 0; k < n_tiles; k++) {
            band.tiles[k].update(common, step);
            fired[k] = band.tiles[k].threshold(common);
        }
        const int32_t *end = p.pre_neurons + p.pre_offsets[row + 1];
        const int32_t *spike = std::lower_bound(p.pre_neurons + p.pre_offsets[row], end, band.first_pre);
        for (; spike != end && *spike < band.last_pre; spike++) deliver<SPAN>(p, *spike, band);
        for (int64_t k = 0; k < n_tiles; k++)
            for (uint64_t rest = fired[k]; rest; rest &= rest - 1) band.tiles[k].reset(common, __builtin_ctzll(rest));
        if (check_each_step && !finite()) return step;
    }
    return finite() ? -1 : 0;
}

// The earliest step of a sample in which a state is not finite, or -1.
template <int SPAN>
static int64_t run_map(const WindowsPresentation &p, int64_t sample, std::vector<Neurons<TILE>> &tiles,
                       const NeuronConstants &common, uint64_t *bits) {
    int64_t failed = -1;
    for (int64_t first = 0; first < int64_t(tiles.size()); first += TILES_PER_BAND) {
        const Band band(p, tiles, first);
        if (run_band<SPAN>(p, sample, band, common, bits, false) < 0) continue;
        const int64_t step = run_band<SPAN>(p, sample, band, common, bits, true);
        failed = failed < 0 ? step : std::min(failed, step);
    }
    return failed;
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
    auto run = layout.stripe == 16 ? run_map<16> : layout.stripe == 32 ? run_map<32> : run_map<64>;
    FirstFailure first_failure;
    const int64_t n_chunks = n_samples < 32 ? n_samples : 32;
    parallel_for(n_chunks, threads, [&](int64_t chunk) {
        std::vector<Neurons<TILE>> tiles(layout.n_tiles(TILE));
        for (size_t k = 0; k < tiles.size(); k++) tiles[k].load(arrays, layout, k);
        for (int64_t s = chunk * n_samples / n_chunks; s < (chunk + 1) * n_samples / n_chunks; s++) {
            const int64_t step = run(p, s, tiles, NeuronConstants(constants, dt), bits);
            if (step < 0) continue;
            first_failure.report(s, n_steps, step);
            return;
        }
    });
    first_failure.write(n_steps, failure);
}
