// The adjoint of neurons that are not affine: a tile is run forward again, as it fired, with the derivatives of each step, and
// then backwards. brian/trajectory.py and learning/spsp.py have the same.
#pragma once
#include "adjoint.hpp"
#include "arguments.hpp"
#include "tile.hpp"

template <int W>
struct Trajectory {
    const Recorded &recorded;
    const PostLayer &layer;
    const int32_t *neuron;  // of each lane
    const scalar *weights;  // (n_pre, W)
    NeuronConstants common;
    Buffer synaptic, derivatives;  // (W), (n_steps, N_DERIVATIVES, W)
    Neurons<W> neurons;
    std::vector<scalar> resets;  // of each spike, in the order of steps and lanes
    std::vector<uint64_t> fired;  // lanes, in each step

    Trajectory(const Recorded &recorded, const PostLayer &layer, const PostTiles<W, N_VARIABLES> &tiles, int64_t tile,
               const scalar *weights)
        : recorded(recorded), layer(layer), neuron(tiles.neuron(tile)), weights(weights), common(recorded), synaptic(W),
          derivatives(layer.n_steps * Neurons<W>::N_DERIVATIVES * W), fired(layer.n_steps) {
        neurons.load(recorded.arrays, layer.layout, tile, synaptic.data);
    }

    // One tile in one sample: its spike counts, q (n_steps, W), and the effect of the state at the start (N_VARIABLES, W).
    void adjoint(int64_t sample, scalar *q, scalar *counts, scalar *start) {
        read_trains(sample, counts);
        forward(sample);
        backward(q, start);
    }

    void read_trains(int64_t sample, scalar *counts) {
        std::fill(fired.begin(), fired.end(), 0);
        for (int lane = 0; lane < W; lane++) {
            counts[lane] = 0;
            if (neuron[lane] < 0) continue;
            const int64_t *train = layer.trains + sample * layer.n_post + neuron[lane];
            for (int64_t k = train[0]; k < train[1]; k++) fired[layer.steps[k]] |= uint64_t(1) << lane;
            counts[lane] = scalar(train[1] - train[0]);
        }
    }

    void forward(int64_t sample) {
        resets.clear();
        neurons.start();
        for (int64_t step = 0; step < layer.n_steps; step++) {
            alignas(64) flag fires[W];
            for (int lane = 0; lane < W; lane++) fires[lane] = flag(fired[step] >> lane & 1);
            neurons.update_along(common, step, fires, derivatives.data + step * Neurons<W>::N_DERIVATIVES * W);
            const int64_t row = sample * layer.n_steps + step;
            add_weights(recorded.pre_neurons + recorded.pre_offsets[row], recorded.pre_neurons + recorded.pre_offsets[row + 1]);
            if (recorded.lateral_inhibition != 0)
                for (int64_t k = recorded.post_offsets[row]; k < recorded.post_offsets[row + 1]; k++)
                    for (int lane = 0; lane < W; lane++)
                        if (neuron[lane] != recorded.post_neurons[k])
                            neurons.synaptic[lane] += -scalar(recorded.lateral_inhibition);
            for (uint64_t rest = fired[step]; rest; rest &= rest - 1) {
                const int lane = __builtin_ctzll(rest);
                resets.resize(resets.size() + N_VARIABLES * N_VARIABLES);
                neurons.derivatives_of_reset(common, lane, resets.data() + resets.size() - N_VARIABLES * N_VARIABLES);
                neurons.reset(common, lane);
            }
        }
    }

    void add_weights(const int32_t *first, const int32_t *last) {
        auto *synaptic_vectors = reinterpret_cast<vector_t *>(neurons.synaptic);
        vector_t sums[W / LANES];
        for (int v = 0; v < W / LANES; v++) sums[v] = synaptic_vectors[v];
        for (const int32_t *pre = first; pre != last; pre++) {
            const auto *row = reinterpret_cast<const vector_t *>(weights + *pre * W);
            for (int v = 0; v < W / LANES; v++) sums[v] += row[v];
        }
        for (int v = 0; v < W / LANES; v++) synaptic_vectors[v] = sums[v];
    }

    void backward(scalar *q, scalar *lambda) const {
        std::fill(lambda, lambda + N_VARIABLES * W, scalar(0));
        const scalar *reset = resets.data() + resets.size();
        for (int64_t step = layer.n_steps - 1; step >= 0; step--) {
            for (uint64_t rest = fired[step]; rest;) {  // the last lane first
                const int lane = 63 - __builtin_clzll(rest);
                rest ^= uint64_t(1) << lane;
                reset -= N_VARIABLES * N_VARIABLES;
                scalar before[N_VARIABLES] = {};
                for (int j = 0; j < N_VARIABLES; j++)
                    for (int i = 0; i < N_VARIABLES; i++) before[i] += reset[j * N_VARIABLES + i] * lambda[j * W + lane];
                for (int i = 0; i < N_VARIABLES; i++) lambda[i * W + lane] = before[i];
            }
            memcpy(q + step * W, lambda + SYNAPTIC * W, W * sizeof(scalar));
            for (uint64_t rest = fired[step]; rest; rest &= rest - 1) {
                const int lane = __builtin_ctzll(rest);
                for (int i = 0; i < N_VARIABLES; i++)
                    lambda[i * W + lane] += layer.readout[neuron[lane] * N_VARIABLES + i];
            }
            Neurons<W>::adjoint_of_update(derivatives.data + step * Neurons<W>::N_DERIVATIVES * W, lambda);
        }
    }
};
