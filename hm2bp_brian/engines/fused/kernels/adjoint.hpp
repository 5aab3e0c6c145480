// The adjoint of a tile's neurons: q(t), the effect of a unit put into the synaptic variable at the end of step t on the
// membrane potentials read at the neuron's firing times. learning/spsp.py has the equations.
#pragma once
#include <algorithm>
#include <type_traits>
#include <vector>

#include "arguments.hpp"
#include "tile.hpp"

// What the adjoint needs to know of a layer: its trains, and what happens to its states. Of a neuron's K variables the last
// is the one that spikes add to. If RESET_CLEARS_FIRST, the first alone is what the threshold reads and the reset clears.
struct PostLayer {
    const int32_t *steps;   // of each neuron's spikes, rising
    const int64_t *trains;  // (n_samples * n_post + 1)
    int64_t n_steps, n_post;
    Layout layout;
    const scalar *active, *refractory, *reset;  // (n_post, K, K); null if ALONG_TRAJECTORY
    const scalar *readout, *taken_back;         // (n_post, K)
    const scalar *distance;                     // (n_post)
    int64_t refractory_steps;
    const Forward *forward;  // null unless ALONG_TRAJECTORY

    PostLayer(const LayerTrains &t, int64_t n_post, const Layout &layout)
        : steps(t.post_steps), trains(t.post_trains), n_steps(t.n_steps), n_post(n_post), layout(layout),
          active(t.active), refractory(t.refractory), reset(t.reset), readout(t.readout), taken_back(t.taken_back),
          distance(t.distance), refractory_steps(t.refractory_steps), forward(t.forward) {}
};

// The matrices of one tile: entry by entry, lane by lane.
template <int W, int K>
struct TileMatrices {
    alignas(64) scalar active[K * K * W], refractory[K * K * W], reset[K * K * W], readout[K * W],
        taken_back[K * W];

    TileMatrices(const PostLayer &post, const int32_t *neuron) {
        for (int lane = 0; lane < W; lane++) {
            const int64_t index = std::max(neuron[lane], 0);
            for (int entry = 0; entry < K * K; entry++) {
                active[entry * W + lane] = post.active[index * K * K + entry];
                refractory[entry * W + lane] = post.refractory[index * K * K + entry];
                reset[entry * W + lane] = post.reset[index * K * K + entry];
            }
            for (int i = 0; i < K; i++) {
                readout[i * W + lane] = post.readout[index * K + i];
                taken_back[i * W + lane] = post.taken_back[index * K + i];
            }
        }
    }
};

// All tiles of a layer.
template <int W, int K>
struct PostTiles {
    bool uniform = false;      // all neurons have the same matrices; then those of one tile are kept
    bool only_decays = false;  // and what spikes add to takes nothing from other variables, refractory or not
    std::vector<int32_t> neurons;  // (n_tiles, W), -1 in padding, which never fires, so that its q stays 0
    std::vector<TileMatrices<W, K>> matrices;

    explicit PostTiles(const PostLayer &post) : neurons(post.layout.n_tiles(W) * W) {
        for (size_t lane = 0; lane < neurons.size(); lane++) neurons[lane] = int32_t(post.layout.neuron(lane));
        if (ALONG_TRAJECTORY) return;  // their matrices are those of each step: trajectory.hpp
        auto same = [&](const scalar *all, int size) { return std::equal(all + size, all + post.n_post * size, all); };
        uniform = same(post.active, K * K) && same(post.refractory, K * K) && same(post.reset, K * K) &&
                  same(post.readout, K) && same(post.taken_back, K);
        const scalar *row = post.active + K * (K - 1), *refractory_row = post.refractory + K * (K - 1);
        only_decays = uniform && std::equal(row, row + K, refractory_row) &&
                      std::all_of(row, row + K - 1, [](scalar entry) { return entry == 0; });
        for (int64_t tile = 0; tile < (uniform ? 1 : n_tiles()); tile++) matrices.emplace_back(post, neuron(tile));
    }
    int64_t n_tiles() const { return neurons.size() / W; }
    const int32_t *neuron(int64_t tile) const { return neurons.data() + tile * W; }
    const TileMatrices<W, K> &of(int64_t tile) const { return matrices[uniform ? 0 : tile]; }
};

// Which of a tile's lanes fire and which are refractory, in each step, a bit each. Both may be: a train made for a silent
// target may fire within its own refractory time.
template <int W>
struct Phases {
    typedef std::conditional_t<LANES == 16, uint16_t, uint8_t> bits_t;  // of one vector
    static constexpr int VECTORS = W / LANES;
    std::vector<bits_t> fires, refractory;  // (n_steps, VECTORS)

    explicit Phases(const PostLayer &post) : fires(post.n_steps * VECTORS), refractory(post.n_steps * VECTORS) {}

    // Also the spike counts. Returns whether there are spikes.
    bool set(const PostLayer &post, int64_t sample, const int32_t *neuron, scalar *counts) {
        std::fill(fires.begin(), fires.end(), 0);
        std::fill(refractory.begin(), refractory.end(), 0);
        for (int lane = 0; lane < W; lane++) {
            counts[lane] = 0;
            if (neuron[lane] < 0) continue;
            const int64_t *train = post.trains + sample * post.n_post + neuron[lane];
            const bits_t bit = bits_t(1) << lane % LANES;
            for (int64_t k = train[0]; k < train[1]; k++) {
                const int64_t step = post.steps[k], end = std::min(step + post.refractory_steps + 1, post.n_steps);
                fires[step * VECTORS + lane / LANES] |= bit;
                for (int64_t s = step + 1; s < end; s++) refractory[s * VECTORS + lane / LANES] |= bit;
            }
            counts[lane] = scalar(train[1] - train[0]);
        }
        return std::any_of(counts, counts + W, [](scalar count) { return count != 0; });
    }
};

// lambda <- R^T lambda where a neuron fires.
template <int W, int K, bool UNIFORM>
static inline void adjoint_of_reset(const TileMatrices<W, K> &tile, int v, uint64_t fires, vector_t *lambda) {
    const auto *reset = reinterpret_cast<const vector_t *>(tile.reset) + (UNIFORM ? 0 : v);
    vector_t before[K];
    for (int i = 0; i < K; i++) {
        before[i] = reset[i * (W / LANES)] * lambda[0];
        for (int j = 1; j < K; j++) before[i] += reset[(j * K + i) * (W / LANES)] * lambda[j];
    }
    for (int i = 0; i < K; i++) lambda[i] = choose(fires, before[i], lambda[i]);
}

// lambda <- lambda + c (1 - d lambda) where a neuron fires.
template <int W, int K, bool UNIFORM>
static inline void adjoint_of_reading(const TileMatrices<W, K> &tile, int v, uint64_t fires, vector_t *lambda) {
    const auto *readout = reinterpret_cast<const vector_t *>(tile.readout) + (UNIFORM ? 0 : v);
    const auto *taken_back = reinterpret_cast<const vector_t *>(tile.taken_back) + (UNIFORM ? 0 : v);
    vector_t left = vector_t{} + scalar(1);
    for (int i = 0; i < K; i++) left -= taken_back[i * (W / LANES)] * lambda[i];
    for (int i = 0; i < K; i++) add_where(lambda[i], fires, readout[i * (W / LANES)] * left);
}

// ONLY_DECAYS: see PostTiles.
template <int W, int SPAN, int K, bool UNIFORM, bool ONLY_DECAYS>
static void adjoint_steps(int64_t n_steps, const TileMatrices<W, K> &tile, const Phases<W> &phases, scalar *q,
                          scalar *start) {
    constexpr int VECTORS = W / LANES, ROW = SPAN / LANES;
    const auto *all_active = reinterpret_cast<const vector_t *>(tile.active);
    const auto *all_refractory = reinterpret_cast<const vector_t *>(tile.refractory);
    auto *q_vectors = reinterpret_cast<vector_t *>(q);
    const vector_t one = vector_t{} + scalar(1);
    vector_t lambda[VECTORS][K] = {}, active[K * K], refractory[K * K];
    for (int entry = 0; entry < K * K; entry++) {
        active[entry] = all_active[entry * VECTORS];
        refractory[entry] = all_refractory[entry * VECTORS];
    }
    for (int64_t step = n_steps - 1; step >= 0; step--)
        for (int v = 0; v < VECTORS; v++) {
            const uint64_t fires = phases.fires[step * VECTORS + v];
            const uint64_t rests = phases.refractory[step * VECTORS + v];
            if (!RESET_CLEARS_FIRST && fires) adjoint_of_reset<W, K, UNIFORM>(tile, v, fires, lambda[v]);
            q_vectors[(v / ROW * n_steps + step) * ROW + v % ROW] = lambda[v][K - 1];
            if (RESET_CLEARS_FIRST)
                lambda[v][0] = choose(fires, one, lambda[v][0]);
            else if (fires)
                adjoint_of_reading<W, K, UNIFORM>(tile, v, fires, lambda[v]);
            vector_t before[K];
            for (int i = 0; i < K; i++)
                for (int j = 0; j < K; j++) {
                    if (ONLY_DECAYS && i < j && j == K - 1) continue;
                    const int entry = j * K + i;
                    const vector_t a = UNIFORM ? active[entry] : all_active[entry * VECTORS + v];
                    const vector_t r = UNIFORM ? refractory[entry] : all_refractory[entry * VECTORS + v];
                    const vector_t product = (ONLY_DECAYS && j == K - 1 ? a : choose(rests, r, a)) * lambda[v][j];
                    before[i] = j ? before[i] + product : product;
                }
            for (int i = 0; i < K; i++) lambda[v][i] = before[i];
        }
    if (start)
        for (int v = 0; v < VECTORS; v++)
            for (int i = 0; i < K; i++) reinterpret_cast<vector_t *>(start)[i * VECTORS + v] = lambda[v][i];
}

// One tile in one sample: its spike counts, q (W / SPAN, n_steps, SPAN), and, if wanted, the effect of the state at the start
// (K, W).
template <int W, int SPAN, int K>
static void adjoint(const PostLayer &post, int64_t sample, const PostTiles<W, K> &tiles, int64_t tile, Phases<W> &phases,
                    scalar *q, scalar *counts, scalar *start = nullptr) {
    if (!phases.set(post, sample, tiles.neuron(tile), counts)) {
        std::fill(q, q + post.n_steps * W, scalar(0));
        if (start) std::fill(start, start + K * W, scalar(0));
        return;
    }
    auto run = !tiles.uniform      ? adjoint_steps<W, SPAN, K, false, false>
               : tiles.only_decays ? adjoint_steps<W, SPAN, K, true, true>
                                   : adjoint_steps<W, SPAN, K, true, false>;
    run(post.n_steps, tiles.of(tile), phases, q, start);
}

// Where steps are not always the same: trajectory.hpp, which knows the neurons' equations.
template <int W, int SPAN>
struct Trajectory;

// What a thread needs to find the adjoint of tiles.
template <int W, int SPAN>
using AdjointScratch = std::conditional_t<ALONG_TRAJECTORY, Trajectory<W, SPAN>, Phases<W>>;

// One tile of a layer in one sample: its spike counts, q (W / SPAN, n_steps, SPAN), and, if wanted, the effect of the state at
// the start (K, W). read_spikes(added) writes what spikes put into the synaptic variable in each step, (n_steps, W).
template <int W, int SPAN, int K, typename ReadSpikes>
static void layer_adjoint(const PostLayer &post, int64_t sample, const PostTiles<W, K> &tiles, int64_t tile,
                          AdjointScratch<W, SPAN> &scratch, scalar *q, scalar *counts, scalar *start, ReadSpikes read_spikes) {
    if constexpr (ALONG_TRAJECTORY) {
        read_spikes(scratch.added.data);
        scratch.adjoint_of_added(sample, tile, tiles.neuron(tile), q, counts, start);
    } else {
        adjoint<W, SPAN, K>(post, sample, tiles, tile, scratch, q, counts, start);
    }
}
