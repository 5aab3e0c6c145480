// HM2-BP through a list of connections: equations of learning/component.py, each number summed by one thread, in one order.
// S-PSPs of silent neurons, and samples to which nothing comes back, are neither computed nor read.
struct Connections {
    int n_samples, n_steps, n_words, n_pre, n_post;
    const int *wanted;                    // (n_samples), whether anything comes back in a sample
    const uint32_t *pre;                  // trains
    const int *pre_counts, *post_counts;  // (n_samples, n_neurons)
    int64_t n_connections;
    const int64_t *starts;                // (n_post + 1): those of a target neuron one after the other
    const int *sources, *targets, *delays;
    const scalar *weights;
    const int64_t *starts_of_source, *of_source;  // (n_pre + 1), and the connections of a source neuron
    const scalar *q;                      // (n_samples, n_steps, n_post)
    scalar *spsp, *slope;                 // (n_samples, n_connections); slope: null unless delays are learned
    scalar *tpsp;                         // (n_samples, n_post), to which is added
    const scalar *delta, *coefficient;    // (n_samples, n_post)
    scalar *gradient, *delay_gradient;    // (n_connections), to which is added
    scalar *flow;                         // (n_samples, n_pre), to which is added
    double silent_spsp, silent_ratio;
};

// Sums of q over the spikes of a train, each so many steps later, and one step to both sides. Before the first step q stays
// what it is there, behind the last one it is 0.
struct SumAround {
    scalar before = 0, at = 0, after = 0;

    void add(const Connections &a, const scalar *q, int step) {
        const auto read = [&](int t) { return t < a.n_steps ? q[int64_t(max(t, 0)) * a.n_post] : scalar(0); };
        at += read(step);
        if (!a.slope) return;
        before += read(step - 1);
        after += read(step + 1);
    }
};

// e_{i|j}, and its derivative with respect to the delay. Blocks in z share a neuron's connections.
KERNEL(spsp_of_connections, Connections) {
    const int post = blockIdx.x * blockDim.x + threadIdx.x, sample = blockIdx.y;
    if (post >= a.n_post || !a.wanted[sample] || a.post_counts[int64_t(sample) * a.n_post + post] == 0) return;
    const int64_t first = a.starts[post], n = a.starts[post + 1] - first;
    const scalar *q = a.q + int64_t(sample) * a.n_steps * a.n_post + post;
    const int64_t end = first + (blockIdx.z + 1) * n / gridDim.z;
    for (int64_t c = first + blockIdx.z * n / gridDim.z; c < end; c++) {
        SumAround sum;
        for (int word = 0; word < a.n_words; word++)
            for (uint32_t rest = a.pre[(int64_t(sample) * a.n_words + word) * a.n_pre + a.sources[c]]; rest; rest &= rest - 1)
                sum.add(a, q, 32 * word + __ffs(rest) - 1 + a.delays[c]);
        a.spsp[sample * a.n_connections + c] = sum.at;
        if (a.slope) a.slope[sample * a.n_connections + c] = (sum.after - sum.before) / 2;
    }
}

// a_i; of a silent neuron the sum of its weights.
KERNEL(tpsp_of_connections, Connections) {
    const int post = blockIdx.x * blockDim.x + threadIdx.x, sample = blockIdx.y;
    if (post >= a.n_post || !a.wanted[sample]) return;
    const int64_t index = int64_t(sample) * a.n_post + post;
    const bool silent = a.post_counts[index] == 0;
    scalar sum = a.tpsp[index];
    for (int64_t c = a.starts[post]; c < a.starts[post + 1]; c++)
        sum += a.weights[c] * (silent ? scalar(1) : a.spsp[sample * a.n_connections + c]);
    a.tpsp[index] = sum;
}

// nu_j times what comes back to a source neuron.
KERNEL(flow_back, Connections) {
    const int pre = blockIdx.x * blockDim.x + threadIdx.x, sample = blockIdx.y;
    if (pre >= a.n_pre || !a.wanted[sample]) return;
    const int count = a.pre_counts[int64_t(sample) * a.n_pre + pre];
    scalar sum = a.flow[int64_t(sample) * a.n_pre + pre];
    for (int64_t k = a.starts_of_source[pre]; k < a.starts_of_source[pre + 1]; k++) {
        const int64_t c = a.of_source[k], index = int64_t(sample) * a.n_post + a.targets[c];
        if (a.delta[index] == 0) continue;
        const bool both = count && a.post_counts[index];
        const scalar ratio = both ? a.spsp[sample * a.n_connections + c] / scalar(count) : scalar(a.silent_ratio);
        sum += a.weights[c] * ratio * a.delta[index];
    }
    a.flow[int64_t(sample) * a.n_pre + pre] = sum;
}

// dE/dw_ij and dE/dd_ij, summed over samples.
KERNEL(gradient_of_connections, Connections) {
    const int64_t c = int64_t(blockIdx.x) * blockDim.x + threadIdx.x;
    if (c >= a.n_connections) return;
    scalar sum = 0, of_delay = 0;
    for (int sample = 0; sample < a.n_samples; sample++) {
        const int64_t index = int64_t(sample) * a.n_post + a.targets[c], of_sample = sample * a.n_connections + c;
        const scalar coefficient = a.coefficient[index];
        if (coefficient == 0) continue;
        if (a.post_counts[index] == 0) {
            if (a.pre_counts[int64_t(sample) * a.n_pre + a.sources[c]]) sum += coefficient * scalar(a.silent_spsp);
            continue;
        }
        sum += coefficient * a.spsp[of_sample];
        if (a.slope) of_delay += coefficient * a.weights[c] * a.slope[of_sample];
    }
    if (a.gradient) a.gradient[c] += sum;
    if (a.slope) a.delay_gradient[c] += of_delay;
}
