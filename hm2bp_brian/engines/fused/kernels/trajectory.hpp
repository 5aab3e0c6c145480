// The adjoint of neurons that are not affine: a tile is run forward again, as it fired, with the derivatives of each step, and
// then backwards. brian/trajectory.py and learning/spsp.py have the same.
#pragma once
#include "adjoint.hpp"
#include "arguments.hpp"
#include "tile.hpp"

// One of the variables that spikes add to, in one tile and sample.
struct TileReceptor {
    int64_t variable;
    const scalar *added;  // (n_steps, W), what spikes add to it in each step
    scalar *q;            // (W / SPAN, n_steps, SPAN)
};

template <int W, int SPAN>
struct Trajectory {
    const PostLayer &layer;
    const NeuronConstants common;
    Buffer added, synaptic, kept;  // (n_steps, W) for whoever has one receptor, (W), (n_steps, N_KEPT, W)
    Neurons<W> neurons;
    int64_t loaded = -1;  // the tile whose neurons they are
    std::vector<scalar> resets;     // of each spike, in the order of steps and lanes
    std::vector<uint64_t> fired;    // lanes, in each step
    std::vector<LanesAlong> lanes;  // the same
    alignas(64) scalar absolute[W];  // of each lane, effect of all inputs on its next spike, each without its sign
    int64_t next_spike[W];
    std::vector<scalar> shares;  // what scales q after each spike, in the order of the way back

    explicit Trajectory(const PostLayer &layer)
        : layer(layer), common(*layer.forward), added(layer.n_steps * W), synaptic(W),
          kept(layer.n_steps * Neurons<W>::N_KEPT * W), fired(layer.n_steps), lanes(layer.n_steps) {}

    // One tile in one sample: its spike counts, q, and, if wanted, the effect of the state at the start (N_VARIABLES, W).
    void adjoint(int64_t sample, int64_t tile, const int32_t *neuron, const std::vector<TileReceptor> &receptors, scalar *counts,
                 scalar *start) {
        if (tile != loaded) neurons.load(layer.forward->arrays, layer.layout, tile, synaptic.data);
        loaded = tile;
        if (!read_trains(sample, neuron, counts)) {
            for (const TileReceptor &receptor : receptors) std::fill(receptor.q, receptor.q + layer.n_steps * W, scalar(0));
            if (start) std::fill(start, start + N_VARIABLES * W, scalar(0));
            return;
        }
        forward(receptors);
        backward(neuron, receptors, start);
    }

    // The same where spikes add to one variable, and what they add is in `added`.
    void adjoint_of_added(int64_t sample, int64_t tile, const int32_t *neuron, scalar *q, scalar *counts, scalar *start) {
        adjoint(sample, tile, neuron, {{SYNAPTIC, added.data, q}}, counts, start);
    }

    // Returns whether there are spikes.
    bool read_trains(int64_t sample, const int32_t *neuron, scalar *counts) {
        std::fill(fired.begin(), fired.end(), 0);
        for (int lane = 0; lane < W; lane++) {
            counts[lane] = 0;
            if (neuron[lane] < 0) continue;
            const int64_t *train = layer.trains + sample * layer.n_post + neuron[lane];
            for (int64_t k = train[0]; k < train[1]; k++) fired[layer.steps[k]] |= uint64_t(1) << lane;
            counts[lane] = scalar(train[1] - train[0]);
        }
        return std::any_of(counts, counts + W, [](scalar count) { return count != 0; });
    }

    scalar *kept_in(int64_t step) const { return kept.data + step * Neurons<W>::N_KEPT * W; }

    void forward(const std::vector<TileReceptor> &receptors) {
        const NeuronConstants constants = common;  // which no store can change: what depends on them is computed once
        resets.clear();
        neurons.start();
        for (int64_t step = 0; step < layer.n_steps; step++) {
            lanes[step] = neurons.update_along(constants, step, fired[step], kept_in(step));
            for (const TileReceptor &receptor : receptors) {
                auto *variable = reinterpret_cast<vector_t *>(neurons.variable(receptor.variable));
                const auto *row = reinterpret_cast<const vector_t *>(receptor.added + step * W);
                for (int v = 0; v < W / LANES; v++) variable[v] += row[v];
            }
            for (uint64_t rest = fired[step]; rest; rest &= rest - 1) {
                const int lane = __builtin_ctzll(rest);
                resets.resize(resets.size() + N_VARIABLES * N_VARIABLES);
                neurons.derivatives_of_reset(common, lane, resets.data() + resets.size() - N_VARIABLES * N_VARIABLES);
                neurons.reset(common, lane);
            }
        }
    }

    // How q of a lane is scaled between two spikes: all inputs have shares in the later one, which are the distance in all.
    scalar share(int lane, int32_t neuron) const {
        return neuron < 0 || absolute[lane] == 0 ? 0 : layer.distance[neuron] / absolute[lane];
    }

    void add_absolute(int64_t step, const std::vector<TileReceptor> &receptors, const scalar *lambda) {
        for (const TileReceptor &receptor : receptors)
            for (int lane = 0; lane < W; lane++)
                absolute[lane] += std::abs(receptor.added[step * W + lane] * lambda[receptor.variable * W + lane]);
    }

    // Shares do not depend on the scale of lambda, which may grow beyond all numbers: what belongs to a lane's next spike is
    // scaled down together.
    void keep_in_range(int64_t step, const std::vector<TileReceptor> &receptors, scalar *lambda) {
        constexpr scalar LARGE = scalar(1e15), SMALL = 1 / LARGE;
        flag beyond[W] = {}, any = 0;
        for (int i = 0; i < N_VARIABLES; i++)
            for (int lane = 0; lane < W; lane++) beyond[lane] |= std::abs(lambda[i * W + lane]) > LARGE;
        for (int lane = 0; lane < W; lane++) any |= beyond[lane];
        if (!any) return;
        for (int lane = 0; lane < W; lane++) {
            if (!beyond[lane]) continue;
            for (int i = 0; i < N_VARIABLES; i++) lambda[i * W + lane] *= SMALL;
            for (const TileReceptor &receptor : receptors)
                for (int64_t s = step; s < next_spike[lane]; s++)
                    receptor.q[(lane / SPAN * layer.n_steps + s) * SPAN + lane % SPAN] *= SMALL;
            absolute[lane] *= SMALL;
        }
    }

    void scale_by_shares(const int32_t *neuron, const std::vector<TileReceptor> &receptors) const {
        alignas(64) scalar scale[W];
        for (int lane = 0; lane < W; lane++) scale[lane] = share(lane, neuron[lane]);
        const scalar *later = shares.data() + shares.size();
        for (int64_t step = 0; step < layer.n_steps; step++) {
            for (uint64_t rest = fired[step]; rest;) {  // the last lane first
                const int lane = 63 - __builtin_clzll(rest);
                rest ^= uint64_t(1) << lane;
                scale[lane] = *--later;
            }
            for (const TileReceptor &receptor : receptors)
                for (int part = 0; part < W / SPAN; part++)
                    for (int lane = 0; lane < SPAN; lane++)
                        receptor.q[(part * layer.n_steps + step) * SPAN + lane] *= scale[part * SPAN + lane];
        }
    }

    void backward(const int32_t *neuron, const std::vector<TileReceptor> &receptors, scalar *start) {
        const NeuronConstants constants = common;
        alignas(64) scalar lambda[N_VARIABLES * W] = {};
        std::fill(absolute, absolute + W, scalar(0));
        std::fill(next_spike, next_spike + W, 0);
        shares.clear();
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
            for (const TileReceptor &receptor : receptors)
                for (int part = 0; part < W / SPAN; part++)
                    memcpy(receptor.q + (part * layer.n_steps + step) * SPAN, lambda + receptor.variable * W + part * SPAN,
                           SPAN * sizeof(scalar));
            if (SHARES) add_absolute(step, receptors, lambda);
            for (uint64_t rest = fired[step]; rest; rest &= rest - 1) {
                const int lane = __builtin_ctzll(rest);
                if (SHARES) {
                    shares.push_back(share(lane, neuron[lane]));
                    absolute[lane] = 0;
                    next_spike[lane] = step;
                    for (int i = 0; i < N_VARIABLES; i++) lambda[i * W + lane] = 0;
                }
                const scalar *readout = layer.readout + neuron[lane] * N_VARIABLES;
                const scalar *taken_back = layer.taken_back + neuron[lane] * N_VARIABLES;
                scalar left = 1;
                for (int i = 0; i < N_VARIABLES; i++) left -= taken_back[i] * lambda[i * W + lane];
                for (int i = 0; i < N_VARIABLES; i++) lambda[i * W + lane] += readout[i] * left;
            }
            neurons.adjoint_of_update(constants, kept_in(step), lanes[step], lambda);
            if (SHARES) keep_in_range(step, receptors, lambda);
        }
        if (SHARES) scale_by_shares(neuron, receptors);
        if (start) memcpy(start, lambda, sizeof lambda);
    }
};
