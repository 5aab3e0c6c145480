// Spike trains as rows of bits, as lists, and the Bernoulli encoder. A "row" is one step of one sample (its bits are
// neurons) or one neuron of one sample (its bits are steps).
#include "parallel.hpp"
#include "status.hpp"
#include "hash.hpp"

// Bit k: the neuron fires at the k-th of 32 steps. In words as wide as the hash, which compilers turn into vectors.
static inline uint32_t fires_in_32(uint32_t counter, uint32_t key, uint32_t threshold) {
    uint32_t fires = 0;
    for (uint32_t step = 0; step < 32; step++)
        fires |= uint32_t(hash32(hash32(counter + step) ^ key) < threshold) << step;
    return fires;
}

// One sample's lists by row, which end at `end`, into lists by column: steps of each neuron from neurons of each step,
// or back.
static void transpose_sample(const int32_t *indices, const int64_t *row_offsets, int64_t end, int64_t n_rows,
                             int64_t n_columns, int32_t *column_indices, int64_t *column_offsets) {
    std::vector<int64_t> next(n_columns, 0);
    for (int64_t k = row_offsets[0]; k < end; k++) next[indices[k]]++;
    int64_t position = row_offsets[0];
    for (int64_t column = 0; column < n_columns; column++) {
        const int64_t count = next[column];
        column_offsets[column] = next[column] = position;
        position += count;
    }
    for (int64_t row = 0, k = row_offsets[0]; row < n_rows; row++)
        for (const int64_t row_end = row + 1 < n_rows ? row_offsets[row + 1] : end; k < row_end; k++)
            column_indices[next[indices[k]]++] = int32_t(row);
}

// Words of 64 bits, (n_samples, n_rows, n_words), wherever they lie; strides in words.
struct Bits {
    const uint64_t *words;
    int64_t n_rows, n_words, sample_stride, row_stride, word_stride;

    uint64_t operator()(int64_t sample, int64_t row, int64_t word) const {
        return words[sample * sample_stride + row * row_stride + word * word_stride];
    }
};

extern "C" {

// Same integers as encoding/poisson.py. bits: (n_samples, n_neurons, n_words), bit t of a row: a spike at step t.
// counts: (n_samples), of all set bits of each sample.
int bernoulli_bits(const uint32_t *thresholds, const uint32_t *keys, int64_t n_samples, int64_t n_neurons,
                   int64_t n_steps, uint64_t *bits, int64_t *counts, int threads) {
    return status_of([&] {
        const int64_t n_words = (n_steps + 63) / 64;
        parallel_for(n_samples, threads, [&](int64_t sample) {
            const uint32_t key0 = keys[2 * sample], key1 = keys[2 * sample + 1];
            int64_t count = 0;
            for (int64_t neuron = 0; neuron < n_neurons; neuron++) {
                const uint32_t threshold = thresholds[sample * n_neurons + neuron];
                uint64_t *row = bits + (sample * n_neurons + neuron) * n_words;
                for (int64_t word = 0; word < n_words; word++) row[word] = 0;
                if (threshold == 0) continue;
                const uint32_t counter = uint32_t(neuron * n_steps) + key0;
                for (uint32_t step = 0; step < n_words * 64; step += 32)
                    row[step / 64] |= uint64_t(fires_in_32(counter + step, key1, threshold)) << step % 64;
                row[0] &= ~uint64_t(1);  // step 0 is silent
                if (n_steps % 64) row[n_words - 1] &= (uint64_t(1) << (n_steps % 64)) - 1;
                for (int64_t word = 0; word < n_words; word++) count += __builtin_popcountll(row[word]);
            }
            counts[sample] = count;
        });
    });
}

// Lists of the set bits of each row and of each column; starts: (n_samples + 1), where each sample's lists begin.
int lists_from_bits(const Bits *bits, int64_t n_samples, int64_t n_columns, const int64_t *starts, int32_t *indices,
                    int64_t *offsets, int32_t *column_indices, int64_t *column_offsets, int threads) {
    return status_of([&] {
        parallel_for(n_samples, threads, [&, b = *bits](int64_t sample) {
            int64_t *row_offsets = offsets + sample * b.n_rows;
            int64_t position = starts[sample];
            for (int64_t row = 0; row < b.n_rows; row++) {
                row_offsets[row] = position;
                for (int64_t word = 0; word < b.n_words; word++)
                    for (uint64_t rest = b(sample, row, word); rest; rest &= rest - 1)
                        indices[position++] = int32_t(word * 64 + __builtin_ctzll(rest));
            }
            transpose_sample(indices, row_offsets, position, b.n_rows, n_columns, column_indices,
                             column_offsets + sample * n_columns);
        });
        offsets[n_samples * bits->n_rows] = column_offsets[n_samples * n_columns] = starts[n_samples];
    });
}

// Lists by row into lists by column, sample by sample.
int transpose_lists(const int32_t *indices, const int64_t *offsets, int64_t n_samples, int64_t n_rows,
                    int64_t n_columns, int32_t *column_indices, int64_t *column_offsets, int threads) {
    return status_of([&] {
        parallel_for(n_samples, threads, [&](int64_t sample) {
            const int64_t *row_offsets = offsets + sample * n_rows;
            transpose_sample(indices, row_offsets, row_offsets[n_rows], n_rows, n_columns, column_indices,
                             column_offsets + sample * n_columns);
        });
        column_offsets[n_samples * n_columns] = offsets[n_samples * n_rows];
    });
}
}
