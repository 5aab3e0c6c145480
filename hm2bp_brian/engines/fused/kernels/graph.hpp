// What Python hands to the kernels of a graph: engines/fused/arguments.py has the same structures, field by field.
#pragma once
#include "arguments.hpp"

// Where a variable that spikes add to lies: lanes of a tile one after the other, tiles so many numbers apart.
struct Receptor {
    scalar *first;
    int64_t stride;

    scalar *tile(int64_t number) const { return first + number * stride; }
};

struct GraphPopulation;

// The functions of population.hpp, compiled with a population's neurons.
struct PopulationCalls {
    void *(*make)(const Forward *, int64_t n_neurons);
    void (*receptor)(void *, int64_t variable, Receptor *);
    void (*free)(void *);
    void (*start)(void *);
    int64_t (*update)(void *, int64_t step, int32_t *fired);
    void (*reset)(void *, const int32_t *fired, int64_t n_fired);
    int (*finite)(const void *);
    void *(*make_adjoint)(const GraphPopulation *);
    void (*free_adjoint)(void *);
    void (*adjoint)(const void *, int64_t sample, int64_t tile, const scalar *const *added, scalar *const *q, scalar *counts,
                    scalar *start);
};

struct GraphPopulation {
    PopulationCalls calls;
    int64_t n_neurons, n_receptors;
    const int64_t *receptors;  // numbers of the variables that spikes add to
    const Forward *forward;
    int64_t *counts;      // (n_samples, n_steps), of spikes
    SpikeLists **spikes;  // for take_spikes and free_spikes
    const LayerTrains *trains;  // one a receptor, to which its matrices are ordered
    scalar *nu;      // (n_samples, n_neurons); if own_nu, in the distance from rest to the threshold, out the sample's own
    int64_t own_nu;
    scalar *delta;         // (n_samples, n_neurons): in what came from outside, out the sum of the series
    const scalar *factor;  // (n_samples, n_neurons)
    int64_t along_trajectory, n_variables, n_learned;
    const int32_t *learned;  // (n_learned), which of the state's variables are, as trains[0] orders them
    scalar *start_gradient;  // (n_learned, n_neurons), of their values at the start, summed over samples
};

// A projection is dense, a matrix (n_pre, n_post), or it is a list of single connections, one source neuron after the
// other, or one target neuron after the other.
struct GraphProjection {
    int64_t source;  // number of the population it comes from, or -1: from outside
    int64_t target;
    int64_t receptor;  // which of the target's
    int64_t n_pre, n_post;
    const int32_t *neurons;  // spikes of the source, if from outside: in each step, and below of each neuron
    const int64_t *offsets;
    const int32_t *steps;
    const int64_t *trains;
    const int64_t *starts;    // of single connections: where those of each neuron begin; dense: null
    const int32_t *partners;  // the neuron at the other end of each
    int64_t by_target;        // whether `starts` counts target neurons
    const scalar *weights;
    const int32_t *delays;  // of single connections, in steps; null if all have `delay`
    int64_t delay, longest_delay;
    int64_t lateral;  // inhibition of the readout: not in the backward pass
    const scalar *nu_pre;  // (n_samples, n_pre) of the source; null: it is an input, and wants no delta
    scalar *gradient, *delay_gradient, *delta_pre;  // or null

    int64_t n_entries() const { return !starts ? n_pre * n_post : starts[by_target ? n_post : n_pre]; }
};

struct GraphForward {
    int64_t n_samples, n_steps, n_populations, n_projections, threads;
    GraphPopulation *populations;
    const GraphProjection *projections;
    int64_t *failure;  // sample, and step * n_populations + population, of a non-finite state; or (-1, -1)
};

struct GraphBackward {
    int64_t n_samples, n_steps, n_populations, n_projections, threads;
    GraphPopulation *populations;
    const GraphProjection *projections;
    Rules rules;
    int64_t *n_cut;  // samples in which the series was cut
};
