// The adjoint of a tile's neurons: q(t), the effect of a unit put into the synaptic variable at the end of step t on the
// membrane potentials read at the neuron's firing times. learning/spsp.py has the equations.
#pragma once
#include "tile.hpp"

// What the adjoint needs to know of a layer: its trains, and one step below threshold.
struct PostLayer {
    const int32_t *steps;   // of each neuron's spikes, rising
    const int64_t *trains;  // (n_samples * n_post + 1)
    int64_t n_steps, n_post;
    Layout layout;
    const scalar *active, *refractory;  // (n_post, K, K): x(t+1) = A x(t)
    int64_t membrane, synaptic, refractory_steps;
};

// The matrices of one tile, lane by lane; 0 in padding.
template <int W, int K>
struct TileMatrices {
    int64_t neuron[W];  // of each lane, -1 where it is padding
    alignas(64) scalar active[K * K * W], refractory[K * K * W];

    TileMatrices(const PostLayer &post, int64_t tile) {
        for (int lane = 0; lane < W; lane++) neuron[lane] = post.layout.neuron(tile * W + lane);
        for (int entry = 0; entry < K * K; entry++)
            for (int lane = 0; lane < W; lane++) {
                const int64_t index = neuron[lane] * K * K + entry;
                active[entry * W + lane] = neuron[lane] < 0 ? 0 : post.active[index];
                refractory[entry * W + lane] = neuron[lane] < 0 ? 0 : post.refractory[index];
            }
    }
};

// Flags, because a train made for a silent target may fire within its own refractory time.
enum : uint8_t { REFRACTORY = 1, FIRES = 2 };

// One tile in one sample: what each neuron does in each step, its spike counts, and q (n_steps, W).
template <int W, int K>
static void adjoint(const PostLayer &post, int64_t sample, const TileMatrices<W, K> &tile, uint8_t *phase, scalar *q,
                    scalar *counts) {
    memset(phase, 0, post.n_steps * W);
    for (int lane = 0; lane < W; lane++) counts[lane] = 0;
    for (int64_t lane = 0; lane < W; lane++) {
        if (tile.neuron[lane] < 0) continue;
        const int64_t train = sample * post.n_post + tile.neuron[lane];
        for (int64_t k = post.trains[train]; k < post.trains[train + 1]; k++) {
            const int64_t step = post.steps[k];
            phase[step * W + lane] |= FIRES;
            for (int64_t s = step + 1; s <= step + post.refractory_steps && s < post.n_steps; s++)
                phase[s * W + lane] |= REFRACTORY;
        }
        counts[lane] = scalar(post.trains[train + 1] - post.trains[train]);
    }
    alignas(64) scalar lambda[K][W] = {};
    alignas(64) scalar mu[K][W];
    for (int64_t step = post.n_steps - 1; step >= 0; step--) {
        memcpy(q + step * W, lambda[post.synaptic], sizeof lambda[0]);
        memcpy(mu, lambda, sizeof mu);
        const uint8_t *now = phase + step * W;
        for (int lane = 0; lane < W; lane++)
            mu[post.membrane][lane] = now[lane] & FIRES ? scalar(1) : mu[post.membrane][lane];
        for (int i = 0; i < K; i++)
            for (int lane = 0; lane < W; lane++) {
                scalar sum = 0;
                for (int j = 0; j < K; j++)
                    sum += (now[lane] & REFRACTORY ? tile.refractory : tile.active)[(j * K + i) * W + lane] * mu[j][lane];
                lambda[i][lane] = sum;
            }
    }
}

// e_{i|j} of a tile's neurons i: the sum of q over the spikes of j.
template <int W>
static inline void sum_over_train(const scalar *q, const int32_t *first, const int32_t *last, scalar *spsp) {
    vector_t sums[W / LANES] = {};
    for (const int32_t *step = first; step != last; step++) {
        const vector_t *at_step = reinterpret_cast<const vector_t *>(q + *step * W);
        for (int v = 0; v < W / LANES; v++) sums[v] += at_step[v];
    }
    memcpy(spsp, sums, sizeof sums);
}
