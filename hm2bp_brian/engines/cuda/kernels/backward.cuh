// HM2-BP through a layer by the adjoint: an equation of learning/backward.py a kernel. Each number is summed by one thread,
// in one order. What a neuron's delta of 0, or a silent train, makes superfluous is neither computed nor read.
struct Backward {
    Window window;
    int n_samples, n_steps, n_words, n_parts;
    const uint32_t *pre, *post;             // trains
    const int *pre_counts, *post_counts;    // (n_samples, n_neurons)
    const scalar *active, *refractory;      // (n_post, K, K), or those of one neuron where all are the same
    const scalar *reset;                    // the same
    const scalar *readout, *taken_back;     // (n_post, K), or one neuron's
    int64_t uniform;                        // whether all are the same
    int64_t refractory_steps;
    const scalar *weights;                  // null for pooling
    const scalar *distance, *nu_pre;        // (n_post), from rest to the threshold, and (n_pre)
    scalar *delta;                          // (n_samples, n_post), divided by nu where it is the sample's own
    const scalar *factor;                   // the same
    Rules rules;
    scalar *q;            // (n_samples, n_steps, n_post)
    scalar *start;        // (n_samples, N_VARIABLES, n_post), effect of the state at the start, in the matrices' order; or null
    scalar *spsp;         // (n_samples, fan_in, n_post)
    scalar *coefficient;  // (n_samples, n_post), delta kappa factor
    scalar *partial;      // (n_parts, fan_in, c_out)
    scalar *gradient;     // (fan_in, c_out), to which is added
    scalar *delta_pre;    // (n_samples, n_pre)
};

template <int K>
static inline void transposed_product(const scalar (&matrix)[K * K], scalar (&lambda)[K]) {
    scalar before[K];
#pragma unroll
    for (int i = 0; i < K; i++) {
        before[i] = matrix[i] * lambda[0];
#pragma unroll
        for (int j = 1; j < K; j++) before[i] += matrix[j * K + i] * lambda[j];
    }
#pragma unroll
    for (int i = 0; i < K; i++) lambda[i] = before[i];
}

// q(t) of a neuron backwards over time: learning/spsp.py.
KERNEL(adjoint, Backward) {
    constexpr int K = N_VARIABLES;
    const int number = blockIdx.x * blockDim.x + threadIdx.x, sample = blockIdx.y, n_post = a.window.n_post();
    if (number >= n_post) return;
    const int64_t index = int64_t(sample) * n_post + number;
    if (a.delta[index] == 0 || a.post_counts[index] == 0) return;
    const int64_t own = a.uniform ? 0 : number;
    scalar active[K * K], refractory[K * K], reset[K * K], readout[K], taken_back[K], lambda[K];
#pragma unroll
    for (int entry = 0; entry < K * K; entry++) {
        active[entry] = a.active[own * K * K + entry];
        refractory[entry] = a.refractory[own * K * K + entry];
        reset[entry] = a.reset[own * K * K + entry];
    }
#pragma unroll
    for (int i = 0; i < K; i++) {
        readout[i] = a.readout[own * K + i];
        taken_back[i] = a.taken_back[own * K + i];
        lambda[i] = 0;
    }
    const uint32_t *train = a.post + int64_t(sample) * a.n_words * n_post + number;
    scalar *q = a.q + int64_t(sample) * a.n_steps * n_post + number;
    int last = last_spike_before(train, n_post, a.n_steps);
    for (int step = a.n_steps - 1; step >= 0; step--) {
        const bool fires = step == last;
        if (fires) {
            last = last_spike_before(train, n_post, step);
            transposed_product<K>(reset, lambda);
        }
        q[int64_t(step) * n_post] = lambda[K - 1];
        if (fires) {
            scalar left = 1;
#pragma unroll
            for (int i = 0; i < K; i++) left -= taken_back[i] * lambda[i];
#pragma unroll
            for (int i = 0; i < K; i++) lambda[i] += readout[i] * left;
        }
        if (last >= 0 && step - last <= a.refractory_steps)
            transposed_product<K>(refractory, lambda);
        else
            transposed_product<K>(active, lambda);
    }
    if (a.start)
#pragma unroll
        for (int i = 0; i < K; i++) a.start[(int64_t(sample) * K + i) * n_post + number] = lambda[i];
}

// e_{i|j}: the sum of q_i over the spikes of j. A block has some of the rows.
KERNEL(spsp, Backward) {
    const int number = blockIdx.x * blockDim.x + threadIdx.x, sample = blockIdx.y, n_post = a.window.n_post();
    if (number >= n_post) return;
    const int64_t index = int64_t(sample) * n_post + number;
    if (a.delta[index] == 0 || a.post_counts[index] == 0) return;
    const Window &w = a.window;
    const int channel = number % w.c_out, n_pre = w.n_pre(), depth = gridDim.z;
    const int first = int64_t(blockIdx.z) * w.fan_in() / depth, end = int64_t(blockIdx.z + 1) * w.fan_in() / depth;
    const scalar *q = a.q + int64_t(sample) * a.n_steps * n_post + number;
    const Corner corner(w, number / w.c_out);
    Place place(w, first);
    for (int row = first; row < end; row++, place.advance(w)) {
        const int pre = source(w, corner, place, channel);
        if (pre < 0 || a.pre_counts[int64_t(sample) * n_pre + pre] == 0) continue;
        scalar sum = 0;
        for (int word = 0; word < a.n_words; word++)
            for (uint32_t rest = a.pre[(int64_t(sample) * a.n_words + word) * n_pre + pre]; rest; rest &= rest - 1)
                sum += q[int64_t(32 * word + __ffs(rest) - 1) * n_post];
        a.spsp[(int64_t(sample) * w.fan_in() + row) * n_post + number] = sum;
    }
}

// kappa_i and nu_i, with T-PSP a_i: the coefficient of all gradients of the neuron's weights, and delta where nu is the
// sample's own (learning/thresholds.py).
KERNEL(post_neurons, Backward) {
    const int number = blockIdx.x * blockDim.x + threadIdx.x, sample = blockIdx.y, n_post = a.window.n_post();
    if (number >= n_post) return;
    const int64_t index = int64_t(sample) * n_post + number;
    if (a.delta[index] == 0) {
        a.coefficient[index] = 0;
        return;
    }
    const int channel = number % a.window.c_out;
    const int *counts = a.pre_counts + int64_t(sample) * a.window.n_pre();
    const scalar *e = a.spsp + int64_t(sample) * a.window.fan_in() * n_post + number;
    const int count = a.post_counts[index];
    scalar tpsp = 0, weight_sum = 0;
    each_input(a.window, Corner(a.window, number / a.window.c_out), channel, [&](int pre, int row) {
        const scalar weight = a.window.pooling ? 1 : a.weights[int64_t(row) * a.window.c_out + channel];
        if (count == 0)
            weight_sum += weight;
        else if (counts[pre])
            tpsp += weight * e[int64_t(row) * n_post];
    });
    const scalar ratio = count ? tpsp / scalar(count) : scalar(a.rules.silent_kappa_ratio) * weight_sum;
    scalar nu = a.distance[number];
    if (OWN_NU) {
        if (count && !(ratio < nu)) nu = ratio;
        a.delta[index] /= nu;
    }
    a.coefficient[index] = a.delta[index] * (1 + ratio / nu) * a.factor[index];
}

// dE/dw_ij of some of the samples and positions, which a thread has to itself; threads of a block are weights.
KERNEL(partial_gradient, Backward) {
    const int weight = blockIdx.x * blockDim.x + threadIdx.x, part = blockIdx.y;
    const int n_weights = a.window.fan_in() * a.window.c_out, n_positions = a.window.n_positions();
    if (weight >= n_weights) return;
    const int row = weight / a.window.c_out, channel = weight % a.window.c_out, n_post = a.window.n_post();
    const int64_t n_items = int64_t(a.n_samples) * n_positions;
    const int64_t first = part * n_items / a.n_parts, end = (part + 1) * n_items / a.n_parts;
    const Place place(a.window, row);
    int sample = int(first / n_positions), position = int(first % n_positions);
    Corner corner(a.window, position);
    scalar sum = 0;
    for (int64_t item = first; item < end; item++) {
        const int number = position * a.window.c_out + channel;
        const int64_t index = int64_t(sample) * n_post + number;
        const scalar coefficient = a.coefficient[index];
        if (coefficient != 0) {
            const int pre = source(a.window, corner, place, channel);
            if (pre >= 0 && a.pre_counts[int64_t(sample) * a.window.n_pre() + pre])
                sum += coefficient * (a.post_counts[index] == 0
                                          ? scalar(a.rules.silent_spsp)
                                          : a.spsp[(int64_t(sample) * a.window.fan_in() + row) * n_post + number]);
        }
        corner.advance(a.window);
        if (++position == n_positions) {
            position = 0;
            corner = Corner(a.window, 0);
            sample++;
        }
    }
    a.partial[int64_t(part) * n_weights + weight] = sum;
}

KERNEL(add_gradient, Backward) {
    const int weight = blockIdx.x * blockDim.x + threadIdx.x, n_weights = a.window.fan_in() * a.window.c_out;
    if (weight >= n_weights) return;
    scalar sum = a.gradient[weight];
    for (int part = 0; part < a.n_parts; part++) sum += a.partial[int64_t(part) * n_weights + weight];
    a.gradient[weight] = sum;
}

// delta_j, from all neurons whose windows hold j.
KERNEL(delta_before, Backward) {
    const Window &w = a.window;
    const int pre = blockIdx.x * blockDim.x + threadIdx.x, sample = blockIdx.y, n_pre = w.n_pre(), n_post = w.n_post();
    if (pre >= n_pre) return;
    const int place = pre / w.c_in, of_channel = pre % w.c_in, count = a.pre_counts[int64_t(sample) * n_pre + pre];
    int top, bottom, left, right;
    outputs_of(w, place / w.width, w.rows, top, bottom);
    outputs_of(w, place % w.width, w.columns, left, right);
    scalar sum = 0;
    for (int row = top; row <= bottom; row++)
        for (int column = left; column <= right; column++) {
            const int y = place / w.width + w.padding - row * w.stride, x = place % w.width + w.padding - column * w.stride;
            const int kernel_row = w.pooling ? y * w.size + x : (y * w.size + x) * w.c_in + of_channel;
            const int first = w.pooling ? of_channel : 0, end = w.pooling ? of_channel + 1 : w.c_out;
            for (int channel = first; channel < end; channel++) {
                const int number = (row * w.columns + column) * w.c_out + channel;
                const int64_t index = int64_t(sample) * n_post + number;
                if (a.delta[index] == 0) continue;
                scalar flow = a.delta[index];
                if (count && a.post_counts[index])
                    flow *= a.spsp[(int64_t(sample) * w.fan_in() + kernel_row) * n_post + number] / scalar(count);
                else
                    flow *= scalar(a.rules.silent_delta_ratio);
                sum += w.pooling ? flow : a.weights[int64_t(kernel_row) * w.c_out + channel] * flow;
            }
        }
    a.delta_pre[int64_t(sample) * n_pre + pre] = sum / a.nu_pre[pre];
}
