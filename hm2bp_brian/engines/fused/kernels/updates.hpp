// Updates of whole arrays of weights: engines/updates.py has the same in numpy, in the same order of operations, so that
// both give the same bits; only the sum of squares that limits a step of Adam is added up in another order.
#pragma once
#include <algorithm>
#include <numeric>

#include "parallel.hpp"
#include "status.hpp"

// Elements that stay in the first caches between two loops over them; and partial sums that make vectors. Both decide the
// order of sums, and so the last bits of results.
constexpr int64_t BLOCK = 8192, SUMS = 16;

// work(block, first, last) for all blocks of elements; a thread for no fewer elements than pay for its start.
template <typename Work>
static void for_each_block(int64_t size, int threads, Work work) {
    const int64_t n_blocks = (size + BLOCK - 1) / BLOCK;
    parallel_for(n_blocks, size < 4 * BLOCK ? 1 : threads, [&](int64_t block) {
        work(block, block * BLOCK, std::min(size, (block + 1) * BLOCK));
    });
}

// limit: of the root mean square of g / (sqrt(v) + epsilon), beyond which the step is divided by their ratio; 0: none.
static void adam_step(scalar *w, const scalar *g, scalar *m, scalar *v, int64_t size, double beta_1, double beta_2,
                      double step_size, double epsilon, double limit, int threads) {
    const scalar keep_m = beta_1, take_m = 1 - beta_1, keep_v = beta_2, take_v = 1 - beta_2, eps = epsilon;
    auto average = [=](int64_t first, int64_t last) {
        for (int64_t i = first; i < last; i++) {
            m[i] = m[i] * keep_m + g[i] * take_m;
            v[i] = v[i] * keep_v + g[i] * g[i] * take_v;
        }
    };
    auto step = [=](int64_t first, int64_t last, scalar length) {
        for (int64_t i = first; i < last; i++) w[i] -= m[i] / (std::sqrt(v[i]) + eps) * length;
    };
    if (limit == 0) {
        for_each_block(size, threads, [&](int64_t, int64_t first, int64_t last) {
            average(first, last);
            step(first, last, scalar(step_size));
        });
        return;
    }
    auto sum_of_squares = [=](int64_t first, int64_t last) {
        double sums[SUMS] = {};
        for (int64_t i = first; i < last; i += SUMS)
            for (int64_t lane = 0; lane < std::min(last - i, SUMS); lane++) {
                const double ratio = g[i + lane] / (std::sqrt(v[i + lane]) + eps);
                sums[lane] += ratio * ratio;
            }
        return std::accumulate(sums, sums + SUMS, 0.0);
    };
    std::vector<double> squares((size + BLOCK - 1) / BLOCK);
    for_each_block(size, threads, [&](int64_t block, int64_t first, int64_t last) {
        average(first, last);
        squares[block] = sum_of_squares(first, last);
    });
    const double sum = std::accumulate(squares.begin(), squares.end(), 0.0);
    const scalar length = step_size / std::max(1.0, std::sqrt(sum / size) / limit);
    for_each_block(size, threads, [&](int64_t, int64_t first, int64_t last) { step(first, last, length); });
}

static void move_average(scalar *average, const scalar *w, int64_t size, double fraction, int threads) {
    const scalar part = fraction;
    for_each_block(size, threads, [&](int64_t, int64_t first, int64_t last) {
        for (int64_t i = first; i < last; i++) average[i] += (w[i] - average[i]) * part;
    });
}
extern "C" {

int adam(scalar *w, const scalar *g, scalar *m, scalar *v, int64_t size, double beta_1, double beta_2, double step_size,
         double epsilon, double limit, int threads) {
    return status_of([=] { adam_step(w, g, m, v, size, beta_1, beta_2, step_size, epsilon, limit, threads); });
}

int move_towards(scalar *average, const scalar *w, int64_t size, double fraction, int threads) {
    return status_of([=] { move_average(average, w, size, fraction, threads); });
}
}
