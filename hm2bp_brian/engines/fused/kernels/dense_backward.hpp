// HM2-BP through a dense layer by the adjoint: q(t) of a tile backwards over time, then one presynaptic train at a time
// gives S-PSPs, T-PSP, gradient and delta. learning/backward.py has the same with names and equation numbers.
#pragma once
#include "adjoint.hpp"
#include "arguments.hpp"
#include "packed_tiles.hpp"
#include "parallel.hpp"
#include "post_neurons.hpp"
#include "status.hpp"

// Weights (n_pre, W) and per-lane numbers of one tile, the same for all samples.
template <int W>
struct BackwardTile {
    int64_t number;
    const scalar *weights;
    alignas(64) scalar weight_sum[W], distance[W];

    BackwardTile(const DenseBackward &b, const PackedTiles<W> &tiles, int64_t number)
        : number(number), weights(tiles.tile(number)) {
        for (int lane = 0; lane < W; lane++) {
            const int64_t neuron = number * W + lane;
            weight_sum[lane] = 0;
            distance[lane] = neuron < b.n_post ? b.distance[neuron] : 1;
        }
        for (int64_t pre = 0; pre < b.n_pre; pre++)
            for (int lane = 0; lane < W; lane++) weight_sum[lane] += weights[pre * W + lane];
    }
};

// Scratch memory of one thread at work.
template <int W>
struct BackwardScratch {
    Buffer q, spsp;
    AdjointScratch<W, W> adjoint;
    BackwardScratch(const PostLayer &layer, int64_t n_pre) : q(layer.n_steps * W), spsp(n_pre * W), adjoint(layer) {}
};

// What a sample's spikes put into the neurons of a tile in each step (n_steps, W): weights of the inputs, and lateral
// inhibition.
template <int W>
static void read_spikes(const DenseBackward &b, int64_t sample, const scalar *weights, const int32_t *neuron, scalar *added) {
    const int64_t *offsets = b.forward->pre_offsets + sample * b.n_steps;
    for (int64_t step = 0; step < b.n_steps; step++) {
        vector_t sums[W / LANES] = {};
        for (int64_t k = offsets[step]; k < offsets[step + 1]; k++) {
            const auto *row = reinterpret_cast<const vector_t *>(weights + b.forward->pre_neurons[k] * W);
            for (int v = 0; v < W / LANES; v++) sums[v] += row[v];
        }
        memcpy(added + step * W, sums, sizeof sums);
    }
    if (b.lateral_inhibition == 0) return;
    const int64_t *trains = b.post_trains + sample * b.n_post;
    for (int64_t post = 0; post < b.n_post; post++)
        for (int64_t k = trains[post]; k < trains[post + 1]; k++)
            for (int lane = 0; lane < W; lane++)
                if (neuron[lane] != post) added[b.post_steps[k] * W + lane] -= scalar(b.lateral_inhibition);
}

// Adds one sample to the tile's gradient (n_pre + n_learned, W), and writes the tile's part of delta_pre (n_pre), if wanted.
template <int W, int K>
static void backward_sample(const DenseBackward &b, int64_t sample, const PostLayer &layer, const PostTiles<W, K> &tiles,
                            const BackwardTile<W> &tile, BackwardScratch<W> &scratch, scalar *gradient,
                            scalar *delta_pre) {
    const scalar *weights = tile.weights;
    scalar *q = scratch.q.data, *spsp = scratch.spsp.data;
    alignas(64) scalar counts[W], delta[W], factor[W], start[K * W];
    layer_adjoint<W, W>(layer, sample, tiles, tile.number, scratch.adjoint, q, counts, start, [&](scalar *added) {
        read_spikes<W>(b, sample, weights, tiles.neuron(tile.number), added);
    });
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
    const PostNeurons<W> post(counts, delta, factor, tpsp, tile.weight_sum, tile.distance, b.rules);
    if (OWN_NU)
        for (int lane = 0; lane < W; lane++)
            if (tiles.neuron(tile.number)[lane] >= 0)
                b.nu[sample * b.n_post + tiles.neuron(tile.number)[lane]] = post.nu[lane];
    for (int64_t pre = 0; pre < b.n_pre; pre++) {
        const scalar *e = spsp + pre * W;
        const int64_t count = trains[pre + 1] - trains[pre];
        if (count) post.add_gradient(e, gradient + pre * W);
        if (delta_pre) delta_pre[pre] = post.delta_before(weights + pre * W, e, count) / b.nu_pre[pre];
    }
    for (int64_t k = 0; k < b.n_learned; k++)
        for (int lane = 0; lane < W; lane++)
            gradient[(b.n_pre + k) * W + lane] += post.coefficient[lane] * start[b.learned[k] * W + lane];
}

template <int W, int K>
static void backward(const DenseBackward &b) {
    const PostLayer layer(b, b.n_post, dense_layout(b.n_post));
    const int64_t n_tiles = layer.layout.n_tiles(W);
    const int64_t wanted = (BACKWARD_PARTS + n_tiles - 1) / n_tiles;
    const int64_t n_chunks = b.n_samples < wanted ? b.n_samples : wanted;
    const PostTiles<W, K> tiles(layer);
    const int64_t n_rows = b.n_pre + b.n_learned;  // of a gradient
    const PackedTiles<W> weights(b.weights, b.n_pre, b.n_post, n_tiles, b.threads);
    Buffer partial(n_tiles * n_chunks * n_rows * W);
    Buffer partial_delta(b.delta_pre ? n_tiles * b.n_samples * b.n_pre : 0);
    parallel_for(n_tiles * n_chunks, b.threads, [&](int64_t unit) {
        const int64_t tile_number = unit / n_chunks, chunk = unit % n_chunks;
        const BackwardTile<W> tile(b, weights, tile_number);
        BackwardScratch<W> scratch(layer, b.n_pre);
        scalar *sum = partial.data + unit * n_rows * W;
        memset(sum, 0, n_rows * W * sizeof(scalar));
        for (int64_t s = chunk * b.n_samples / n_chunks; s < (chunk + 1) * b.n_samples / n_chunks; s++) {
            scalar *row = b.delta_pre ? partial_delta.data + (tile_number * b.n_samples + s) * b.n_pre : nullptr;
            bool any = false;  // a sample within the loss's margin has no deltas
            for (int64_t i = 0; i < b.n_post; i++) any |= b.delta[s * b.n_post + i] != 0;
            if (any)
                backward_sample<W, K>(b, s, layer, tiles, tile, scratch, sum, row);
            else if (row)
                memset(row, 0, b.n_pre * sizeof(scalar));
        }
    });
    auto add_gradients = [&](int64_t tile, int64_t row) {
        scalar *out = row < b.n_pre ? b.gradient + row * b.n_post : b.start_gradient + (row - b.n_pre) * b.n_post;
        alignas(64) scalar sums[W] = {};
        for (int64_t chunk = 0; chunk < n_chunks; chunk++)
            for (int lane = 0; lane < W; lane++)
                sums[lane] += partial.data[((tile * n_chunks + chunk) * n_rows + row) * W + lane];
        const int64_t n_lanes = b.n_post - tile * W < W ? b.n_post - tile * W : W;
        memcpy(out + tile * W, sums, n_lanes * sizeof(scalar));
    };
    auto add_deltas = [&](int64_t sample) {
        for (int64_t pre = 0; pre < b.n_pre; pre++) {
            scalar sum = 0;
            for (int64_t tile = 0; tile < n_tiles; tile++)
                sum += partial_delta.data[(tile * b.n_samples + sample) * b.n_pre + pre];
            b.delta_pre[sample * b.n_pre + pre] = sum;
        }
    };
    parallel_for(n_tiles + (b.delta_pre ? b.n_samples : 0), b.threads, [&](int64_t unit) {
        if (unit >= n_tiles) return add_deltas(unit - n_tiles);
        for (int64_t row = 0; row < n_rows; row++) add_gradients(unit, row);
    });
}

// The layer's S-PSPs themselves.
template <int W, int K>
static void all_spsps(const DenseSpsp &b) {
    const PostLayer layer(b, b.n_post, dense_layout(b.n_post));
    const PostTiles<W, K> tiles(layer);
    parallel_for(tiles.n_tiles() * b.n_samples, b.threads, [&](int64_t unit) {
        const int64_t sample = unit / tiles.n_tiles(), tile = unit % tiles.n_tiles();
        Phases<W> phases(layer);
        const Buffer q(b.n_steps * W);
        alignas(64) scalar counts[W], sums[W];
        adjoint<W, W, K>(layer, sample, tiles, tile, phases, q.data, counts);
        const int32_t *neuron = tiles.neuron(tile);
        for (int64_t pre = 0; pre < b.n_pre; pre++) {
            const int64_t *train = b.pre_trains + sample * b.n_pre + pre;
            sum_over_train<W>(q.data, b.pre_steps + train[0], b.pre_steps + train[1], sums);
            for (int lane = 0; lane < W; lane++)
                if (neuron[lane] >= 0) b.spsp[(sample * b.n_pre + pre) * b.n_post + neuron[lane]] = sums[lane];
        }
    });
}

extern "C" {

int dense_backward(const DenseBackward *arguments) {
    return status_of([=] {
        auto run = dense_width(arguments->n_post) == NARROW_TILE ? backward<NARROW_TILE, N_VARIABLES>
                                                                 : backward<TILE, N_VARIABLES>;
        run(*arguments);
    });
}

int dense_spsp(const DenseSpsp *arguments) {
    return status_of([=] {
        auto run = dense_width(arguments->n_post) == NARROW_TILE ? all_spsps<NARROW_TILE, N_VARIABLES>
                                                                 : all_spsps<TILE, N_VARIABLES>;
        run(*arguments);
    });
}
}
