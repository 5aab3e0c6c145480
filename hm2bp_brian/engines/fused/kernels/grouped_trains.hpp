// The trains of a projection's source in some samples, each filled up to whole groups of spikes, so that a sum over a
// train is a loop that the processor foresees.
#pragma once
#include "graph.hpp"

struct GroupedTrains {
    static constexpr int64_t GROUP = 8;
    int64_t first_sample, n_pre;
    std::vector<int32_t> steps;
    std::vector<int64_t> starts;  // of each train; silent neurons have no group

    // fill: a step at which nothing is to be added
    GroupedTrains(const GraphProjection &p, int64_t first_sample, int64_t last_sample, int32_t fill)
        : first_sample(first_sample), n_pre(p.n_pre) {
        for (int64_t k = first_sample * n_pre; k < last_sample * n_pre; k++) {
            starts.push_back(steps.size());
            steps.insert(steps.end(), p.steps + p.trains[k], p.steps + p.trains[k + 1]);
            while (steps.size() % GROUP) steps.push_back(fill);
        }
        starts.push_back(steps.size());
    }

    const int64_t *of_sample(int64_t sample) const { return starts.data() + (sample - first_sample) * n_pre; }
};

// The sum of what `values` has at the steps of a train.
template <typename Value>
static inline Value sum_over_groups(const Value *values, const int32_t *step, const int32_t *last) {
    Value sums[4] = {};  // so that one addition need not wait for the one before
    for (; step != last; step += GroupedTrains::GROUP)
        for (int k = 0; k < GroupedTrains::GROUP; k++) sums[k % 4] += values[step[k]];
    return (sums[0] + sums[1]) + (sums[2] + sums[3]);
}
