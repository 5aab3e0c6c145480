// Spikes on the card are bits. Trains: (n_samples, n_words, n_neurons), bit t % 32 of word t / 32 a spike at step t. Steps:
// (n_samples, n_steps, n_neuron_words), bit j % 32 of word j / 32 a spike of neuron j. Threads are neurons or steps.
struct Spikes {
    int n_samples, n_neurons, n_steps, n_words, n_neuron_words;
    uint32_t *trains;
    uint32_t *by_step;
    int *counts;                 // (n_samples, n_neurons)
    const uint32_t *thresholds;  // (n_samples, n_neurons), of the encoder; or (256), where there are
    const unsigned char *pixels;  // (n_samples, n_neurons)
    const uint32_t *keys;        // (n_samples, 2)
    const int *neurons;          // lists of each step, as in SpikeBatch
    const int64_t *offsets;      // (n_samples * n_steps + 1)
    Eight *lists;                // of steps or trains, see lists.cuh; so many eights each:
    int *lengths;
    int capacity, segment;       // room of a list in eights; steps of a segment of a train
};

// Bernoulli spikes, the same integers as encoding/poisson.py.
static inline uint32_t bernoulli_word(const Spikes &a, int sample, int neuron, int word) {
    const int64_t index = int64_t(sample) * a.n_neurons + neuron;
    const uint32_t threshold = a.thresholds[a.pixels ? a.pixels[index] : index];
    if (threshold == 0) return 0;
    const uint32_t counter = uint32_t(neuron) * uint32_t(a.n_steps) + uint32_t(32 * word) + a.keys[2 * sample];
    const uint32_t key = a.keys[2 * sample + 1];
    const int first = word == 0 ? 1 : 0, last = min(32, a.n_steps - 32 * word);  // step 0 is silent
    uint32_t fires = 0;
    for (int bit = first; bit < last; bit++)
        fires |= uint32_t(hash32(hash32(counter + bit) ^ key) < threshold) << bit;
    return fires;
}

KERNEL(encode, Spikes) {
    const int neuron = blockIdx.x * blockDim.x + threadIdx.x, word = blockIdx.z;
    if (neuron >= a.n_neurons) return;
    for (int sample = blockIdx.y; sample < a.n_samples; sample += gridDim.y)
        a.trains[(int64_t(sample) * a.n_words + word) * a.n_neurons + neuron] = bernoulli_word(a, sample, neuron, word);
}

// Lists into trains, which are 0 before. A thread has 32 steps of a sample to itself.
KERNEL(trains_of_lists, Spikes) {
    const int word = blockIdx.x * blockDim.x + threadIdx.x;
    if (word >= a.n_words) return;
    for (int sample = blockIdx.y; sample < a.n_samples; sample += gridDim.y) {
        uint32_t *row = a.trains + (int64_t(sample) * a.n_words + word) * a.n_neurons;
        for (int bit = 0; bit < min(32, a.n_steps - 32 * word); bit++) {
            const int64_t *list = a.offsets + int64_t(sample) * a.n_steps + 32 * word + bit;
            for (int64_t k = list[0]; k < list[1]; k++) row[a.neurons[k]] |= uint32_t(1) << bit;
        }
    }
}

KERNEL(count_spikes, Spikes) {
    const int neuron = blockIdx.x * blockDim.x + threadIdx.x;
    if (neuron >= a.n_neurons) return;
    for (int sample = blockIdx.y; sample < a.n_samples; sample += gridDim.y) {
        int count = 0;
        for (int word = 0; word < a.n_words; word++)
            count += __popc(a.trains[(int64_t(sample) * a.n_words + word) * a.n_neurons + neuron]);
        a.counts[int64_t(sample) * a.n_neurons + neuron] = count;
    }
}

// Trains into steps: a thread turns 32 neurons of 32 steps.
KERNEL(steps_of_trains, Spikes) {
    const int group = blockIdx.x * blockDim.x + threadIdx.x, word = blockIdx.z;
    if (group >= a.n_neuron_words) return;
    for (int sample = blockIdx.y; sample < a.n_samples; sample += gridDim.y) {
        const uint32_t *trains = a.trains + (int64_t(sample) * a.n_words + word) * a.n_neurons;
        uint32_t fires[32];
#pragma unroll
        for (int k = 0; k < 32; k++) fires[k] = 32 * group + k < a.n_neurons ? trains[32 * group + k] : 0;
        for (int bit = 0; bit < min(32, a.n_steps - 32 * word); bit++) {
            uint32_t at_step = 0;
#pragma unroll
            for (int k = 0; k < 32; k++) at_step |= (fires[k] >> bit & 1u) << k;
            a.by_step[(int64_t(sample) * a.n_steps + 32 * word + bit) * a.n_neuron_words + group] = at_step;
        }
    }
}

// (n_samples, n_steps) lists of neurons. The threads of a warp read the same words.
KERNEL(lists_of_steps, Spikes) {
    const int step = blockIdx.x * blockDim.x + threadIdx.x;
    if (step >= a.n_steps) return;
    for (int sample = blockIdx.y; sample < a.n_samples; sample += gridDim.y) {
        const uint32_t *trains = a.trains + (int64_t(sample) * a.n_words + (step >> 5)) * a.n_neurons;
        const int64_t row = int64_t(sample) * a.n_steps + step;
        ListWriter writer{reinterpret_cast<uint16_t *>(a.lists + row * a.capacity), 0};
#pragma unroll 8
        for (int neuron = 0; neuron < a.n_neurons; neuron++)
            if (trains[neuron] >> (step & 31) & 1u) writer.add(neuron);
        a.lengths[row] = writer.end(a.n_neurons);
    }
}

// (n_samples, n_segments, n_neurons) lists of steps, which are counted from where the segment begins.
KERNEL(lists_of_trains, Spikes) {
    const int neuron = blockIdx.x * blockDim.x + threadIdx.x, segment = blockIdx.z;
    if (neuron >= a.n_neurons) return;
    const int first = segment * (a.segment >> 5), end = min(first + (a.segment >> 5), a.n_words);
    for (int sample = blockIdx.y; sample < a.n_samples; sample += gridDim.y) {
        const int64_t row = (int64_t(sample) * gridDim.z + segment) * a.n_neurons + neuron;
        ListWriter writer{reinterpret_cast<uint16_t *>(a.lists + row * a.capacity), 0};
        for (int word = first; word < end; word++)
            for (uint32_t rest = a.trains[(int64_t(sample) * a.n_words + word) * a.n_neurons + neuron]; rest; rest &= rest - 1)
                writer.add(32 * (word - first) + __ffs(rest) - 1);
        a.lengths[row] = writer.end(a.segment);
    }
}
