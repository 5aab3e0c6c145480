// A layer over the whole presentation, a thread a neuron: state update, threshold, synapses, reset, as in Brian2. Sums over
// presynaptic spikes have the order of the engine on the processor.
struct Presentation {
    Window window;
    int n_samples, n_steps, n_words, n_pre_words;
    const uint32_t *pre;       // steps of the population before
    uint32_t *post;            // trains of this one
    const scalar *weights;     // null for pooling
    const void *const *arrays;  // what Neuron loads
    const double *constants;    // and NeuronConstants
    double dt;
    int64_t refractory_steps;
    double lateral_inhibition;  // if not 0, a block has all neurons of a sample
    int *failure;               // (n_samples), smallest step with a state that is not finite in the end; n_steps if none
};

// The weights of those neurons that fire in a step, one after the other.
static inline scalar with_spikes(scalar sum, const Presentation &a, const uint32_t *fires, int position, int channel) {
    if (a.window.pooling) {
        each_stretch(a.window, position, [&](int first, int, int n) {
            for (int neuron = first + channel; neuron < first + n; neuron += a.window.c_in)
                if (fires[neuron >> 5] >> (neuron & 31) & 1u) sum += 1;
        });
        return sum;
    }
    each_stretch(a.window, position, [&](int first, int row, int n) {
        const scalar *weights = a.weights + int64_t(row - first) * a.window.c_out + channel;
        const int end = first + n;
        for (int word = first >> 5; word * 32 < end; word++) {
            uint32_t rest = fires[word];
            if (word * 32 < first) rest &= ~0u << (first - word * 32);
            if (word * 32 + 32 > end) rest &= ~0u >> (word * 32 + 32 - end);
            for (; rest; rest &= rest - 1)
                sum += weights[int64_t(word * 32 + __ffs(rest) - 1) * a.window.c_out];
        }
    });
    return sum;
}

KERNEL(forward, Presentation) {
    const int number = blockIdx.x * blockDim.x + threadIdx.x, sample = blockIdx.y, n_post = a.window.n_post();
    const bool real = number < n_post;
    if (!real && a.lateral_inhibition == 0) return;  // with it, all threads of a block meet in each step
    const int position = number / a.window.c_out, channel = number % a.window.c_out;
    const NeuronConstants common(a);
    const auto update = make_update(common);
    const auto reaches_threshold = make_threshold(common);
    const auto reset = make_reset(common);
    Neuron neuron(a.arrays, real ? number : 0);
    int infinite_at = a.n_steps;
    uint32_t train = 0;
    for (int step = 0; step < a.n_steps; step++) {
        neuron.begin(step);
        update(neuron);
        const bool fires = reaches_threshold(neuron) && real;
        train |= uint32_t(fires) << (step & 31);
        const uint32_t *before = a.pre + (int64_t(sample) * a.n_steps + step) * a.n_pre_words;
        if (real) neuron.synaptic() = with_spikes(neuron.synaptic(), a, before, position, channel);
        if (a.lateral_inhibition != 0)
            for (int others = __syncthreads_count(fires) - int(fires); others > 0; others--)
                neuron.synaptic() += -scalar(a.lateral_inhibition);
        if (fires) {
            neuron.fire(common, step);
            reset(neuron);
        }
        if (infinite_at == a.n_steps && !neuron.finite()) infinite_at = step;
        if (real && ((step & 31) == 31 || step == a.n_steps - 1)) {
            a.post[(int64_t(sample) * a.n_words + (step >> 5)) * n_post + number] = train;
            train = 0;
        }
    }
    if (real && !neuron.finite()) atomicMin(a.failure + sample, infinite_at);
}
