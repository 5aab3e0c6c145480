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
    const Eight *lists;         // of the steps of the population before, and how many eights each has
    const int *lengths;
    int capacity, tile;         // room of a list in eights; neurons of a block
};

// One neuron in one sample; receive(sum, step) adds to the sum what arrives. With lateral inhibition, threads of a block that
// are no neurons go through the steps, too.
template <typename Receive>
static inline void present(const Presentation &a, int sample, int number, Receive receive) {
    const int n_post = a.window.n_post();
    const bool real = number < n_post;
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
        if (real) neuron.synaptic() = receive(neuron.synaptic(), step);
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

// The weights of those neurons that fire in a step, one after the other.
static inline scalar with_spikes(scalar sum, const Presentation &a, const uint32_t *fires, const Corner &corner,
                                 int channel) {
    if (a.window.pooling) {
        each_stretch(a.window, corner, [&](int first, int, int n) {
            for (int neuron = first + channel; neuron < first + n; neuron += a.window.c_in)
                if (fires[neuron >> 5] >> (neuron & 31) & 1u) sum += 1;
        });
        return sum;
    }
    each_stretch(a.window, corner, [&](int first, int row, int n) {
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
    const int number = blockIdx.x * blockDim.x + threadIdx.x, sample = blockIdx.y;
    if (number >= a.window.n_post() && a.lateral_inhibition == 0) return;
    const int channel = number % a.window.c_out;
    const Corner corner(a.window, number / a.window.c_out);
    present(a, sample, number, [&](scalar sum, int step) {
        return with_spikes(sum, a, a.pre + (int64_t(sample) * a.n_steps + step) * a.n_pre_words, corner, channel);
    });
}

// A dense layer. A block has the weights of its neurons in shared memory, and presents one sample after the other, several at
// a time where there is no lateral inhibition.
KERNEL(forward_dense, Presentation) {
    SHARED_SCALARS(rows);  // (n_pre + 1, tile), the last one zero
    const int n_pre = a.window.n_pre(), n_post = a.window.n_post(), at_once = blockDim.x / a.tile;
    const int column = threadIdx.x % a.tile, number = blockIdx.x * a.tile + column;
#pragma unroll 8
    for (int row = threadIdx.x / a.tile; row < n_pre; row += at_once)
        rows[row * a.tile + column] = number < n_post ? a.weights[int64_t(row) * n_post + number] : scalar(0);
    rows[n_pre * a.tile + column] = 0;
    __syncthreads();
    if (number >= n_post && a.lateral_inhibition == 0) return;
    const scalar *own = rows + column;
    for (int sample = blockIdx.y * at_once + threadIdx.x / a.tile; sample < a.n_samples; sample += gridDim.y * at_once) {
        const Eight *lists = a.lists + int64_t(sample) * a.n_steps * a.capacity;
        const int *lengths = a.lengths + int64_t(sample) * a.n_steps;
        Eight first = lists[0];
        int n_first = lengths[0];
        present(a, sample, number, [&](scalar sum, int step) {
            const Eight eight = first;
            const int n = n_first;
            if (step + 1 < a.n_steps) {
                first = lists[int64_t(step + 1) * a.capacity];
                n_first = lengths[step + 1];
            }
            each_of(eight, lists + int64_t(step) * a.capacity, n, [&](int row) { sum += own[row * a.tile]; });
            return sum;
        });
    }
}
