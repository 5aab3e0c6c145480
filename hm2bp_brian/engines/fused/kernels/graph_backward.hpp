// HM2-BP through populations that feed back on one another, or receive several projections: learning/component.py has
// the same with names and equations. A sample at a time: q(t) of each population, the S-PSPs of each connection, the
// series through loops, then gradients and deltas.
#pragma once
#include <memory>

#include "graph_forward.hpp"

// A tile's q as the adjoint of a population gives it, with one step before the presentation and some after it.
constexpr int64_t STEPS_BEFORE = 1;

// A population in one sample, its numbers padded to whole tiles.
struct PostPopulation {
    const GraphPopulation &population;
    const void *adjoint;
    int64_t n_steps, n_rows, stripe;
    Buffer q;  // (n_tiles, n_rows, TILE)
    std::vector<scalar> counts, delta, tpsp, coefficient, fired, silent;

    PostPopulation(const GraphPopulation &population, const void *adjoint, int64_t n_steps, int64_t longest_delay)
        : population(population), adjoint(adjoint), n_steps(n_steps), n_rows(STEPS_BEFORE + n_steps + longest_delay + 1),
          stripe((population.n_neurons + TILE - 1) / TILE * TILE), q(n_rows * stripe), counts(stripe), delta(stripe),
          tpsp(stripe), coefficient(stripe), fired(stripe), silent(stripe) {
        memset(q.data, 0, n_rows * stripe * sizeof(scalar));
    }

    // q of the first step of a tile
    scalar *q_of(int64_t tile) const { return q.data + (tile * n_rows + STEPS_BEFORE) * TILE; }

    void start(int64_t sample) {
        for (int64_t tile = 0; tile < stripe / TILE; tile++) {
            population.calls.adjoint(adjoint, sample, tile, q_of(tile), counts.data() + tile * TILE);
            memcpy(q_of(tile) - TILE, q_of(tile), TILE * sizeof(scalar));
        }
        const scalar *given = population.delta + sample * population.n_neurons;
        std::copy(given, given + population.n_neurons, delta.begin());
        std::fill(tpsp.begin(), tpsp.end(), scalar(0));
    }

    // When delta is complete: kappa, and delta apart for neurons that fired and silent ones.
    void finish(int64_t sample, const scalar *weight_sum, const Rules &rules) {
        scalar *out = population.delta + sample * population.n_neurons;
        std::copy(delta.begin(), delta.begin() + population.n_neurons, out);
        const scalar *factor = population.factor + sample * population.n_neurons;
        for (int64_t i = 0; i < population.n_neurons; i++) {
            const bool is_silent = counts[i] == 0;
            const scalar ratio = is_silent ? scalar(rules.silent_kappa_ratio) * weight_sum[i] : tpsp[i] / counts[i];
            coefficient[i] = delta[i] * (1 + ratio / scalar(population.nu)) * factor[i];
            fired[i] = is_silent ? 0 : delta[i];
            silent[i] = is_silent ? delta[i] * scalar(rules.silent_delta_ratio) : 0;
        }
    }
};

// The connections of one projection in one sample. A row are those of one source neuron.
struct Links {
    const GraphProjection &p;
    const PaddedRows &padded;
    int64_t n_entries;  // padding included
    Buffer spsp, slope;
    std::vector<scalar> gradient, delay_gradient;

    Links(const GraphProjection &p, const PaddedRows &padded)
        : p(p), padded(padded), n_entries(p.rows ? p.rows[p.n_pre] : p.n_pre * padded.stripe), spsp(n_entries),
          slope(p.delay_gradient ? n_entries : 0), gradient(p.gradient ? n_entries : 0),
          delay_gradient(p.delay_gradient ? n_entries : 0) {
        // padding keeps 0
        memset(spsp.data, 0, n_entries * sizeof(scalar));
        if (p.delay_gradient) memset(slope.data, 0, n_entries * sizeof(scalar));
    }

    const scalar *weights() const { return p.rows ? p.weights : padded.weights.data; }
    const int64_t *train(int64_t sample, int64_t pre) const { return p.trains + sample * p.n_pre + pre; }
    int64_t count(int64_t sample, int64_t pre) const { return train(sample, pre)[1] - train(sample, pre)[0]; }

    // Calls visit(entry, post) for the connections of a source neuron.
    template <typename Visit>
    void row(int64_t pre, Visit visit) const {
        if (p.rows)
            for (int64_t c = p.rows[pre]; c < p.rows[pre + 1]; c++) visit(c, p.post[c]);
        else
            for (int64_t i = 0, first = pre * padded.stripe; i < padded.stripe; i++) visit(first + i, i);
    }

    // S-PSPs of all source neurons that fired, and what they add to the T-PSPs.
    void read(int64_t sample, PostPopulation &post) {
        if (p.delays && !p.rows)
            read_late(sample, post);
        else if (p.rows)
            read_sparse(sample, post);
        else
            read_dense(sample, post);
        const scalar *w = weights(), *e = spsp.data;
        scalar *tpsp = post.tpsp.data();
        for (int64_t pre = 0; pre < p.n_pre; pre++)
            if (count(sample, pre)) row(pre, [=](int64_t entry, int64_t i) { tpsp[i] += w[entry] * e[entry]; });
    }

    void read_dense(int64_t sample, const PostPopulation &post) {
        for (int64_t tile = 0; tile < padded.stripe / TILE; tile++) {
            const scalar *q = post.q_of(tile) + p.delay * TILE;
            for (int64_t pre = 0; pre < p.n_pre; pre++) {
                const int64_t *t = train(sample, pre);
                if (t[0] != t[1])
                    sum_over_train<TILE>(q, p.steps + t[0], p.steps + t[1], spsp.data + pre * padded.stripe + tile * TILE);
            }
        }
    }

    void read_sparse(int64_t sample, const PostPopulation &post) {
        for (int64_t pre = 0; pre < p.n_pre; pre++) {
            const int64_t *t = train(sample, pre);
            if (t[0] == t[1]) continue;
            for (int64_t c = p.rows[pre]; c < p.rows[pre + 1]; c++) {
                const int64_t i = p.post[c], delay = p.delays ? p.delays[c] : p.delay;
                if (post.counts[i] == 0) {  // its q is 0
                    spsp.data[c] = 0;
                    if (p.delay_gradient) slope.data[c] = 0;
                    continue;
                }
                const scalar *q = post.q_of(i / TILE) + delay * TILE + i % TILE;
                scalar sum = 0, rise = 0;
                for (int64_t k = t[0]; k < t[1]; k++) sum += q[p.steps[k] * TILE];
                spsp.data[c] = sum;
                if (!p.delay_gradient) continue;
                for (int64_t k = t[0]; k < t[1]; k++) rise += q[(p.steps[k] + 1) * TILE] - q[(p.steps[k] - 1) * TILE];
                slope.data[c] = rise / 2;
            }
        }
    }

    // Dense with single delays: q of one target neuron over time, and its slope, stay in first-level cache for all sources.
    void read_late(int64_t sample, const PostPopulation &post) {
        std::vector<scalar> q_row(post.n_rows), slope_row(post.n_rows);
        const int64_t n_after = post.n_rows - STEPS_BEFORE;
        for (int64_t i = 0; i < p.n_post; i++) {
            if (post.counts[i] == 0) {
                for (int64_t pre = 0; pre < p.n_pre; pre++) {
                    spsp.data[pre * padded.stripe + i] = 0;
                    if (p.delay_gradient) slope.data[pre * padded.stripe + i] = 0;
                }
                continue;
            }
            const scalar *q = post.q_of(i / TILE) + i % TILE;
            for (int64_t step = 0; step < n_after; step++) q_row[step] = q[step * TILE];
            for (int64_t step = 0; step < n_after - 1; step++)
                slope_row[step] = (q[(step + 1) * TILE] - q[(step - 1) * TILE]) / 2;
            for (int64_t pre = 0; pre < p.n_pre; pre++) {
                const int64_t *t = train(sample, pre);
                if (t[0] == t[1]) continue;
                const int64_t delay = p.delays[pre * p.n_post + i], entry = pre * padded.stripe + i;
                spsp.data[entry] = sum_at(q_row.data() + delay, p.steps + t[0], p.steps + t[1]);
                if (p.delay_gradient)
                    slope.data[entry] = sum_at(slope_row.data() + delay, p.steps + t[0], p.steps + t[1]);
            }
        }
    }

    // In four sums, so that one addition need not wait for the one before.
    static scalar sum_at(const scalar *values, const int32_t *step, const int32_t *last) {
        scalar sums[4] = {};
        for (; last - step >= 4; step += 4)
            for (int k = 0; k < 4; k++) sums[k] += values[step[k]];
        for (; step != last; step++) sums[0] += values[*step];
        return (sums[0] + sums[1]) + (sums[2] + sums[3]);
    }

    // One term of the series from the one before it: sum over targets that fired of w e / o times their term.
    void add_term(int64_t sample, const PostPopulation &post, const scalar *term, scalar *following) const {
        const scalar *w = weights(), *e = spsp.data, *counts = post.counts.data();
        for (int64_t pre = 0; pre < p.n_pre; pre++) {
            const int64_t o = count(sample, pre);
            if (!o) continue;
            scalar sum = 0;
            if (p.rows) {
                row(pre, [&](int64_t entry, int64_t i) { sum += counts[i] == 0 ? 0 : w[entry] * e[entry] * term[i]; });
            } else {
                sum = sum_of_products(pre, [=](int64_t entry, int64_t i) {
                    return counts[i] == 0 ? 0 : w[entry] * e[entry] * term[i];
                });
            }
            following[pre] += sum / (scalar(o) * scalar(p.nu_pre));
        }
    }

    // Over a dense row, tile by tile, always in the same order.
    template <typename Product>
    scalar sum_of_products(int64_t pre, Product product) const {
        scalar sum = 0;
        for (int64_t first = 0; first < padded.stripe; first += TILE) {
            alignas(64) scalar products[TILE];
            for (int lane = 0; lane < TILE; lane++)
                products[lane] = product(pre * padded.stripe + first + lane, first + lane);
            sum += lane_sum<TILE>(products);
        }
        return sum;
    }

    void add_gradient(int64_t sample, const PostPopulation &post, const Rules &rules) {
        const scalar *w = weights(), *e = spsp.data, *rise = slope.data;
        const scalar *coefficient = post.coefficient.data(), *counts = post.counts.data();
        const scalar silent_spsp = scalar(rules.silent_spsp);
        scalar *sum = gradient.data(), *delay_sum = delay_gradient.data();
        for (int64_t pre = 0; pre < p.n_pre; pre++) {
            if (!count(sample, pre)) continue;
            if (p.gradient)
                row(pre, [=](int64_t entry, int64_t i) {
                    sum[entry] += coefficient[i] * (counts[i] == 0 ? silent_spsp : e[entry]);
                });
            if (p.delay_gradient)
                row(pre, [=](int64_t entry, int64_t i) {
                    delay_sum[entry] += counts[i] == 0 ? 0 : coefficient[i] * w[entry] * rise[entry];
                });
        }
    }

    // What comes back to sources outside.
    void write_delta(int64_t sample, const PostPopulation &post, const Rules &rules) const {
        const scalar *w = weights(), *e = spsp.data;
        const scalar *delta = post.delta.data(), *fired = post.fired.data(), *silent = post.silent.data();
        const scalar silent_ratio = scalar(rules.silent_delta_ratio);
        for (int64_t pre = 0; pre < p.n_pre; pre++) {
            const scalar o = scalar(count(sample, pre));
            auto flow = [=](int64_t entry, int64_t i) {
                return w[entry] * (o != 0 ? fired[i] * e[entry] / o + silent[i] : delta[i] * silent_ratio);
            };
            scalar sum = 0;
            if (p.rows)
                row(pre, [&](int64_t entry, int64_t i) { sum += flow(entry, i); });
            else
                sum = sum_of_products(pre, flow);
            p.delta_pre[sample * p.n_pre + pre] = sum / scalar(p.nu_pre);
        }
    }
};

// What all threads share.
struct GraphWalk : GraphBackward {
    std::vector<std::unique_ptr<PaddedRows>> padded;
    std::vector<void *> adjoints;
    std::vector<int64_t> longest_delay;
    std::vector<std::vector<scalar>> weight_sum;  // of each population's neurons

    explicit GraphWalk(const GraphBackward &arguments)
        : GraphBackward(arguments), longest_delay(n_populations), weight_sum(n_populations) {
        for (int64_t k = 0; k < n_populations; k++) {
            adjoints.push_back(populations[k].calls.make_adjoint(populations[k].trains, populations[k].n_neurons));
            weight_sum[k].resize((populations[k].n_neurons + TILE - 1) / TILE * TILE);
        }
        for (int64_t k = 0; k < n_projections; k++) {
            const GraphProjection &p = projections[k];
            padded.push_back(std::make_unique<PaddedRows>(p, !p.rows && !p.lateral));
            longest_delay[p.target] = std::max(longest_delay[p.target], p.longest_delay);
            if (p.lateral) continue;
            scalar *sum = weight_sum[p.target].data();
            if (p.rows)
                for (int64_t c = 0; c < p.rows[p.n_pre]; c++) sum[p.post[c]] += p.weights[c];
            else
                for (int64_t c = 0; c < p.n_pre * p.n_post; c++) sum[c % p.n_post] += p.weights[c];
        }
    }
    ~GraphWalk() {
        for (int64_t k = 0; k < n_populations; k++) populations[k].calls.free_adjoint(adjoints[k]);
    }
    GraphWalk(const GraphWalk &) = delete;

    bool has_deltas(int64_t sample) const {
        for (int64_t k = 0; k < n_populations; k++) {
            const int64_t n = populations[k].n_neurons;
            const scalar *delta = populations[k].delta + sample * n;
            if (std::any_of(delta, delta + n, [](scalar d) { return d != 0; })) return true;
        }
        return false;
    }
};

typedef std::vector<std::unique_ptr<PostPopulation>> Posts;
typedef std::vector<std::unique_ptr<Links>> AllLinks;

static inline double norm_squared(const std::vector<std::vector<scalar>> &term) {
    double sum = 0;
    for (const auto &values : term)
        for (scalar value : values) sum += double(value) * value;
    return sum;
}

// The sum of the series in place of its first term; whether it was cut, as a term grew.
static bool sum_series(const GraphWalk &g, int64_t sample, Posts &posts, const AllLinks &links) {
    bool has_loops = false;
    for (const auto &link : links) has_loops |= link && link->p.source >= 0;
    if (!has_loops) return false;
    std::vector<std::vector<scalar>> term;
    for (const auto &post : posts) term.push_back(post->delta);
    for (int64_t k = 0; k < int64_t(g.rules.recurrent_terms); k++) {
        std::vector<std::vector<scalar>> following;
        for (const auto &values : term) following.emplace_back(values.size(), scalar(0));
        for (const auto &link : links)
            if (link && link->p.source >= 0)
                link->add_term(sample, *posts[link->p.target], term[link->p.target].data(),
                               following[link->p.source].data());
        if (norm_squared(following) > norm_squared(term)) return true;
        term.swap(following);
        for (size_t n = 0; n < posts.size(); n++)
            for (size_t i = 0; i < term[n].size(); i++) posts[n]->delta[i] += term[n][i];
    }
    return false;
}

static bool backward_graph_sample(const GraphWalk &g, int64_t sample, Posts &posts, AllLinks &links) {
    for (auto &post : posts) post->start(sample);
    for (auto &link : links)
        if (link) link->read(sample, *posts[link->p.target]);
    const bool cut = sum_series(g, sample, posts, links);
    for (int64_t k = 0; k < g.n_populations; k++) posts[k]->finish(sample, g.weight_sum[k].data(), g.rules);
    for (auto &link : links) {
        if (!link) continue;
        link->add_gradient(sample, *posts[link->p.target], g.rules);
        if (link->p.delta_pre) link->write_delta(sample, *posts[link->p.target], g.rules);
    }
    return cut;
}

// Sums of parts in order, without padding.
static void add_parts(const GraphProjection &p, int64_t stripe, const std::vector<const scalar *> &parts, scalar *out) {
    const int64_t n_rows = p.rows ? 1 : p.n_pre, n_columns = p.rows ? p.rows[p.n_pre] : p.n_post;
    const int64_t row_length = p.rows ? n_columns : stripe;
    for (int64_t row = 0; row < n_rows; row++)
        for (int64_t column = 0; column < n_columns; column++) {
            scalar sum = 0;
            for (const scalar *part : parts) sum += part[row * row_length + column];
            out[row * n_columns + column] = sum;
        }
}

static void backward_graph(const GraphBackward &arguments) {
    const GraphWalk g(arguments);
    const int64_t n_parts = std::min(g.n_samples, g.n_parts);
    std::vector<AllLinks> links(n_parts);
    std::atomic<int64_t> n_cut{0};
    parallel_for(n_parts, g.threads, [&](int64_t part) {
        Posts posts;
        for (int64_t k = 0; k < g.n_populations; k++)
            posts.push_back(
                std::make_unique<PostPopulation>(g.populations[k], g.adjoints[k], g.n_steps, g.longest_delay[k]));
        for (int64_t k = 0; k < g.n_projections; k++)
            links[part].push_back(g.projections[k].lateral ? nullptr
                                                           : std::make_unique<Links>(g.projections[k], *g.padded[k]));
        for (int64_t s = part * g.n_samples / n_parts; s < (part + 1) * g.n_samples / n_parts; s++) {
            if (g.has_deltas(s)) {
                n_cut += backward_graph_sample(g, s, posts, links[part]);
                continue;
            }
            for (auto &link : links[part])
                if (link && link->p.delta_pre)
                    std::fill_n(link->p.delta_pre + s * link->p.n_pre, link->p.n_pre, scalar(0));
        }
    });
    parallel_for(g.n_projections, g.threads, [&](int64_t k) {
        const GraphProjection &p = g.projections[k];
        for (auto member : {&Links::gradient, &Links::delay_gradient}) {
            scalar *out = member == &Links::gradient ? p.gradient : p.delay_gradient;
            if (p.lateral || !out) continue;
            std::vector<const scalar *> parts;
            for (const auto &of_part : links) parts.push_back(((*of_part[k]).*member).data());
            add_parts(p, g.padded[k]->stripe, parts, out);
        }
    });
    *g.n_cut = n_cut;
}

extern "C" int graph_backward(const GraphBackward *arguments) {
    return status_of([=] { backward_graph(*arguments); });
}
