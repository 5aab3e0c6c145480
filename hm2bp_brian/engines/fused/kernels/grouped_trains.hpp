// The trains of a projection's source, each filled up to whole groups of spikes, so that a sum over a train is a loop that
// the processor foresees.
#pragma once
#include <cstring>

#include "graph.hpp"

struct GroupedTrains {
    static constexpr int64_t GROUP = 8;
    std::vector<int32_t> steps;
    std::vector<int64_t> starts;  // of each train of each sample; silent neurons have no group

    // fill: a step at which nothing is to be added
    GroupedTrains(const GraphProjection &p, int64_t n_samples, int32_t fill) {
        const int64_t n_trains = n_samples * p.n_pre;
        starts.reserve(n_trains + 1);
        steps.reserve(p.trains[n_trains] + n_trains * GROUP / 2);
        for (int64_t k = 0; k < n_trains; k++) {
            starts.push_back(steps.size());
            steps.insert(steps.end(), p.steps + p.trains[k], p.steps + p.trains[k + 1]);
            steps.resize((steps.size() + GROUP - 1) / GROUP * GROUP, fill);
        }
        starts.push_back(steps.size());
    }
};

// Values at a step and its neighbours: one before, two after.
typedef scalar around_t __attribute__((vector_size(4 * sizeof(scalar))));

// The sum of what `values` has at the steps of a train, or of what it has from there on.
template <typename Value>
static inline Value sum_over_groups(const scalar *values, const int32_t *step, const int32_t *last) {
    Value sums[4] = {};  // so that one addition need not wait for the one before
    for (; step != last; step += GroupedTrains::GROUP)
        for (int k = 0; k < GroupedTrains::GROUP; k++) {
            Value added;
            memcpy(&added, values + step[k], sizeof added);
            sums[k % 4] += added;
        }
    return (sums[0] + sums[1]) + (sums[2] + sums[3]);
}
