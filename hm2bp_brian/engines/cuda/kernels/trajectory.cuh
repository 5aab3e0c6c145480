// The adjoint of neurons that are not affine: a thread runs a neuron forward again, as it fired, and then backwards, with the
// derivatives where it has been. brian/trajectory.py and learning/spsp.py have the same.
struct Along {
    GraphPopulation population;
    int which, n_steps, n_projections, n_receptors;
    const GraphProjection *projections;
    const int *receptors;         // numbers of the variables that spikes add to
    const int *wanted;            // (n_samples), whether anything comes back in a sample
    const int *counts;            // (n_samples, n_neurons)
    const scalar *distance;       // (n_neurons), from rest to the threshold
    const scalar *readout, *taken_back;  // (n_neurons, N_VARIABLES), or one neuron's
    int64_t uniform;
    scalar *states;               // (n_samples, n_steps, N_VARIABLES, n_neurons), of each step before a reset
    scalar *q;                    // (n_receptors, n_samples, n_steps, n_neurons)
    scalar *start;                // (n_samples, N_VARIABLES, n_neurons), effect of the state at the start; or null
    int n_samples;
};

// One neuron in one sample.
struct Walker {
    const Along &a;
    const NeuronConstants common;
    const int sample, number;
    const Neuron at_start;
    scalar lambda[N_VARIABLES] = {};

    Walker(const Along &a, int sample, int number)
        : a(a), common(a.population), sample(sample), number(number), at_start(a.population.arrays, number) {}

    bool fires(int step) const { return a.population.fires(sample, number, step); }

    // What spikes add to one of the variables in a step.
    scalar added(int step, int receptor) const {
        scalar sum = 0;
        for (int k = 0; k < a.n_projections; k++)
            if (a.projections[k].target == a.which && a.projections[k].receptor == receptor)
                sum = with_spikes(sum, a.projections[k], sample, step, number);
        return sum;
    }

    scalar &state(int step, int variable) const {
        const int64_t row = (int64_t(sample) * a.n_steps + step) * N_VARIABLES + variable;
        return a.states[row * a.population.n_neurons + number];
    }

    scalar &q(int receptor, int step) const {
        const int64_t row = (int64_t(receptor) * a.n_samples + sample) * a.n_steps + step;
        return a.q[row * a.population.n_neurons + number];
    }

    void forward() const {
        const auto reset = make_reset(common);
        Neuron neuron = at_start;
        for (int step = 0; step < a.n_steps; step++) {
            neuron.begin(step);
            neuron.update_along(common, fires(step));
            for (int r = 0; r < a.n_receptors; r++) neuron.variable(a.receptors[r]) += added(step, a.receptors[r]);
            for (int i = 0; i < N_VARIABLES; i++) state(step, i) = neuron.variable(i);
            if (fires(step)) {
                neuron.fire(common, step);
                reset(neuron);
            }
        }
    }

    // As it was in a step before its reset. last: its last spike up to then, or -1.
    Neuron before_reset(int step, int last) const {
        Neuron neuron = at_start;
        for (int i = 0; i < N_VARIABLES; i++) neuron.variable(i) = state(step, i);
        if (last >= 0) neuron.fire(common, last);
        return neuron;
    }

    // As it was before the update of a step. last: its last spike before that, or -1.
    Neuron before_update(int step, int last) const {
        Neuron neuron = step == 0 ? at_start : before_reset(step - 1, last);
        if (step > 0 && last == step - 1) make_reset(common)(neuron);
        neuron.begin(step);
        return neuron;
    }

    void read(int step) {
        scalar left = 1;
        const int64_t own = a.uniform ? 0 : number;
        for (int i = 0; i < N_VARIABLES; i++) left -= a.taken_back[own * N_VARIABLES + i] * lambda[i];
        for (int i = 0; i < N_VARIABLES; i++) lambda[i] += a.readout[own * N_VARIABLES + i] * left;
    }
};

// Where S-PSPs are shares (`SHARES`): the effects of all inputs on a neuron's next spike, each without its sign, are the
// distance in all. They do not depend on the scale of lambda, which may grow beyond all numbers.
struct Share {
    scalar absolute = 0;
    int next_spike = 0;

    void scale(const Walker &w, int step, scalar by) {
        for (int r = 0; r < w.a.n_receptors; r++)
            for (int s = step; s < next_spike; s++) w.q(r, s) *= by;
    }

    void add(const Walker &w, int step) {
        for (int r = 0; r < w.a.n_receptors; r++)
            absolute += std::abs(w.added(step, w.a.receptors[r]) * w.lambda[w.a.receptors[r]]);
    }

    // What belongs to the next spike is known from a step on.
    void finish(const Walker &w, int step) {
        scale(w, step, absolute == 0 ? scalar(0) : w.a.distance[w.number] / absolute);
        absolute = 0;
        next_spike = step;
    }

    void keep_in_range(Walker &w, int step) {
        constexpr scalar LARGE = scalar(1e15), SMALL = 1 / LARGE;
        bool beyond = false;
        for (int i = 0; i < N_VARIABLES; i++) beyond |= std::abs(w.lambda[i]) > LARGE;
        if (!beyond) return;
        for (int i = 0; i < N_VARIABLES; i++) w.lambda[i] *= SMALL;
        scale(w, step, SMALL);
        absolute *= SMALL;
    }
};

KERNEL(adjoint_along, Along) {
    const int number = blockIdx.x * blockDim.x + threadIdx.x, sample = blockIdx.y, n = a.population.n_neurons;
    if (number >= n || !a.wanted[sample] || a.counts[int64_t(sample) * n + number] == 0) return;
    Walker w(a, sample, number);
    w.forward();
    const uint32_t *train = &a.population.word(sample, number, 0);
    Share share;
    for (int step = a.n_steps - 1; step >= 0; step--) {
        const bool fires = w.fires(step);
        if (fires) w.before_reset(step, step).adjoint_of_reset(w.common, w.lambda);
        for (int r = 0; r < a.n_receptors; r++) w.q(r, step) = w.lambda[a.receptors[r]];
        if (SHARES) share.add(w, step);
        if (fires && SHARES) {
            share.finish(w, step);
            for (scalar &one : w.lambda) one = 0;  // what came before this spike has no part in the next
        }
        if (fires) w.read(step);
        const Neuron neuron = w.before_update(step, last_spike_before(train, n, step));
        Neuron moved = neuron;
        if (!moved.update_along(w.common, fires)) neuron.adjoint_of_update(w.common, w.lambda);
        if (SHARES) share.keep_in_range(w, step);
    }
    if (SHARES) share.finish(w, 0);
    if (a.start)
        for (int i = 0; i < N_VARIABLES; i++) a.start[(int64_t(sample) * N_VARIABLES + i) * n + number] = w.lambda[i];
}
