// A component's populations over the whole presentation, in which spikes of one may arrive at any, and late. A block has a
// sample: all its neurons are updated before anything arrives, as in Brian2.
struct GraphPopulation {
    int n_neurons, n_words, bytes_a_neuron;
    uint32_t *trains;           // 0 before
    char *states;               // (n_samples, n_neurons) neurons
    int *infinite_at;           // (n_samples, n_neurons), first step with a state that is not finite, n_steps before
    const void *const *arrays;  // what Neuron loads
    const double *constants;    // and NeuronConstants
    double dt;
    int64_t refractory_steps;

    // The word of a neuron's train in which a step is.
    uint32_t &word(int sample, int neuron, int step) const {
        return trains[(int64_t(sample) * n_words + (step >> 5)) * n_neurons + neuron];
    }
    bool fires(int sample, int neuron, int step) const { return word(sample, neuron, step) >> (step & 31) & 1u; }
};

// Connections of a projection: those of a target neuron one after the other, by rising source.
struct GraphProjection {
    int target, receptor, n_pre, n_words;
    const uint32_t *trains;  // of the source
    const int64_t *starts;   // by target
    const int *sources, *delays;
    const scalar *weights;

    bool fires(int sample, int source, int step) const {
        return trains[(int64_t(sample) * n_words + (step >> 5)) * n_pre + source] >> (step & 31) & 1u;
    }
};

struct GraphPresentation {
    int n_steps, n_populations, n_projections;
    const GraphPopulation *populations;
    const GraphProjection *projections;
    int *failure;  // (n_samples), smallest step * n_populations + population with a state that is not finite in the end
};

// The weights of those connections through which a spike arrives in a step, one after the other.
static inline scalar with_spikes(scalar sum, const GraphProjection &p, int sample, int step, int post) {
    for (int64_t c = p.starts[post]; c < p.starts[post + 1]; c++) {
        const int sent = step - p.delays[c];
        if (sent >= 0 && p.fires(sample, p.sources[c], sent)) sum += p.weights[c];
    }
    return sum;
}
