// HM2-BP through a dense layer by the adjoint: q(t) of a tile backwards over time, then one presynaptic train at a time
// gives S-PSPs, T-PSP, gradient and delta. learning/gradients.py has the same with names and equation numbers.
#pragma once
#include <new>

#include "adjoint.hpp"
#include "parallel.hpp"
#include "post_neurons.hpp"

struct Backward {
    const int32_t *pre_steps;  // steps of each presynaptic neuron's spikes, rising
    const int64_t *pre_trains;  // (n_samples * n_pre + 1)
    PostLayer post;
    int64_t n_samples, n_steps, n_pre, n_post;
    const scalar *weights;  // (n_pre, n_post)
    double v_th, v_th_pre;
    const scalar *delta, *factor;  // (n_samples, n_post)
    Silence silence;
};

// Per-lane numbers of one tile, the same for all samples.
template <int W>
struct BackwardTile {
    int64_t number;
    Buffer weights;
    alignas(64) scalar weight_sum[W];

    BackwardTile(const Backward &b, int64_t number) : number(number), weights(b.n_pre * W) {
        pack_tile<W>(b.weights, b.n_pre, b.n_post, number, weights.data);
        for (int lane = 0; lane < W; lane++) weight_sum[lane] = 0;
        for (int64_t pre = 0; pre < b.n_pre; pre++)
            for (int lane = 0; lane < W; lane++) weight_sum[lane] += weights.data[pre * W + lane];
    }
};

// Scratch memory of one thread at work.
template <int W>
struct BackwardScratch {
    Buffer q, spsp;
    Phases<W> phases;
    explicit BackwardScratch(const Backward &b) : q(b.n_steps * W), spsp(b.n_pre * W), phases(b.n_steps) {}
};

// Adds one sample to the tile's gradient (n_pre, W), and writes the tile's part of delta_pre (n_pre), if wanted.
template <int W, int K>
static void backward_sample(const Backward &b, int64_t sample, const PostTiles<W, K> &tiles, const BackwardTile<W> &tile,
                            BackwardScratch<W> &scratch, scalar *gradient, scalar *delta_pre) {
    const scalar *weights = tile.weights.data;
    scalar *q = scratch.q.data, *spsp = scratch.spsp.data;
    alignas(64) scalar counts[W], delta[W], factor[W];
    adjoint<W, W, K>(b.post, sample, tiles, tile.number, scratch.phases, q, counts);
    alignas(64) scalar tpsp[W] = {};
    const int64_t *trains = b.pre_trains + sample * b.n_pre;
    for (int64_t pre = 0; pre < b.n_pre; pre++) {
        if (trains[pre] == trains[pre + 1]) continue;
        sum_over_train<W>(q, b.pre_steps + trains[pre], b.pre_steps + trains[pre + 1], spsp + pre * W);
        for (int lane = 0; lane < W; lane++) tpsp[lane] += weights[pre * W + lane] * spsp[pre * W + lane];
    }
    for (int lane = 0; lane < W; lane++) {
        const int64_t neuron = tiles.neuron(tile.number)[lane], index = sample * b.n_post + neuron;
        delta[lane] = neuron < 0 ? 0 : b.delta[index];
        factor[lane] = neuron < 0 ? 0 : b.factor[index];
    }
    const PostNeurons<W> post(counts, delta, factor, tpsp, tile.weight_sum, b.v_th, b.silence);
    for (int64_t pre = 0; pre < b.n_pre; pre++) {
        const scalar *e = spsp + pre * W;
        const int64_t count = trains[pre + 1] - trains[pre];
        if (count) post.add_gradient(e, gradient + pre * W);
        if (delta_pre) delta_pre[pre] = post.delta_before(weights + pre * W, e, count) / scalar(b.v_th_pre);
    }
}

// gradient: (n_pre, n_post), summed over samples. delta_pre: (n_samples, n_pre) or null.
template <int W, int K>
static void backward(const Backward &b, scalar *gradient, scalar *delta_pre, int threads) {
    const int64_t n_tiles = b.post.layout.n_tiles(W);
    const int64_t wanted = (32 + n_tiles - 1) / n_tiles;
    const int64_t n_chunks = b.n_samples < wanted ? b.n_samples : wanted;
    const PostTiles<W, K> tiles(b.post);
    Buffer partial(n_tiles * n_chunks * b.n_pre * W);
    Buffer partial_delta(delta_pre ? n_tiles * b.n_samples * b.n_pre : 0);
    parallel_for(n_tiles * n_chunks, threads, [&](int64_t unit) {
        const int64_t tile_number = unit / n_chunks, chunk = unit % n_chunks;
        const BackwardTile<W> tile(b, tile_number);
        BackwardScratch<W> scratch(b);
        scalar *sum = partial.data + unit * b.n_pre * W;
        memset(sum, 0, b.n_pre * W * sizeof(scalar));
        for (int64_t s = chunk * b.n_samples / n_chunks; s < (chunk + 1) * b.n_samples / n_chunks; s++) {
            scalar *row = delta_pre ? partial_delta.data + (tile_number * b.n_samples + s) * b.n_pre : nullptr;
            bool any = false;  // a sample within the loss's margin has no deltas
            for (int64_t i = 0; i < b.n_post; i++) any |= b.delta[s * b.n_post + i] != 0;
            if (any)
                backward_sample<W, K>(b, s, tiles, tile, scratch, sum, row);
            else if (row)
                memset(row, 0, b.n_pre * sizeof(scalar));
        }
    });
    auto add_gradients = [&](int64_t pre) {
        for (int64_t tile = 0; tile < n_tiles; tile++) {
            alignas(64) scalar sums[W] = {};
            for (int64_t chunk = 0; chunk < n_chunks; chunk++)
                for (int lane = 0; lane < W; lane++)
                    sums[lane] += partial.data[((tile * n_chunks + chunk) * b.n_pre + pre) * W + lane];
            const int64_t n_lanes = b.n_post - tile * W < W ? b.n_post - tile * W : W;
            memcpy(gradient + pre * b.n_post + tile * W, sums, n_lanes * sizeof(scalar));
        }
    };
    auto add_deltas = [&](int64_t sample) {
        for (int64_t pre = 0; pre < b.n_pre; pre++) {
            scalar sum = 0;
            for (int64_t tile = 0; tile < n_tiles; tile++)
                sum += partial_delta.data[(tile * b.n_samples + sample) * b.n_pre + pre];
            delta_pre[sample * b.n_pre + pre] = sum;
        }
    };
    const int64_t block = 64, n_blocks = (b.n_pre + block - 1) / block;
    parallel_for(n_blocks + (delta_pre ? b.n_samples : 0), threads, [&](int64_t unit) {
        if (unit >= n_blocks) return add_deltas(unit - n_blocks);
        for (int64_t pre = unit * block; pre < b.n_pre && pre < (unit + 1) * block; pre++) add_gradients(pre);
    });
}

// The layer's S-PSPs themselves: spsp (n_samples, n_pre, n_post).
template <int W, int K>
static void all_spsps(const Backward &b, scalar *spsp, int threads) {
    const PostTiles<W, K> tiles(b.post);
    parallel_for(tiles.n_tiles() * b.n_samples, threads, [&](int64_t unit) {
        const int64_t sample = unit / tiles.n_tiles(), tile = unit % tiles.n_tiles();
        BackwardScratch<W> scratch(b);
        alignas(64) scalar counts[W], sums[W];
        adjoint<W, W, K>(b.post, sample, tiles, tile, scratch.phases, scratch.q.data, counts);
        const int32_t *neuron = tiles.neuron(tile);
        for (int64_t pre = 0; pre < b.n_pre; pre++) {
            const int64_t *train = b.pre_trains + sample * b.n_pre + pre;
            sum_over_train<W>(scratch.q.data, b.pre_steps + train[0], b.pre_steps + train[1], sums);
            for (int lane = 0; lane < W; lane++)
                if (neuron[lane] >= 0) spsp[(sample * b.n_pre + pre) * b.n_post + neuron[lane]] = sums[lane];
        }
    });
}

extern "C" {

void dense_backward(const int32_t *pre_steps, const int64_t *pre_trains, const int32_t *post_steps,
                    const int64_t *post_trains, int64_t n_samples, int64_t n_steps, int64_t n_pre, int64_t n_post,
                    const scalar *active, const scalar *refractory, int64_t refractory_steps,
                    const scalar *weights, double v_th, double v_th_pre, const scalar *delta,
                    const scalar *factor, double silent_spsp, double silent_delta_ratio, double silent_kappa_ratio,
                    scalar *gradient, scalar *delta_pre, int threads) {
    const PostLayer post{post_steps, post_trains, n_steps, n_post, dense_layout(n_post), active, refractory, refractory_steps};
    const Silence silence{silent_spsp, silent_delta_ratio, silent_kappa_ratio};
    const Backward b{pre_steps, pre_trains, post, n_samples, n_steps, n_pre,  n_post,
                     weights,   v_th,       v_th_pre, delta, factor,  silence};
    auto run = dense_width(n_post) == 16 ? backward<16, N_VARIABLES> : backward<64, N_VARIABLES>;
    run(b, gradient, delta_pre, threads);
}

void dense_spsp(const int32_t *pre_steps, const int64_t *pre_trains, const int32_t *post_steps,
                const int64_t *post_trains, int64_t n_samples, int64_t n_steps, int64_t n_pre, int64_t n_post,
                const scalar *active, const scalar *refractory, int64_t refractory_steps,
                scalar *spsp, int threads) {
    const PostLayer post{post_steps, post_trains, n_steps, n_post, dense_layout(n_post), active, refractory, refractory_steps};
    const Backward b{pre_steps, pre_trains, post, n_samples, n_steps, n_pre, n_post};
    auto run = dense_width(n_post) == 16 ? all_spsps<16, N_VARIABLES> : all_spsps<64, N_VARIABLES>;
    run(b, spsp, threads);
}
}
