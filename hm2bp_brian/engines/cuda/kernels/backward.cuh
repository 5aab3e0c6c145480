// HM2-BP through a layer by the adjoint: equations of learning/backward.py. Each number is summed in one order. What a neuron's delta of 0, or a silent train, makes superfluous is neither computed nor read.
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
    const Eight *lists;   // of segments of the trains before, and how many eights each has
    const int *lengths;
    int capacity, segment;  // room of a list in eights; steps of a segment
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
struct Adjoint {
    static constexpr int K = N_VARIABLES;
    scalar active[K * K], refractory[K * K], reset[K * K], readout[K], taken_back[K], lambda[K];
    const uint32_t *train;
    int stride, step, last;  // the step that comes next, and the last spike before

    Adjoint(const Backward &a, int sample, int number, int end)
        : train(a.post + int64_t(sample) * a.n_words * a.window.n_post() + number), stride(a.window.n_post()), step(end),
          last(last_spike_before(train, stride, end)) {
        const int64_t own = a.uniform ? 0 : number;
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
    }

    // write(step, q) for the steps down to the first one.
    template <typename Write>
    void back_to(int first, int64_t refractory_steps, Write write) {
        while (step > first) {
            step--;
            const bool fires = step == last;
            if (fires) {
                last = last_spike_before(train, stride, step);
                transposed_product<K>(reset, lambda);
            }
            write(step, lambda[K - 1]);
            if (fires) {
                scalar left = 1;
#pragma unroll
                for (int i = 0; i < K; i++) left -= taken_back[i] * lambda[i];
#pragma unroll
                for (int i = 0; i < K; i++) lambda[i] += readout[i] * left;
            }
            if (last >= 0 && step - last <= refractory_steps)
                transposed_product<K>(refractory, lambda);
            else
                transposed_product<K>(active, lambda);
        }
    }
};

// q of all steps, for who asks for it.
KERNEL(adjoint, Backward) {
    const int number = blockIdx.x * blockDim.x + threadIdx.x, sample = blockIdx.y, n_post = a.window.n_post();
    if (number >= n_post) return;
    const int64_t index = int64_t(sample) * n_post + number;
    if (a.delta[index] == 0 || a.post_counts[index] == 0) return;
    scalar *q = a.q + int64_t(sample) * a.n_steps * n_post + number;
    Adjoint adjoint(a, sample, number, a.n_steps);
    adjoint.back_to(0, a.refractory_steps, [&](int step, scalar value) { q[int64_t(step) * n_post] = value; });
    if (a.start)
#pragma unroll
        for (int i = 0; i < N_VARIABLES; i++)
            a.start[(int64_t(sample) * N_VARIABLES + i) * n_post + number] = adjoint.lambda[i];
}

// e_{i|j}, the sum of q_i over the spikes of j, and what follows for neuron i, of 32 neurons in a sample. The first warp finds
// q, a segment of steps after the other from the end; all warps share the rows.
constexpr int LANES = 32;

// Adds to e, or begins it where `begins`. visit(row of the kernel, e) where a presynaptic neuron fires; where the neuron itself
// does not, of all its rows.
template <typename Visit>
static inline void add_spsp(const Backward &a, int sample, int number, int segment, bool begins, const scalar *q, Visit visit) {
    const Window &w = a.window;
    const int n_post = w.n_post(), n_pre = w.n_pre(), channel = number % w.c_out, n_warps = blockDim.x / LANES;
    const int n_segments = (a.n_steps + a.segment - 1) / a.segment, warp = threadIdx.x / LANES;
    const bool silent = a.post_counts[int64_t(sample) * n_post + number] == 0;
    const Corner corner(w, number / w.c_out);
    Place place(w, warp);
    for (int row = warp; row < w.fan_in(); row += n_warps, place.advance(w, n_warps)) {
        const int pre = source(w, corner, place, channel);
        if (pre < 0) continue;
        scalar sum = 0;
        if (!silent) {
            if (a.pre_counts[int64_t(sample) * n_pre + pre] == 0) continue;
            const int64_t list = (int64_t(sample) * n_segments + segment) * n_pre + pre;
            const Eight *steps = a.lists + list * a.capacity;
            each_of(steps[0], steps, a.lengths[list], [&](int step) { sum += q[step * LANES]; });
            scalar &e = a.spsp[(int64_t(sample) * w.fan_in() + row) * n_post + number];
            if (!begins) sum += e;
            e = sum;
        }
        visit(row, sum);
    }
}

// kappa_i and nu_i, with T-PSP a_i, or the sum of the weights of a neuron that did not fire: the coefficient of all gradients
// of the neuron's weights, and delta where nu is the sample's own (learning/thresholds.py).
static inline void find_coefficient(const Backward &a, int64_t index, int number, scalar tpsp) {
    const int count = a.post_counts[index];
    const scalar ratio = count ? tpsp / scalar(count) : scalar(a.rules.silent_kappa_ratio) * tpsp;
    scalar nu = a.distance[number];
    if (OWN_NU) {
        if (count && !(ratio < nu)) nu = ratio;
        a.delta[index] /= nu;
    }
    a.coefficient[index] = a.delta[index] * (1 + ratio / nu) * a.factor[index];
}

// One warp works while q is found: others' blocks have the time, unless neurons need the registers.
KERNEL_FOR(256, N_VARIABLES <= 2 ? 4 : 1, spsp, Backward) {
    SHARED_SCALARS(q);  // (segment + 1, LANES), the last one zero; behind it what outlives a segment, or a warp
    scalar *kept = q + (a.segment + 1) * LANES + threadIdx.x % LANES;
    const int lane = threadIdx.x % LANES, warp = threadIdx.x / LANES, n_post = a.window.n_post();
    const int number = blockIdx.x * LANES + lane, sample = blockIdx.y;
    const int64_t index = int64_t(sample) * n_post + number;
    const bool real = number < n_post, wanted = real && a.delta[index] != 0, fired = wanted && a.post_counts[index] != 0;
    if (real && !wanted && a.coefficient && warp == 0) a.coefficient[index] = 0;
    if (__syncthreads_count(wanted) == 0) return;
    scalar tpsp = 0;
    const int last = (a.n_steps - 1) / a.segment;
    for (int segment = last; segment >= 0; segment--) {
        const int first = segment * a.segment, end = min(first + a.segment, a.n_steps);
        if (segment < last) __syncthreads();
        if (warp == 0) q[a.segment * LANES + lane] = 0;
        if (warp == 0 && fired) {
            Adjoint adjoint(a, sample, number, end);
#pragma unroll
            for (int i = 0; i < N_VARIABLES; i++)
                if (segment < last) adjoint.lambda[i] = kept[i * LANES];
            adjoint.back_to(first, a.refractory_steps,
                            [&](int step, scalar value) { q[(step - first) * LANES + lane] = value; });
#pragma unroll
            for (int i = 0; i < N_VARIABLES; i++) kept[i * LANES] = adjoint.lambda[i];
        }
        __syncthreads();
        if (wanted)
            add_spsp(a, sample, number, segment, segment == last, q + lane, [&](int row, scalar e) {
                if (segment > 0 || !a.coefficient) return;
                const scalar weight = a.window.pooling ? 1 : a.weights[int64_t(row) * a.window.c_out + number % a.window.c_out];
                tpsp += fired ? weight * e : weight;
            });
    }
    if (!a.coefficient) return;
    kept[warp * LANES] = tpsp;
    __syncthreads();
    if (warp || !wanted) return;
    scalar total = kept[0];
    for (int other = 1; other < blockDim.x / LANES; other++) total += kept[other * LANES];
    find_coefficient(a, index, number, total);
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
