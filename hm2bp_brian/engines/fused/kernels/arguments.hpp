// What Python hands to the kernels of a layer: engines/fused/arguments.py has the same structures, field by field.
#pragma once
#include <cstdint>
#include <vector>

#include "windows.hpp"

// A layer's whole presentation.
struct Forward {
    const int32_t *pre_neurons;  // spikes of each step, rising
    const int64_t *pre_offsets;  // (n_samples * n_steps + 1)
    int64_t n_samples, n_steps;
    const scalar *weights;      // null for pooling
    const void *const *arrays;  // what the generated Neurons load
    const double *constants;    // and NeuronConstants
    double dt;
    int64_t refractory_steps;
    int64_t *failure;  // sample and step of a non-finite state, or (-1, -1)
    int64_t threads;
};

struct DenseForward : Forward {
    int64_t n_pre, n_post;
    double lateral_inhibition;
    uint64_t *bits;   // (n_tiles, n_samples, n_steps): threads do not take cache lines from each other
    int64_t *counts;  // (n_tiles, n_samples), of all set bits
};

typedef std::vector<std::vector<int32_t>> SpikeLists;  // of each sample

struct WindowsForward : Forward {
    Windows windows;
    int64_t *counts;      // (n_samples, n_steps)
    SpikeLists **spikes;  // for take_spikes and free_spikes
};

// The spikes before and in a layer, and what a step, a spike and the threshold do to its neurons' states.
struct LayerTrains {
    const int32_t *pre_steps;   // of each neuron's spikes, rising
    const int64_t *pre_trains;  // (n_samples * n_pre + 1)
    const int32_t *post_steps;
    const int64_t *post_trains;  // (n_samples * n_post + 1)
    int64_t n_samples, n_steps;
    const scalar *active, *refractory;  // (n_post, K, K): a step takes x to A x
    const scalar *reset, *readout;      // (n_post, K, K): a spike takes x to R x; (n_post, K): the threshold reads c x
    const scalar *taken_back;           // (n_post, K), d: what the spike has used up of x is d c x
    const scalar *distance;             // (n_post), from rest to the threshold
    int64_t refractory_steps;
    int64_t threads;
    const Forward *forward;  // to run the neurons again as they fired; null where a step always does the same
};

struct DenseSpsp : LayerTrains {
    int64_t n_pre, n_post;
    scalar *spsp;  // (n_samples, n_pre, n_post)
};

// For what the equations leave open: neurons without spikes, see learning/backward.py.
struct Rules {
    RULES  // the fields of learning/rules.py, which arguments.py defines
};

struct Backward : LayerTrains {
    const scalar *weights;  // null for pooling
    const scalar *nu_pre;   // (n_pre), nu, or null for an input
    const scalar *delta, *factor;  // (n_samples, n_post)
    Rules rules;
    scalar *gradient;   // of the weights' shape, summed over samples
    scalar *delta_pre;  // (n_samples, n_pre) or null
    scalar *nu;         // (n_samples, n_post), each sample's own; null where it is the distance
    int64_t n_learned;       // variables of the neurons that are learned
    const int32_t *learned;  // (n_learned), which of the state's they are
    scalar *start_gradient;  // (n_learned, n_post or, of maps, c_out), of their values at the start, summed over samples
};

struct DenseBackward : Backward {
    int64_t n_pre, n_post;
    double lateral_inhibition;
};

struct WindowsBackward : Backward {
    Windows windows;
};
