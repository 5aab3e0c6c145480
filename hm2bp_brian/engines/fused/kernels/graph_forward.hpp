// Populations that feed back on one another, or receive several projections, over a presentation: all of them a step,
// then the next. A sample at a time. In each step, as in Brian2: state update and threshold of all, then synapses in the
// order of projections, then reset.
#pragma once
#include <memory>
#ifdef __AVX2__
#include <immintrin.h>
#endif

#include "graph.hpp"
#include "parallel.hpp"
#include "spike_lists.hpp"
#include "status.hpp"

constexpr int64_t GRAPH_FORWARD_PARTS = 32;

// Dense weights with rows padded to whole tiles, so that a row is whole vectors.
struct PaddedRows {
    int64_t stripe;
    Buffer weights;

    PaddedRows(const GraphProjection &p, bool wanted)
        : stripe((p.n_post + TILE - 1) / TILE * TILE), weights(wanted ? p.n_pre * stripe : 0) {
        for (int64_t pre = 0; wanted && pre < p.n_pre; pre++) {
            scalar *row = weights.data + pre * stripe;
            std::copy(p.weights + pre * p.n_post, p.weights + (pre + 1) * p.n_post, row);
            std::fill(row + p.n_post, row + stripe, scalar(0));
        }
    }
};

// A population in one thread's sample: its state, its spikes so far, and what is on its way to it.
struct Running {
    const GraphPopulation &population;
    void *state;
    int64_t stripe;
    std::vector<Receptor> receptors;
    std::vector<std::unique_ptr<Buffer>> drives;  // of each receptor (n_steps, stripe): what delays of single connections
                                                  // deliver in each step; or null
    std::vector<int32_t> spikes;
    std::vector<int64_t> offsets;  // of each step

    Running(const GraphPopulation &population, int64_t n_steps)
        : population(population), stripe((population.n_neurons + TILE - 1) / TILE * TILE),
          receptors(population.n_receptors), drives(population.n_receptors), offsets(n_steps + 1) {
        state = population.calls.make(population.forward, population.n_neurons);
        for (int64_t r = 0; r < population.n_receptors; r++)
            population.calls.receptor(state, population.receptors[r], &receptors[r]);
    }
    ~Running() { population.calls.free(state); }
    Running(const Running &) = delete;

    void start(int64_t n_steps) {
        population.calls.start(state);
        spikes.clear();
        for (auto &drive : drives)
            if (drive) memset(drive->data, 0, n_steps * stripe * sizeof(scalar));
    }
    void update(int64_t step) {
        offsets[step] = spikes.size();
        spikes.resize(spikes.size() + population.n_neurons);
        const int64_t n_fired = population.calls.update(state, step, spikes.data() + offsets[step]);
        spikes.resize(offsets[step] + n_fired);
        offsets[step + 1] = spikes.size();
    }
    void reset(int64_t step) {
        population.calls.reset(state, spikes.data() + offsets[step], offsets[step + 1] - offsets[step]);
    }
    void add_drives(int64_t step) {
        for (size_t r = 0; r < drives.size(); r++) {
            if (!drives[r]) continue;
            const scalar *row = drives[r]->data + step * stripe;
            for (int64_t first = 0; first < stripe; first += TILE) {
                scalar *variable = receptors[r].tile(first / TILE);
                for (int64_t i = 0; i < TILE; i++) variable[i] += row[first + i];
            }
        }
    }
};

static inline void deliver_dense(const PaddedRows &rows, const int32_t *spike, const int32_t *last, const Receptor &to) {
    for (int64_t first = 0; first < rows.stripe; first += TILE) {
        auto *target = reinterpret_cast<vector_t *>(to.tile(first / TILE));
        vector_t sums[TILE / LANES];
        for (int v = 0; v < TILE / LANES; v++) sums[v] = target[v];
        for (const int32_t *s = spike; s != last; s++) {
            const auto *row = reinterpret_cast<const vector_t *>(rows.weights.data + *s * rows.stripe + first);
            for (int v = 0; v < TILE / LANES; v++) sums[v] += row[v];
        }
        for (int v = 0; v < TILE / LANES; v++) target[v] = sums[v];
    }
}

// Single connections of all neurons are more than caches hold: while those of one spike are delivered, the next one's are
// fetched.
static inline void deliver_single(const GraphProjection &p, const int32_t *spike, const int32_t *last, const Receptor &to) {
    constexpr int64_t LINE = 16;
    scalar *variable = to.first;
    const int64_t gap = to.stride - TILE;  // between tiles
    for (; spike != last; spike++) {
        const int64_t end = p.starts[*spike + 1];
        int64_t next = spike + 1 != last ? p.starts[spike[1]] : end;
        for (int64_t line = p.starts[*spike]; line < end; line += LINE, next += LINE) {
            __builtin_prefetch(p.partners + next);
            __builtin_prefetch(p.weights + next);
            const int64_t line_end = std::min(line + LINE, end);
            if (gap == 0)
                for (int64_t c = line; c < line_end; c++) variable[p.partners[c]] += p.weights[c];
            else
                for (int64_t c = line; c < line_end; c++)
                    variable[p.partners[c] + p.partners[c] / TILE * gap] += p.weights[c];
        }
    }
}

// Single delays: what spikes of step `step` deliver, now or later.
static inline void deliver_late(const GraphProjection &p, const int32_t *spike, const int32_t *last, int64_t step,
                                int64_t n_steps, Running &target) {
    scalar *drive = target.drives[p.receptor]->data;
    for (; spike != last; spike++)
        for (int64_t c = p.starts[*spike]; c < p.starts[*spike + 1]; c++) {
            const int64_t at = step + p.delays[c];
            if (at < n_steps) drive[at * target.stripe + p.partners[c]] += p.weights[c];
        }
}

// The trains of one sample, a byte a step: all its bits are set where a neuron fires. They begin as many steps before the
// presentation as delays reach back.
struct TrainBytes {
    static constexpr int64_t VECTORS = 8, BLOCK = VECTORS * LANES;  // steps whose sums stay in registers
    int64_t before, length;
    std::vector<int8_t> fires;  // (n_pre, before + length)

    TrainBytes(const GraphProjection &p, int64_t sample, int64_t n_steps)
        : before(p.longest_delay), length((n_steps + BLOCK - 1) / BLOCK * BLOCK), fires(p.n_pre * (before + length)) {
        const int64_t *trains = p.trains + sample * p.n_pre;
        for (int64_t pre = 0; pre < p.n_pre; pre++)
            for (int64_t k = trains[pre]; k < trains[pre + 1]; k++)
                fires[pre * (before + length) + before + p.steps[k]] = -1;
    }

    const int8_t *of(int64_t pre, int64_t step) const { return &fires[pre * (before + length) + before + step]; }
};

// Adds to the lanes whose bytes are -1; those of the others are 0.
static inline void add_where(vector_t &sum, const int8_t *bytes, vector_t added) {
#if defined(__AVX512F__) && defined(__AVX512BW__) && defined(__AVX512VL__)
    const auto *place = reinterpret_cast<const __m128i *>(bytes);
    add_where(sum, uint64_t(_mm_movepi8_mask(LANES == 16 ? _mm_loadu_si128(place) : _mm_loadl_epi64(place))), added);
#else
    flags_t lanes;
#if defined(__AVX2__) && !defined(__AVX512F__)
    if constexpr (LANES == 8)
        lanes = (flags_t)_mm256_cvtepi8_epi32(_mm_loadl_epi64(reinterpret_cast<const __m128i *>(bytes)));
    else
        lanes = (flags_t)_mm256_cvtepi8_epi64(_mm_loadu_si32(bytes));
#else
    for (int lane = 0; lane < LANES; lane++) lanes[lane] = bytes[lane];
#endif
    sum += (vector_t)(lanes & (flags_t)added);
#endif
}

// What one neuron gets in a block of steps, connection by connection.
static inline void sum_block(const GraphProjection &p, const TrainBytes &trains, int64_t post, int64_t step, vector_t *out) {
    vector_t sums[TrainBytes::VECTORS] = {};
    for (int64_t c = p.starts[post]; c < p.starts[post + 1]; c++) {
        const int8_t *fires = trains.of(p.partners[c], step - p.delays[c]);
        const vector_t weight = vector_t{} + p.weights[c];
        for (int64_t v = 0; v < TrainBytes::VECTORS; v++) add_where(sums[v], fires + v * LANES, weight);
    }
    for (int64_t v = 0; v < TrainBytes::VECTORS; v++) out[v] = sums[v];
}

// Single delays from outside: all spikes are known, so that sums over many steps stay in registers.
static inline void drive_from_outside(const GraphProjection &p, int64_t sample, int64_t n_steps, Running &target) {
    constexpr int64_t BLOCK = TrainBytes::BLOCK, NEURONS = 16;
    const TrainBytes trains(p, sample, n_steps);
    vector_t sums[NEURONS][TrainBytes::VECTORS] = {};
    const auto *values = reinterpret_cast<const scalar *>(sums);
    for (int64_t step = 0; step < trains.length; step += BLOCK)
        for (int64_t first = 0; first < p.n_post; first += NEURONS) {
            const int64_t n = std::min(NEURONS, p.n_post - first);
            for (int64_t i = 0; i < n; i++) sum_block(p, trains, first + i, step, sums[i]);
            for (int64_t s = 0; s < std::min(BLOCK, n_steps - step); s++) {
                scalar *drive = target.drives[p.receptor]->data + (step + s) * target.stripe + first;
                for (int64_t i = 0; i < n; i++) drive[i] += values[i * BLOCK + s];
            }
        }
}

// What all threads share.
struct GraphPresentation : GraphForward {
    std::vector<std::unique_ptr<PaddedRows>> padded;

    explicit GraphPresentation(const GraphForward &arguments) : GraphForward(arguments) {
        for (int64_t k = 0; k < n_projections; k++)
            padded.push_back(std::make_unique<PaddedRows>(projections[k], !projections[k].starts));
    }

    // The populations for one thread.
    std::vector<std::unique_ptr<Running>> running() const {
        std::vector<std::unique_ptr<Running>> all;
        for (int64_t k = 0; k < n_populations; k++) all.push_back(std::make_unique<Running>(populations[k], n_steps));
        for (int64_t k = 0; k < n_projections; k++)
            if (projections[k].delays) {
                Running &target = *all[projections[k].target];
                target.drives[projections[k].receptor] = std::make_unique<Buffer>(n_steps * target.stripe);
            }
        return all;
    }

    void deliver(int64_t number, int64_t sample, int64_t step, std::vector<std::unique_ptr<Running>> &running) const {
        const GraphProjection &p = projections[number];
        const int64_t sent = p.delays ? step : step - p.delay;
        if (sent < 0 || p.by_target) return;
        const int32_t *first, *last;
        if (p.source < 0) {
            first = p.neurons + p.offsets[sample * n_steps + sent];
            last = p.neurons + p.offsets[sample * n_steps + sent + 1];
        } else {
            const Running &source = *running[p.source];
            first = source.spikes.data() + source.offsets[sent];
            last = source.spikes.data() + source.offsets[sent + 1];
        }
        if (first == last) return;
        Running &target = *running[p.target];
        if (p.delays)
            deliver_late(p, first, last, step, n_steps, target);
        else if (p.starts)
            deliver_single(p, first, last, target.receptors[p.receptor]);
        else
            deliver_dense(*padded[number], first, last, target.receptors[p.receptor]);
    }

    // Returns -1, or the first step * n_populations + population with a non-finite state if check_each_step, or 0 if one
    // ended non-finite.
    int64_t run(int64_t sample, std::vector<std::unique_ptr<Running>> &running, bool check_each_step) const {
        auto first_infinite = [&] {
            for (int64_t k = 0; k < n_populations; k++)
                if (!populations[k].calls.finite(running[k]->state)) return k;
            return int64_t(-1);
        };
        for (auto &one : running) one->start(n_steps);
        for (int64_t k = 0; k < n_projections; k++)
            if (projections[k].by_target)
                drive_from_outside(projections[k], sample, n_steps, *running[projections[k].target]);
        for (int64_t step = 0; step < n_steps; step++) {
            for (auto &one : running) one->update(step);
            for (int64_t k = 0; k < n_projections; k++) deliver(k, sample, step, running);
            for (auto &one : running) {
                one->add_drives(step);
                one->reset(step);
            }
            if (check_each_step && first_infinite() >= 0) return step * n_populations + first_infinite();
        }
        return first_infinite() < 0 ? -1 : 0;
    }
};

static void forward_graph(const GraphForward &arguments) {
    const GraphPresentation g(arguments);
    std::vector<std::unique_ptr<SpikeLists>> lists;
    for (int64_t k = 0; k < g.n_populations; k++) lists.push_back(std::make_unique<SpikeLists>(g.n_samples));
    FirstFailure first_failure;
    const int64_t n_chunks = std::min(g.n_samples, GRAPH_FORWARD_PARTS);
    parallel_for(n_chunks, g.threads, [&](int64_t chunk) {
        std::vector<std::unique_ptr<Running>> running = g.running();
        for (int64_t s = chunk * g.n_samples / n_chunks; s < (chunk + 1) * g.n_samples / n_chunks; s++) {
            if (g.run(s, running, false) >= 0) {
                first_failure.report(s, g.n_steps * g.n_populations, g.run(s, running, true));
                return;
            }
            for (int64_t k = 0; k < g.n_populations; k++) {
                (*lists[k])[s] = running[k]->spikes;
                for (int64_t step = 0; step < g.n_steps; step++)
                    g.populations[k].counts[s * g.n_steps + step] =
                        running[k]->offsets[step + 1] - running[k]->offsets[step];
            }
        }
    });
    first_failure.write(g.n_steps * g.n_populations, g.failure);
    for (int64_t k = 0; k < g.n_populations; k++) *g.populations[k].spikes = lists[k].release();
}

extern "C" {

int graph_forward(const GraphForward *arguments) {
    return status_of([=] { forward_graph(*arguments); });
}
}
