// The connections of one projection to one tile of target neurons, backwards in one sample.
#pragma once
#include <memory>

#include "graph.hpp"
#include "grouped_trains.hpp"
#include "tile.hpp"

// A tile's q, with one step before the presentation, and some after it that delays reach.
struct TileQ {
    static constexpr int64_t STEPS_BEFORE = 1, STEPS_AFTER = 4;
    int64_t n_rows;
    Buffer memory;

    TileQ(int64_t n_steps, int64_t longest_delay)
        : n_rows(STEPS_BEFORE + n_steps + longest_delay + STEPS_AFTER), memory(n_rows * TILE) {
        memset(memory.data, 0, n_rows * TILE * sizeof(scalar));
    }
    // A step around which q is 0, whatever the delay.
    static int32_t silent_step(int64_t n_steps) { return int32_t(n_steps + 1); }

    scalar *first_step() const { return memory.data + STEPS_BEFORE * TILE; }

    // Before the first step its value stays.
    void extend() { memcpy(memory.data, first_step(), TILE * sizeof(scalar)); }
};

// q of neighbouring neurons, each over time: of so many that q's lines in the cache are read whole.
struct RowsOfQ {
    static constexpr int NEURONS = 16;
    int64_t length;
    std::unique_ptr<scalar[]> values;  // (NEURONS, length)

    explicit RowsOfQ(const TileQ &q) : length(q.n_rows), values(new scalar[NEURONS * length]) {}
    const scalar *first_step(int64_t lane) const { return values.get() + lane % NEURONS * length + TileQ::STEPS_BEFORE; }

    void set(const TileQ &q, int64_t first_lane) {
        const scalar *column = q.memory.data + first_lane;
        for (int64_t step = 0; step < length; step++, column += TILE)
            for (int k = 0; k < NEURONS; k++) values[k * length + step] = column[k];
    }
};

// What the neurons of a tile bring to their connections.
struct TilePost {
    alignas(64) scalar counts[TILE], delta[TILE], tpsp[TILE], coefficient[TILE], fired[TILE], silent[TILE];

    void set_delta(const GraphPopulation &population, int64_t sample, int64_t tile) {
        for (int lane = 0; lane < TILE; lane++) {
            const int64_t neuron = tile * TILE + lane;
            delta[lane] = neuron < population.n_neurons ? population.delta[sample * population.n_neurons + neuron] : 0;
            tpsp[lane] = 0;
        }
    }

    // kappa, and delta apart for neurons that fired and silent ones
    void finish(const GraphPopulation &population, int64_t sample, int64_t tile, const scalar *weight_sum,
                const Rules &rules) {
        for (int lane = 0; lane < TILE; lane++) {
            const int64_t neuron = tile * TILE + lane;
            const bool is_silent = counts[lane] == 0;
            const scalar factor =
                neuron < population.n_neurons ? population.factor[sample * population.n_neurons + neuron] : 0;
            const scalar nu = neuron < population.n_neurons ? population.nu[sample * population.n_neurons + neuron] : 1;
            const scalar ratio =
                is_silent ? scalar(rules.silent_kappa_ratio) * weight_sum[lane] : tpsp[lane] / counts[lane];
            coefficient[lane] = delta[lane] * (1 + ratio / nu) * factor;
            fired[lane] = is_silent ? 0 : delta[lane];
            silent[lane] = is_silent ? delta[lane] * scalar(rules.silent_delta_ratio) : 0;
        }
    }
};

// A projection in the backward pass.
struct Walked : GraphProjection {
    std::shared_ptr<GroupedTrains> grouped;  // of single connections

    Walked(const GraphProjection &p, int64_t n_samples, int64_t n_steps) : GraphProjection(p) {
        if (starts && !lateral) grouped = std::make_shared<GroupedTrains>(p, n_samples, TileQ::silent_step(n_steps));
    }
};

struct TileLinks {
    const Walked &p;
    int64_t tile, first_post, n_post;  // target neurons in the tile
    int64_t first, n_entries;          // of single connections
    Buffer weights, spsp;              // dense: (n_pre, TILE)
    std::vector<scalar> slope;

    TileLinks(const Walked &p, int64_t tile)
        : p(p), tile(tile), first_post(tile * TILE), n_post(std::min<int64_t>(TILE, p.n_post - tile * TILE)),
          first(p.starts ? p.starts[first_post] : 0),
          n_entries(p.starts ? p.starts[first_post + n_post] - first : p.n_pre * TILE),
          weights(p.starts ? 0 : n_entries), spsp(n_entries), slope(p.delay_gradient ? n_entries : 0) {
        if (!p.starts) pack_tile<TILE>(p.weights, p.n_pre, p.n_post, tile, weights.data);
    }

    const int64_t *train(int64_t sample, int64_t pre) const { return p.trains + sample * p.n_pre + pre; }
    static int64_t count(const int64_t *train) { return train[1] - train[0]; }

    void add_weight_sum(scalar *sum) const {
        if (p.starts)
            single([&](int64_t c, int64_t lane) { sum[lane] += p.weights[c]; });
        else
            for (int64_t pre = 0; pre < p.n_pre; pre++)
                for (int lane = 0; lane < TILE; lane++) sum[lane] += weights.data[pre * TILE + lane];
    }

    // Calls visit(connection, lane) for single connections.
    template <typename Visit>
    void single(Visit visit) const {
        for (int64_t lane = 0; lane < n_post; lane++)
            for (int64_t c = p.starts[first_post + lane]; c < p.starts[first_post + lane + 1]; c++) visit(c, lane);
    }

    // S-PSPs of all source neurons that fired, and what they add to the T-PSPs.
    void read(int64_t sample, const TileQ &q, TilePost &post) {
        if (p.starts) return read_single(sample, q, post);
        const scalar *late = q.first_step() + p.delay * TILE;
        for (int64_t pre = 0; pre < p.n_pre; pre++) {
            const int64_t *t = train(sample, pre);
            if (t[0] == t[1]) continue;
            scalar *e = spsp.data + pre * TILE, *w = weights.data + pre * TILE;
            sum_over_train<TILE>(late, p.steps + t[0], p.steps + t[1], e);
            for (int lane = 0; lane < TILE; lane++) post.tpsp[lane] += w[lane] * e[lane];
        }
    }

    // Of silent targets all is 0.
    void read_single(int64_t sample, const TileQ &q, TilePost &post) {
        RowsOfQ rows(q);
        for (int64_t lane = 0; lane < n_post; lane++) {
            if (lane % rows.NEURONS == 0) rows.set(q, lane);
            const int64_t begin = p.starts[first_post + lane], end = p.starts[first_post + lane + 1];
            if (post.counts[lane] != 0) {
                post.tpsp[lane] += read_neuron(sample, rows.first_step(lane), begin, end);
                continue;
            }
            std::fill(spsp.data + begin - first, spsp.data + end - first, scalar(0));
            if (p.delay_gradient) std::fill(slope.begin() + begin - first, slope.begin() + end - first, scalar(0));
        }
    }

    // q: of the neuron, over time. Returns what its connections add to its T-PSP.
    scalar read_neuron(int64_t sample, const scalar *q, int64_t begin, int64_t end) {
        constexpr int64_t AHEAD = 16;  // trains are in second-level cache: fetched before they are wanted
        const int64_t *trains = p.grouped->starts.data() + sample * p.n_pre;
        const int32_t *steps = p.grouped->steps.data();
        scalar tpsp = 0;
        for (int64_t c = begin; c < end; c++) {
            __builtin_prefetch(steps + trains[p.partners[std::min(c + AHEAD, end - 1)]]);
            const int32_t *train = steps + trains[p.partners[c]], *last = steps + trains[p.partners[c] + 1];
            const scalar *late = q + (p.delays ? p.delays[c] : p.delay);
            scalar e;
            if (p.delay_gradient) {
                const around_t sum = sum_over_groups<around_t>(late - 1, train, last);
                e = sum[1], slope[c - first] = (sum[2] - sum[0]) / 2;
            } else {
                e = sum_over_groups<scalar>(late, train, last);
            }
            spsp.data[c - first] = e;
            tpsp += p.weights[c] * e;
        }
        return tpsp;
    }

    // What this tile adds to a term of the series from the term before it: w e / o term, over targets that fired.
    void add_term(int64_t sample, const TilePost &post, const scalar *term, scalar *following) const {
        alignas(64) scalar masked[TILE];
        for (int lane = 0; lane < TILE; lane++) masked[lane] = post.counts[lane] == 0 ? 0 : term[lane];
        const scalar *nu_pre = p.nu_pre + sample * p.n_pre;
        if (p.starts)
            return single([&](int64_t c, int64_t lane) {
                const int64_t pre = p.partners[c], o = count(train(sample, pre));
                if (o) following[pre] += p.weights[c] * spsp.data[c - first] * masked[lane] / (o * nu_pre[pre]);
            });
        for (int64_t pre = 0; pre < p.n_pre; pre++) {
            const int64_t o = count(train(sample, pre));
            if (!o) continue;
            alignas(64) scalar products[TILE];
            for (int lane = 0; lane < TILE; lane++)
                products[lane] = weights.data[pre * TILE + lane] * spsp.data[pre * TILE + lane] * masked[lane];
            following[pre] += lane_sum<TILE>(products) / (o * nu_pre[pre]);
        }
    }

    // gradient: (n_entries) of this tile
    void add_gradient(int64_t sample, const TilePost &post, const Rules &rules, scalar *gradient) const {
        const scalar silent_spsp = scalar(rules.silent_spsp);
        if (p.starts) {
            for (int64_t lane = 0; lane < n_post; lane++) {
                const int64_t begin = p.starts[first_post + lane] - first, end = p.starts[first_post + lane + 1] - first;
                const scalar coefficient = post.coefficient[lane];
                if (post.counts[lane] != 0)
                    for (int64_t c = begin; c < end; c++) gradient[c] += coefficient * spsp.data[c];
                else
                    for (int64_t c = begin; c < end; c++)
                        gradient[c] += coefficient * silent_spsp * (count(train(sample, p.partners[first + c])) != 0);
            }
            return;
        }
        for (int64_t pre = 0; pre < p.n_pre; pre++) {
            if (!count(train(sample, pre))) continue;
            const scalar *e = spsp.data + pre * TILE;
            scalar *sum = gradient + pre * TILE;
            for (int lane = 0; lane < TILE; lane++)
                sum[lane] += post.coefficient[lane] * (post.counts[lane] == 0 ? silent_spsp : e[lane]);
        }
    }

    void add_delay_gradient(const TilePost &post, scalar *gradient) const {
        single([&](int64_t c, int64_t lane) {
            gradient[c - first] += post.coefficient[lane] * p.weights[c] * slope[c - first];
        });
    }

    // What this tile adds to the deltas of sources outside, delta_pre (n_pre).
    void add_delta(int64_t sample, const TilePost &post, const Rules &rules, scalar *delta_pre) const {
        const scalar silent_ratio = scalar(rules.silent_delta_ratio), *nu_pre = p.nu_pre + sample * p.n_pre;
        if (p.starts)
            return single([&](int64_t c, int64_t lane) {
                const int64_t pre = p.partners[c], o = count(train(sample, pre));
                const scalar e = spsp.data[c - first];
                const scalar flow = o ? post.fired[lane] * e / scalar(o) + post.silent[lane] : post.delta[lane] * silent_ratio;
                delta_pre[pre] += p.weights[c] * flow / nu_pre[pre];
            });
        for (int64_t pre = 0; pre < p.n_pre; pre++) {
            const int64_t o = count(train(sample, pre));
            const scalar *w = weights.data + pre * TILE, *e = spsp.data + pre * TILE;
            alignas(64) scalar products[TILE];
            if (o)
                for (int lane = 0; lane < TILE; lane++)
                    products[lane] = w[lane] * (post.fired[lane] * e[lane] / scalar(o) + post.silent[lane]);
            else
                for (int lane = 0; lane < TILE; lane++) products[lane] = w[lane] * post.delta[lane] * silent_ratio;
            delta_pre[pre] += lane_sum<TILE>(products) / nu_pre[pre];
        }
    }
};
