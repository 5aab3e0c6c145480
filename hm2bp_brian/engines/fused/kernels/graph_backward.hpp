// HM2-BP through populations that feed back on one another, or receive several projections: learning/component.py has
// the same with names and equations. Samples go into parts. In each, the series through loops gives the deltas of its
// samples; then tile by tile, all samples of the part, so that a tile's weights and gradient stay in second-level cache.
#pragma once
#include <memory>

#include "graph_forward.hpp"
#include "tile_receptors.hpp"

// What all threads share.
struct GraphWalk : GraphBackward {
    std::vector<Walked> projections;
    std::vector<void *> adjoints;  // of each population
    std::vector<int64_t> longest_delay, n_tiles;
    bool has_loops = false;

    explicit GraphWalk(const GraphBackward &arguments) : GraphBackward(arguments), longest_delay(n_populations) {
        for (int64_t k = 0; k < n_populations; k++) {
            adjoints.push_back(populations[k].calls.make_adjoint(populations + k));
            n_tiles.push_back((populations[k].n_neurons + TILE - 1) / TILE);
        }
        for (int64_t k = 0; k < n_projections; k++) {
            projections.emplace_back(arguments.projections[k], n_samples, n_steps);
            int64_t &longest = longest_delay[projections[k].target];
            longest = std::max(longest, projections[k].longest_delay);
            has_loops |= is_loop(k);
        }
    }
    ~GraphWalk() {
        for (int64_t k = 0; k < n_populations; k++) populations[k].calls.free_adjoint(adjoints[k]);
    }
    GraphWalk(const GraphWalk &) = delete;

    bool is_loop(int64_t projection) const {
        return projections[projection].source >= 0 && !projections[projection].lateral;
    }

    TileReceptors make_receptors(int64_t population) const {
        return TileReceptors(populations[population], n_steps, longest_delay[population]);
    }
    void set_q(int64_t population, int64_t sample, int64_t tile, TileReceptors &receptors, TilePost &post) const {
        for (auto &added : receptors.added) std::fill(added->data, added->data + n_steps * TILE, scalar(0));
        if (populations[population].along_trajectory)
            for (const Walked &p : projections)
                if (p.target == population) receptors.add_spikes(p, sample, tile, n_steps);
        receptors.set(populations[population], adjoints[population], sample, tile, post.counts);
    }

    bool has_deltas(int64_t population, int64_t sample) const {
        const int64_t n = populations[population].n_neurons;
        const scalar *delta = populations[population].delta + sample * n;
        return std::any_of(delta, delta + n, [](scalar d) { return d != 0; });
    }
};

// The loops of a component in one sample, to sum the series through them.
struct Loops {
    const GraphWalk &g;
    std::vector<std::vector<TilePost>> posts;               // of each population's tiles
    std::vector<std::vector<std::unique_ptr<TileLinks>>> links;  // of each projection's tiles; none unless it is a loop
    typedef std::vector<std::vector<scalar>> Term;           // one number a neuron, padded to whole tiles

    explicit Loops(const GraphWalk &g) : g(g), links(g.n_projections) {
        for (int64_t k = 0; k < g.n_populations; k++) posts.emplace_back(g.n_tiles[k]);
        for (int64_t k = 0; k < g.n_projections; k++)
            if (g.is_loop(k))
                for (int64_t tile = 0; tile < g.n_tiles[g.projections[k].target]; tile++)
                    links[k].push_back(std::make_unique<TileLinks>(g.projections[k], tile));
    }

    void read(int64_t sample) {
        for (int64_t n = 0; n < g.n_populations; n++) {
            TileReceptors receptors = g.make_receptors(n);
            for (int64_t tile = 0; tile < g.n_tiles[n]; tile++) {
                g.set_q(n, sample, tile, receptors, posts[n][tile]);
                for (int64_t k = 0; k < g.n_projections; k++)
                    if (g.is_loop(k) && g.projections[k].target == n)
                        links[k][tile]->read(sample, *receptors.q[g.projections[k].receptor], posts[n][tile]);
            }
        }
    }

    static double norm_squared(const Term &term) {
        double sum = 0;
        for (const auto &values : term)
            for (scalar value : values) sum += double(value) * value;
        return sum;
    }

    Term deltas(int64_t sample) const {
        Term term;
        for (int64_t n = 0; n < g.n_populations; n++) {
            const int64_t size = g.populations[n].n_neurons;
            const scalar *delta = g.populations[n].delta + sample * size;
            term.emplace_back(delta, delta + size);
            term.back().resize(g.n_tiles[n] * TILE);
        }
        return term;
    }

    Term term_after(int64_t sample, const Term &term) const {
        Term following;
        for (const auto &values : term) following.emplace_back(values.size(), scalar(0));
        for (int64_t k = 0; k < g.n_projections; k++)
            for (size_t tile = 0; tile < links[k].size(); tile++) {
                const GraphProjection &p = g.projections[k];
                links[k][tile]->add_term(sample, posts[p.target][tile], term[p.target].data() + tile * TILE,
                                         following[p.source].data());
            }
        return following;
    }

    // Puts the sum of the series in place of its first term; whether it was cut, as a term grew.
    bool sum_series(int64_t sample) {
        read(sample);
        Term term = deltas(sample);
        for (int64_t k = 0; k < int64_t(g.rules.recurrent_terms); k++) {
            const Term following = term_after(sample, term);
            if (norm_squared(following) > norm_squared(term)) return true;
            term = following;
            for (int64_t n = 0; n < g.n_populations; n++)
                for (int64_t i = 0; i < g.populations[n].n_neurons; i++)
                    g.populations[n].delta[sample * g.populations[n].n_neurons + i] += term[n][i];
        }
        return false;
    }
};

// Of neurons whose nu is the sample's own: finds it in the samples of a part, and divides their deltas by it.
static void divide_by_own_nu(const GraphWalk &g, int64_t population, int64_t first, int64_t last) {
    const GraphPopulation &neurons = g.populations[population];
    for (int64_t tile = 0; tile < g.n_tiles[population]; tile++) {
        std::vector<std::unique_ptr<TileLinks>> links;
        for (int64_t k = 0; k < g.n_projections; k++)
            if (g.projections[k].target == population && !g.projections[k].lateral)
                links.push_back(std::make_unique<TileLinks>(g.projections[k], tile));
        TileReceptors receptors = g.make_receptors(population);
        TilePost post;
        for (int64_t s = first; s < last; s++) {
            bool any = false;
            for (int64_t k = 0; k < g.n_populations; k++) any |= g.has_deltas(k, s);
            if (!any) continue;
            post.set_delta(neurons, s, tile);
            g.set_q(population, s, tile, receptors, post);
            for (auto &link : links) link->read(s, *receptors.q[link->p.receptor], post);
            const int64_t n_lanes = std::min<int64_t>(TILE, neurons.n_neurons - tile * TILE);
            for (int64_t lane = 0; lane < n_lanes; lane++) {
                const int64_t place = s * neurons.n_neurons + tile * TILE + lane;
                scalar &nu = neurons.nu[place];
                if (post.counts[lane] != 0) nu = std::max(post.tpsp[lane] / post.counts[lane], nu);
                neurons.delta[place] /= nu;
            }
        }
    }
}

// Sums of one part of the samples: of each projection, tile after tile; and of each population, learned variable after
// learned variable.
struct PartSums {
    std::vector<std::vector<scalar>> gradient, delay_gradient, start_gradient;

    explicit PartSums(const GraphWalk &g) : gradient(g.n_projections), delay_gradient(g.n_projections) {
        for (int64_t k = 0; k < g.n_populations; k++)
            start_gradient.emplace_back(g.populations[k].n_learned * g.n_tiles[k] * TILE);
        for (int64_t k = 0; k < g.n_projections; k++) {
            const GraphProjection &p = g.projections[k];
            const int64_t n = p.starts ? p.n_entries() : g.n_tiles[p.target] * TILE * p.n_pre;
            if (p.gradient) gradient[k].resize(n);
            if (p.delay_gradient) delay_gradient[k].resize(n);
        }
    }
};

// One tile through the samples of a part.
static void backward_tile(const GraphWalk &g, int64_t population, int64_t tile, int64_t first, int64_t last,
                          PartSums &sums) {
    std::vector<std::unique_ptr<TileLinks>> links(g.n_projections);
    alignas(64) scalar weight_sum[TILE] = {};
    for (int64_t k = 0; k < g.n_projections; k++) {
        const Walked &p = g.projections[k];
        if (p.target != population || p.lateral) continue;
        links[k] = std::make_unique<TileLinks>(p, tile);
        links[k]->add_weight_sum(weight_sum);
    }
    TileReceptors receptors = g.make_receptors(population);
    TilePost post;
    for (int64_t s = first; s < last; s++) {
        if (!g.has_deltas(population, s)) continue;
        post.set_delta(g.populations[population], s, tile);
        g.set_q(population, s, tile, receptors, post);
        for (auto &link : links)
            if (link) link->read(s, *receptors.q[link->p.receptor], post);
        post.finish(g.populations[population], s, tile, weight_sum, g.rules);
        for (int64_t k = 0; k < g.populations[population].n_learned; k++)
            for (int lane = 0; lane < TILE; lane++)
                sums.start_gradient[population][(k * g.n_tiles[population] + tile) * TILE + lane] +=
                    post.coefficient[lane] * receptors.start.data[g.populations[population].learned[k] * TILE + lane];
        for (int64_t k = 0; k < g.n_projections; k++) {
            if (!links[k]) continue;
            const int64_t begin = links[k]->p.starts ? links[k]->first : tile * TILE * links[k]->p.n_pre;
            if (links[k]->p.gradient) links[k]->add_gradient(s, post, g.rules, sums.gradient[k].data() + begin);
            if (links[k]->p.delay_gradient)
                links[k]->add_delay_gradient(post, sums.delay_gradient[k].data() + begin);
            if (links[k]->p.delta_pre) links[k]->add_delta(s, post, g.rules);
        }
    }
}

// Sums of parts in order, without padding: of some source neurons, or of some single connections.
static void add_parts(const GraphProjection &p, const std::vector<const scalar *> &parts, int64_t first, int64_t last,
                      scalar *out) {
    if (p.starts) {
        for (int64_t c = first; c < last; c++) {
            scalar sum = 0;
            for (const scalar *part : parts) sum += part[c];
            out[c] = sum;
        }
        return;
    }
    for (int64_t pre = first; pre < last; pre++)
        for (int64_t post = 0; post < p.n_post; post += TILE) {
            alignas(64) scalar sums[TILE] = {};
            for (const scalar *part : parts)
                for (int lane = 0; lane < TILE; lane++) sums[lane] += part[(post / TILE * p.n_pre + pre) * TILE + lane];
            std::copy(sums, sums + std::min<int64_t>(TILE, p.n_post - post), out + pre * p.n_post + post);
        }
}

static void backward_graph(const GraphBackward &arguments) {
    const GraphWalk g(arguments);
    const int64_t n_parts = std::min(g.n_samples, g.n_parts);
    std::vector<std::unique_ptr<PartSums>> sums(n_parts);
    std::atomic<int64_t> n_cut{0};
    parallel_for(n_parts, g.threads, [&](int64_t part) {
        const int64_t first = part * g.n_samples / n_parts, last = (part + 1) * g.n_samples / n_parts;
        for (int64_t k = 0; k < g.n_projections; k++)
            if (g.projections[k].delta_pre) {
                scalar *delta = g.projections[k].delta_pre;
                std::fill(delta + first * g.projections[k].n_pre, delta + last * g.projections[k].n_pre, scalar(0));
            }
        for (int64_t k = 0; k < g.n_populations; k++)
            if (g.populations[k].own_nu) divide_by_own_nu(g, k, first, last);
        if (g.has_loops) {
            Loops loops(g);
            for (int64_t s = first; s < last; s++) {
                bool any = false;
                for (int64_t k = 0; k < g.n_populations; k++) any |= g.has_deltas(k, s);
                if (any) n_cut += loops.sum_series(s);
            }
        }
        sums[part] = std::make_unique<PartSums>(g);
        for (int64_t k = 0; k < g.n_populations; k++)
            for (int64_t tile = 0; tile < g.n_tiles[k]; tile++) backward_tile(g, k, tile, first, last, *sums[part]);
    });
    constexpr int64_t BLOCKS = 32;  // of each projection
    parallel_for(2 * g.n_projections * BLOCKS, g.threads, [&](int64_t unit) {
        const int64_t k = unit / BLOCKS / 2, block = unit % BLOCKS, is_delay = unit / BLOCKS % 2;
        const GraphProjection &p = g.projections[k];
        scalar *out = is_delay ? p.delay_gradient : p.gradient;
        if (!out) return;
        std::vector<const scalar *> parts;
        for (const auto &part : sums) parts.push_back((is_delay ? part->delay_gradient : part->gradient)[k].data());
        const int64_t n = p.starts ? p.n_entries() : p.n_pre;
        add_parts(p, parts, block * n / BLOCKS, (block + 1) * n / BLOCKS, out);
    });
    for (int64_t n = 0; n < g.n_populations; n++)
        for (int64_t k = 0; k < g.populations[n].n_learned; k++)
            for (int64_t i = 0; i < g.populations[n].n_neurons; i++) {
                scalar &out = g.populations[n].start_gradient[k * g.populations[n].n_neurons + i] = 0;
                for (const auto &part : sums) out += part->start_gradient[n][k * g.n_tiles[n] * TILE + i];
            }
    *g.n_cut = n_cut;
}

extern "C" int graph_backward(const GraphBackward *arguments) {
    return status_of([=] { backward_graph(*arguments); });
}
