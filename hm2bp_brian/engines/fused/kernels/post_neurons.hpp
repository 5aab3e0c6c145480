// HM2-BP's micro level for W post neurons of one sample: kappa, gradient and delta, with the rules for empty trains.
// learning/backward.py has the equations.
#pragma once
#include "arguments.hpp"
#include "tile.hpp"

template <int W>
struct PostNeurons {
    const scalar *counts;
    scalar silent_spsp, silent_delta_ratio;
    alignas(64) scalar nu[W], delta[W], coefficient[W], delta_fired[W], delta_silent[W];

    // All of W lanes. tpsp: sum over the inputs of weight * S-PSP; weight_sum: of all weights. distance: from rest to
    // the threshold.
    PostNeurons(const scalar *counts, const scalar *all_deltas, const scalar *factor, const scalar *tpsp,
                const scalar *weight_sum, const scalar *distance, const Rules &rules)
        : counts(counts), silent_spsp(rules.silent_spsp), silent_delta_ratio(rules.silent_delta_ratio) {
        for (int lane = 0; lane < W; lane++) {
            const bool silent = counts[lane] == 0;
            const scalar ratio =
                silent ? scalar(rules.silent_kappa_ratio) * weight_sum[lane] : tpsp[lane] / counts[lane];
            nu[lane] = distance[lane];
            delta[lane] = all_deltas[lane];
            if (OWN_NU) {  // the sample's own: learning/thresholds.py
                if (!silent) nu[lane] = std::max(ratio, distance[lane]);
                delta[lane] /= nu[lane];
            }
            const scalar kappa = 1 + ratio / nu[lane];
            coefficient[lane] = delta[lane] * kappa * factor[lane];
            delta_fired[lane] = silent ? 0 : delta[lane];
            delta_silent[lane] = silent ? delta[lane] * silent_delta_ratio : 0;
        }
    }

    // Adds the gradient of the weights from one presynaptic neuron that fired; e: its S-PSPs.
    void add_gradient(const scalar *e, scalar *gradient) const {
        for (int lane = 0; lane < W; lane++)
            gradient[lane] += coefficient[lane] * (counts[lane] == 0 ? silent_spsp : e[lane]);
    }

    // What these neurons add to nu * delta of one presynaptic neuron with `count` spikes.
    scalar delta_before(const scalar *weights, const scalar *e, int64_t count) const {
        alignas(64) scalar product[W];
        if (count)
            for (int lane = 0; lane < W; lane++)
                product[lane] = weights[lane] * (delta_fired[lane] * e[lane] / scalar(count) + delta_silent[lane]);
        else
            for (int lane = 0; lane < W; lane++) product[lane] = weights[lane] * delta[lane] * silent_delta_ratio;
        return lane_sum<W>(product);
    }
};
