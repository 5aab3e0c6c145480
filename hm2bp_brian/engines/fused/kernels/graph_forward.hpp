// Populations that feed back on one another, or receive several projections, over a presentation: all of them a step,
// then the next. A sample at a time. In each step, as in Brian2: state update and threshold of all, then synapses in the
// order of projections, then reset.
#pragma once
#include <memory>

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
    scalar *synaptic;
    int64_t stripe;
    Buffer drive;  // (n_steps, stripe): what delays of single connections deliver in each step
    bool has_drive;
    std::vector<int32_t> spikes;
    std::vector<int64_t> offsets;  // of each step

    Running(const GraphPopulation &population, int64_t n_steps, bool has_drive)
        : population(population), stripe((population.n_neurons + TILE - 1) / TILE * TILE),
          drive(has_drive ? n_steps * stripe : 0), has_drive(has_drive), offsets(n_steps + 1) {
        state = population.calls.make(population.forward, population.n_neurons, &synaptic);
    }
    ~Running() { population.calls.free(state); }
    Running(const Running &) = delete;

    void start(int64_t n_steps) {
        population.calls.start(state);
        spikes.clear();
        if (has_drive) memset(drive.data, 0, n_steps * stripe * sizeof(scalar));
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
    void add_drive(int64_t step) {
        const scalar *row = drive.data + step * stripe;
        for (int64_t i = 0; i < stripe; i++) synaptic[i] += row[i];
    }
};

static inline void deliver_dense(const PaddedRows &rows, const int32_t *spike, const int32_t *last, scalar *synaptic) {
    for (int64_t first = 0; first < rows.stripe; first += TILE) {
        auto *target = reinterpret_cast<vector_t *>(synaptic + first);
        vector_t sums[TILE / LANES];
        for (int v = 0; v < TILE / LANES; v++) sums[v] = target[v];
        for (const int32_t *s = spike; s != last; s++) {
            const auto *row = reinterpret_cast<const vector_t *>(rows.weights.data + *s * rows.stripe + first);
            for (int v = 0; v < TILE / LANES; v++) sums[v] += row[v];
        }
        for (int v = 0; v < TILE / LANES; v++) target[v] = sums[v];
    }
}

static inline void deliver_single(const GraphProjection &p, const int32_t *spike, const int32_t *last, scalar *synaptic) {
    for (; spike != last; spike++)
        for (int64_t c = p.starts[*spike]; c < p.starts[*spike + 1]; c++) synaptic[p.partners[c]] += p.weights[c];
}

// Single delays: what spikes of step `step` deliver, now or later.
static inline void deliver_late(const GraphProjection &p, const int32_t *spike, const int32_t *last, int64_t step,
                                int64_t n_steps, Running &target) {
    for (; spike != last; spike++)
        for (int64_t c = p.starts[*spike]; c < p.starts[*spike + 1]; c++) {
            const int64_t at = step + p.delays[c];
            if (at < n_steps) target.drive.data[at * target.stripe + p.partners[c]] += p.weights[c];
        }
}

// The trains of one sample as bits, a bit a step, with as many silent steps before as delays reach back.
struct TrainBits {
    static constexpr int64_t WORD = 64;
    int64_t before, n_words;
    std::vector<uint64_t> words;

    TrainBits(const GraphProjection &p, int64_t sample, int64_t n_steps)
        : before((p.longest_delay + WORD - 1) / WORD * WORD), n_words((before + n_steps) / WORD + 2 + LANES / 4),
          words(p.n_pre * n_words) {
        const int64_t *trains = p.trains + sample * p.n_pre;
        for (int64_t pre = 0; pre < p.n_pre; pre++)
            for (int64_t k = trains[pre]; k < trains[pre + 1]; k++) {
                const int64_t bit = before + p.steps[k];
                words[pre * n_words + bit / WORD] |= uint64_t(1) << bit % WORD;
            }
    }

    // Where the steps of a neuron begin, from a step that may be negative on.
    const uint64_t *word_of(int64_t pre, int64_t step) const { return &words[pre * n_words + (before + step) / WORD]; }
    int shift_of(int64_t step) const { return int((before + step) % WORD); }
};

// Single delays from outside: all spikes are known, so that what one neuron gets in a stretch of steps is summed in
// registers, connection by connection.
static inline void drive_from_outside(const GraphProjection &p, int64_t sample, int64_t n_steps, Running &target) {
    constexpr int64_t WORD = TrainBits::WORD, WORDS = LANES / 4, STRETCH = WORDS * WORD;  // 16 vectors
    constexpr int64_t BLOCK = 16, PIECES = WORD / LANES;
    const TrainBits bits(p, sample, n_steps);
    alignas(64) scalar rows[BLOCK][STRETCH];
    for (int64_t first = 0; first < p.n_post; first += BLOCK)
        for (int64_t step = 0; step < n_steps; step += STRETCH) {
            const int64_t n = std::min(BLOCK, p.n_post - first);
            for (int64_t i = 0; i < n; i++) {
                vector_t sums[WORDS * PIECES] = {};
                for (int64_t c = p.starts[first + i]; c < p.starts[first + i + 1]; c++) {
                    const uint64_t *word = bits.word_of(p.partners[c], step - p.delays[c]);
                    const int shift = bits.shift_of(step - p.delays[c]);
                    const vector_t weight = vector_t{} + p.weights[c];
                    for (int w = 0; w < WORDS; w++) {
                        const uint64_t spikes = word[w] >> shift | word[w + 1] << 1 << (WORD - 1 - shift);
                        for (int k = 0; k < PIECES; k++)
                            add_where(sums[w * PIECES + k], spikes >> k * LANES, weight);
                    }
                }
                memcpy(rows[i], sums, sizeof sums);
            }
            for (int64_t s = 0; s < std::min(STRETCH, n_steps - step); s++)
                for (int64_t i = 0; i < n; i++)
                    target.drive.data[(step + s) * target.stripe + first + i] += rows[i][s];
        }
}

// What all threads share.
struct GraphPresentation : GraphForward {
    std::vector<std::unique_ptr<PaddedRows>> padded;
    std::vector<bool> has_drive;

    explicit GraphPresentation(const GraphForward &arguments) : GraphForward(arguments), has_drive(n_populations) {
        for (int64_t k = 0; k < n_projections; k++) {
            padded.push_back(std::make_unique<PaddedRows>(projections[k], !projections[k].starts));
            if (projections[k].delays) has_drive[projections[k].target] = true;
        }
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
            deliver_single(p, first, last, target.synaptic);
        else
            deliver_dense(*padded[number], first, last, target.synaptic);
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
                if (one->has_drive) one->add_drive(step);
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
        std::vector<std::unique_ptr<Running>> running;
        for (int64_t k = 0; k < g.n_populations; k++)
            running.push_back(std::make_unique<Running>(g.populations[k], g.n_steps, g.has_drive[k]));
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
