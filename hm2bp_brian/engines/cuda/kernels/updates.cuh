// Updates of weights: engines/updates.py has the same in numpy. Threads stride through an array.
struct Update {
    int64_t size;
    int64_t n_threads;  // of the first pass, each with a sum of its own
    double beta_1, beta_2, step_size, epsilon, limit;  // limit 0: none
    double fraction;
    scalar *w, *m, *v, *average;
    const scalar *g;
    double *squares;  // (n_threads)
    double *length;   // (1), of the step
};

KERNEL(adam_average, Update) {
    const int64_t thread = int64_t(blockIdx.x) * blockDim.x + threadIdx.x;
    if (thread >= a.n_threads) return;
    double sum = 0;
    for (int64_t i = thread; i < a.size; i += a.n_threads) {
        const scalar g = a.g[i];
        a.m[i] = a.m[i] * scalar(a.beta_1) + g * scalar(1 - a.beta_1);
        a.v[i] = a.v[i] * scalar(a.beta_2) + g * g * scalar(1 - a.beta_2);
        if (a.limit != 0) {
            const double ratio = g / (sqrt(a.v[i]) + scalar(a.epsilon));
            sum += ratio * ratio;
        }
    }
    a.squares[thread] = sum;
}

KERNEL(adam_length, Update) {
    if (threadIdx.x || blockIdx.x) return;
    double sum = 0;
    for (int64_t thread = 0; thread < a.n_threads; thread++) sum += a.squares[thread];
    const double shrink = a.limit != 0 ? sqrt(sum / a.size) / a.limit : 0;
    a.length[0] = a.step_size / (shrink > 1 ? shrink : 1);
}

KERNEL(adam_step, Update) {
    const int64_t i = int64_t(blockIdx.x) * blockDim.x + threadIdx.x;
    if (i < a.size) a.w[i] -= a.m[i] / (sqrt(a.v[i]) + scalar(a.epsilon)) * scalar(a.length[0]);
}

KERNEL(move_towards, Update) {
    const int64_t i = int64_t(blockIdx.x) * blockDim.x + threadIdx.x;
    if (i < a.size) a.average[i] += (a.w[i] - a.average[i]) * scalar(a.fraction);
}
