// One population of a component, whose neurons' code stands before this, in the same namespace: what the threads of a block
// do with its neurons in one sample. Between steps they lie in memory.
static inline Neuron &at(const GraphPopulation &p, int sample, int number) {
    return *reinterpret_cast<Neuron *>(p.states + (int64_t(sample) * p.n_neurons + number) * p.bytes_a_neuron);
}

static inline void start(const GraphPresentation &a, int which, int sample, int) {
    const GraphPopulation &p = a.populations[which];
    for (int k = threadIdx.x; k < p.n_neurons; k += blockDim.x) at(p, sample, k) = Neuron(p.arrays, k);
}

// Up to the threshold.
static inline void update(const GraphPresentation &a, int which, int sample, int step) {
    const GraphPopulation &p = a.populations[which];
    const NeuronConstants common(p);
    const auto update_one = make_update(common);
    const auto reaches_threshold = make_threshold(common);
    for (int k = threadIdx.x; k < p.n_neurons; k += blockDim.x) {
        Neuron &neuron = at(p, sample, k);
        neuron.begin(step);
        update_one(neuron);
        p.word(sample, k, step) |= uint32_t(reaches_threshold(neuron) ? 1 : 0) << (step & 31);
    }
}

// What arrives, and the reset.
static inline void receive(const GraphPresentation &a, int which, int sample, int step) {
    const GraphPopulation &p = a.populations[which];
    const NeuronConstants common(p);
    const auto reset = make_reset(common);
    for (int k = threadIdx.x; k < p.n_neurons; k += blockDim.x) {
        Neuron &neuron = at(p, sample, k);
        for (int number = 0; number < a.n_projections; number++) {
            const GraphProjection &projection = a.projections[number];
            if (projection.target != which) continue;
            scalar &variable = neuron.variable(projection.receptor);
            variable = with_spikes(variable, projection, sample, step, k);
        }
        if (p.fires(sample, k, step)) {
            neuron.fire(common, step);
            reset(neuron);
        }
        int &infinite_at = p.infinite_at[int64_t(sample) * p.n_neurons + k];
        if (!neuron.finite() && infinite_at == a.n_steps) infinite_at = step;
    }
}

static inline void finish(const GraphPresentation &a, int which, int sample, int) {
    const GraphPopulation &p = a.populations[which];
    for (int k = threadIdx.x; k < p.n_neurons; k += blockDim.x)
        if (!at(p, sample, k).finite())
            atomicMin(a.failure + sample, p.infinite_at[int64_t(sample) * p.n_neurons + k] * a.n_populations + which);
}
