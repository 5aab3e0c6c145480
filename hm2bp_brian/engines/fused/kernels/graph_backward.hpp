// HM2-BP through populations that feed back on one another, or receive several projections: learning/component.py has
// the same with names and equations. First, sample by sample, the series through loops gives the deltas. Then tile by
// tile, all samples of a part of the batch, so that a tile's weights and gradient stay in second-level cache.
#pragma once
#include <memory>

#include "graph_forward.hpp"
#include "tile_receptors.hpp"

// Parts into which the samples go at most: each reads the weights anew.
constexpr int64_t GRAPH_PARTS = 8;

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
    bool any_deltas(int64_t sample) const {
        for (int64_t k = 0; k < n_populations; k++)
            if (has_deltas(k, sample)) return true;
        return false;
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
            if (!g.any_deltas(s)) continue;
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

// Who sums what, which decides the last bits: a unit of work are the tiles of one group in the samples of one part. A part
// has its own gradient, a group its own deltas of sources outside.
struct UnitOfWork {
    int64_t group, part;
    int64_t first, last;  // samples
};

struct UnitsOfWork {
    static constexpr int64_t GROUPS = 16, LARGEST_SUMS = 2 << 20;  // numbers in the gradients of several parts together
    std::vector<std::pair<int64_t, int64_t>> tiles;                // population and number
    int64_t n_samples, n_groups, n_parts;

    explicit UnitsOfWork(const GraphWalk &g) : n_samples(g.n_samples) {
        for (int64_t k = 0; k < g.n_populations; k++)
            for (int64_t tile = 0; tile < g.n_tiles[k]; tile++) tiles.emplace_back(k, tile);
        int64_t n_numbers = 1;
        for (const auto &p : g.projections) n_numbers += p.n_entries();
        n_groups = std::min<int64_t>(tiles.size(), GROUPS);
        const int64_t wanted = (BACKWARD_PARTS + n_groups - 1) / n_groups;
        n_parts = std::max<int64_t>(1, std::min({g.n_samples, GRAPH_PARTS, wanted, LARGEST_SUMS / n_numbers}));
    }

    int64_t size() const { return n_groups * n_parts; }

    UnitOfWork operator[](int64_t number) const {
        const int64_t group = number % n_groups, part = number / n_groups;
        return {group, part, part * n_samples / n_parts, (part + 1) * n_samples / n_parts};
    }

    // Calls visit(population, tile) for the tiles of a group.
    template <typename Visit>
    void of_group(int64_t group, Visit visit) const {
        const int64_t n = tiles.size();
        for (int64_t k = group * n / n_groups; k < (group + 1) * n / n_groups; k++) visit(tiles[k].first, tiles[k].second);
    }
};

// What is summed of each projection, or population; empty where it is not wanted.
typedef std::vector<std::vector<scalar>> Sums;

struct PartialSums {
    std::vector<Sums> gradient, delay_gradient;  // of each part; of dense projections tile after tile
    std::vector<Sums> start_gradient;            // of each part; of populations, learned variable after learned variable
    std::vector<Sums> delta_pre;                 // of each group, (n_samples, n_pre)

    PartialSums(const GraphWalk &g, const UnitsOfWork &units)
        : gradient(units.n_parts, Sums(g.n_projections)), delay_gradient(gradient),
          start_gradient(units.n_parts, Sums(g.n_populations)), delta_pre(units.n_groups, Sums(g.n_projections)) {
        for (int64_t k = 0; k < g.n_populations; k++)
            for (auto &of_part : start_gradient) of_part[k].resize(g.populations[k].n_learned * g.n_tiles[k] * TILE);
        for (int64_t k = 0; k < g.n_projections; k++) {
            const GraphProjection &p = g.projections[k];
            const int64_t n = p.starts ? p.n_entries() : g.n_tiles[p.target] * TILE * p.n_pre;
            for (int64_t part = 0; part < units.n_parts; part++) {
                if (p.gradient) gradient[part][k].resize(n);
                if (p.delay_gradient) delay_gradient[part][k].resize(n);
            }
            for (auto &of_group : delta_pre)
                if (p.delta_pre) of_group[k].resize(g.n_samples * p.n_pre);
        }
    }
};

// One tile through the samples of a unit of work.
static void backward_tile(const GraphWalk &g, int64_t population, int64_t tile, const UnitOfWork &unit,
                          PartialSums &sums) {
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
    auto &start_gradient = sums.start_gradient[unit.part][population];
    for (int64_t s = unit.first; s < unit.last; s++) {
        if (!g.has_deltas(population, s)) continue;
        post.set_delta(g.populations[population], s, tile);
        g.set_q(population, s, tile, receptors, post);
        for (auto &link : links)
            if (link) link->read(s, *receptors.q[link->p.receptor], post);
        post.finish(g.populations[population], s, tile, weight_sum, g.rules);
        for (int64_t k = 0; k < g.populations[population].n_learned; k++)
            for (int lane = 0; lane < TILE; lane++)
                start_gradient[(k * g.n_tiles[population] + tile) * TILE + lane] +=
                    post.coefficient[lane] * receptors.start.data[g.populations[population].learned[k] * TILE + lane];
        for (int64_t k = 0; k < g.n_projections; k++) {
            if (!links[k]) continue;
            const GraphProjection &p = links[k]->p;
            const int64_t begin = p.starts ? links[k]->first : tile * TILE * p.n_pre;
            if (p.gradient) links[k]->add_gradient(s, post, g.rules, sums.gradient[unit.part][k].data() + begin);
            if (p.delay_gradient) links[k]->add_delay_gradient(post, sums.delay_gradient[unit.part][k].data() + begin);
            if (p.delta_pre) links[k]->add_delta(s, post, g.rules, sums.delta_pre[unit.group][k].data() + s * p.n_pre);
        }
    }
}

// One of equal blocks of what is to be summed.
struct Block {
    static constexpr int64_t N = 32;
    int64_t number;
    int64_t first(int64_t n) const { return number * n / N; }
    int64_t last(int64_t n) const { return (number + 1) * n / N; }
};

// Adds what is in a block of n numbers, in order.
static void add_up(const std::vector<Sums> &all, int64_t projection, Block block, int64_t n, scalar *out) {
    std::fill(out + block.first(n), out + block.last(n), scalar(0));
    for (const Sums &sums : all) {
        const scalar *added = sums[projection].data();
        for (int64_t k = block.first(n); k < block.last(n); k++) out[k] += added[k];
    }
}

// The same of a dense projection's sums, of a block of its source neurons, without padding.
static void add_up_tiles(const std::vector<Sums> &all, int64_t projection, const GraphProjection &p, Block block) {
    for (int64_t pre = block.first(p.n_pre); pre < block.last(p.n_pre); pre++)
        for (int64_t post = 0; post < p.n_post; post += TILE) {
            alignas(64) scalar sum[TILE] = {};
            for (const Sums &sums : all) {
                const scalar *row = sums[projection].data() + (post / TILE * p.n_pre + pre) * TILE;
                for (int lane = 0; lane < TILE; lane++) sum[lane] += row[lane];
            }
            std::copy(sum, sum + std::min<int64_t>(TILE, p.n_post - post), p.gradient + pre * p.n_post + post);
        }
}

// The same of what populations learn, without padding.
static void add_up_starts(const std::vector<Sums> &all, int64_t number, const GraphWalk &g) {
    const GraphPopulation &p = g.populations[number];
    std::fill(p.start_gradient, p.start_gradient + p.n_learned * p.n_neurons, scalar(0));
    for (const Sums &sums : all)
        for (int64_t k = 0; k < p.n_learned; k++)
            for (int64_t i = 0; i < p.n_neurons; i++)
                p.start_gradient[k * p.n_neurons + i] += sums[number][k * g.n_tiles[number] * TILE + i];
}

// The deltas of the component's own populations in some samples. Returns in how many the series was cut.
static int64_t own_deltas(const GraphWalk &g, int64_t first, int64_t last) {
    for (int64_t k = 0; k < g.n_populations; k++)
        if (g.populations[k].own_nu) divide_by_own_nu(g, k, first, last);
    if (!g.has_loops) return 0;
    int64_t n_cut = 0;
    Loops loops(g);
    for (int64_t s = first; s < last; s++)
        if (g.any_deltas(s)) n_cut += loops.sum_series(s);
    return n_cut;
}

static void backward_graph(const GraphBackward &arguments) {
    const GraphWalk g(arguments);
    std::atomic<int64_t> n_cut{0};
    const int64_t n_chunks = std::min(g.n_samples, GRAPH_PARTS);
    parallel_for(n_chunks, g.threads, [&](int64_t chunk) {
        n_cut += own_deltas(g, chunk * g.n_samples / n_chunks, (chunk + 1) * g.n_samples / n_chunks);
    });
    *g.n_cut = n_cut;

    const UnitsOfWork units(g);
    PartialSums sums(g, units);
    parallel_for(units.size(), g.threads, [&](int64_t number) {
        const UnitOfWork unit = units[number];
        units.of_group(unit.group,
                       [&](int64_t population, int64_t tile) { backward_tile(g, population, tile, unit, sums); });
    });
    for (int64_t k = 0; k < g.n_populations; k++) add_up_starts(sums.start_gradient, k, g);
    parallel_for(g.n_projections * Block::N, g.threads, [&](int64_t unit) {
        const int64_t k = unit / Block::N;
        const Block block{unit % Block::N};
        const GraphProjection &p = g.projections[k];
        if (p.gradient && p.starts) add_up(sums.gradient, k, block, p.n_entries(), p.gradient);
        if (p.gradient && !p.starts) add_up_tiles(sums.gradient, k, p, block);
        if (p.delay_gradient) add_up(sums.delay_gradient, k, block, p.n_entries(), p.delay_gradient);
        if (p.delta_pre) add_up(sums.delta_pre, k, block, g.n_samples * p.n_pre, p.delta_pre);
    });
}

extern "C" int graph_backward(const GraphBackward *arguments) {
    return status_of([=] { backward_graph(*arguments); });
}
