// A tile: W neighbouring neurons of a layer, whose state stays in registers and first-level cache.
#pragma once
#include <algorithm>
#include <cmath>
#include <cstdint>
#include <cstring>
#include <limits>
#include <new>
#ifdef __AVX512F__
#include <immintrin.h>  // a second of compiling, hence only where nothing else does
#endif

#include "exponential.hpp"

// Vectors are the processor's own: compilers keep wider ones in memory. Their width does not decide any result.
#if defined(__AVX512F__)
constexpr int VECTOR_BYTES = 64;
#elif defined(__AVX2__)
constexpr int VECTOR_BYTES = 32;
#else
constexpr int VECTOR_BYTES = 16;
#endif
constexpr int LANES = VECTOR_BYTES / sizeof(scalar);
typedef scalar vector_t __attribute__((vector_size(VECTOR_BYTES)));
typedef flag flags_t __attribute__((vector_size(VECTOR_BYTES)));
typedef float floats_t __attribute__((vector_size(VECTOR_BYTES)));
typedef double doubles_t __attribute__((vector_size(VECTOR_BYTES)));

// Lanes of a tile, a bit each, in a step in which it is known who fires.
struct LanesAlong {
    uint64_t not_refractory;
    uint64_t waiting;  // those that would have fired, and stayed where they were
};

// Lanes of a tile. Sums over neurons are formed tile by tile (lane_sum), so that these widths, and those of
// windows.hpp, decide the last bits of results: other ones are other results, if no worse.
constexpr int TILE = 64, NARROW_TILE = 16;

// Where a layer's neurons lie in tiles: neuron (position, channel) in lane position * stripe + channel, counted through
// all tiles. A dense layer is one position with all neurons as channels.
struct Layout {
    int64_t n_positions, channels, stripe;

    int64_t span() const { return stripe < TILE ? stripe : TILE; }
    int64_t n_tiles(int width) const { return (n_positions * stripe + width - 1) / width; }
    int64_t neuron(int64_t lane) const {  // -1 where a lane is padding
        const int64_t position = lane / stripe, channel = lane % stripe;
        return position < n_positions && channel < channels ? position * channels + channel : -1;
    }
};

// Small dense layers are one narrow tile.
static inline int dense_width(int64_t n_post) { return n_post <= NARROW_TILE ? NARROW_TILE : TILE; }

static inline Layout dense_layout(int64_t n_post) {
    const int64_t width = dense_width(n_post);
    return Layout{1, n_post, (n_post + width - 1) / width * width};
}

// The sum of a tile's lanes, always in the same order.
template <int W>
static inline scalar lane_sum(const scalar *values) {
    constexpr int N_SUMS = 64 / sizeof(scalar);
    scalar sums[N_SUMS];
    for (int lane = 0; lane < N_SUMS; lane++) {
        sums[lane] = values[lane];
        for (int other = lane + N_SUMS; other < W; other += N_SUMS) sums[lane] += values[other];
    }
    for (int half = N_SUMS / 2; half; half /= 2)
        for (int lane = 0; lane < half; lane++) sums[lane] += sums[lane + half];
    return sums[0];
}

// Pack W flags of 0 or 1 into bits.
template <int W>
static inline uint64_t pack_bits(const flag *flags) {
    uint64_t packed = 0;
#ifdef __AVX512F__
    for (int lane = 0; lane < W; lane += LANES) {
        const __m512i some = _mm512_load_si512(flags + lane);
        packed |= uint64_t(LANES == 16 ? _mm512_test_epi32_mask(some, some) : _mm512_test_epi64_mask(some, some)) << lane;
    }
#elif defined(__AVX2__)
    for (int lane = 0; lane < W; lane += LANES) {
        const flags_t signs = *reinterpret_cast<const flags_t *>(flags + lane) << (8 * sizeof(flag) - 1);
        packed |= uint64_t(LANES == 8 ? __builtin_ia32_movmskps256((floats_t)signs)
                                      : __builtin_ia32_movmskpd256((doubles_t)signs))
                  << lane;
    }
#else
    uint8_t bytes[W];
    for (int lane = 0; lane < W; lane++) bytes[lane] = uint8_t(flags[lane]);
    for (int group = 0; group < W / 8; group++) {
        uint64_t eight;
        memcpy(&eight, bytes + 8 * group, 8);
        packed |= ((eight * 0x0102040810204080u) >> 56) << (8 * group);
    }
#endif
    return packed;
}

// Copy one tile's columns of a (n_rows, n_columns) matrix; lanes past its edge are 0.
template <int W>
static inline void pack_tile(const scalar *matrix, int64_t n_rows, int64_t n_columns, int64_t tile, scalar *packed) {
    const int64_t first = tile * W;
    const int64_t n_lanes = n_columns - first < W ? n_columns - first : W;
    for (int64_t row = 0; row < n_rows; row++) {
        const scalar *from = matrix + row * n_columns + first;
        if (n_lanes == W) {  // a size that the compiler knows: no call
            memcpy(packed + row * W, from, W * sizeof(scalar));
        } else {
            memcpy(packed + row * W, from, n_lanes * sizeof(scalar));
            memset(packed + row * W + n_lanes, 0, (W - n_lanes) * sizeof(scalar));
        }
    }
}

// Memory for vector loads.
struct Buffer {
    scalar *data;
    explicit Buffer(int64_t n)
        : data(static_cast<scalar *>(::operator new(n * sizeof(scalar), std::align_val_t(64)))) {}
    ~Buffer() { ::operator delete(data, std::align_val_t(64)); }
    Buffer(const Buffer &) = delete;
};

// A bit a lane as a vector of truth values.
static inline flags_t spread(unsigned bits) {
    flags_t lane_bit, all = {};
    for (int lane = 0; lane < LANES; lane++) lane_bit[lane] = flag(1) << lane;
    return ((all + flag(bits)) & lane_bit) != 0;
}

// The other way round than pack_bits: a truth value a lane.
template <int W>
static inline void spread_bits(uint64_t bits, flag *flags) {
    for (int lane = 0; lane < W; lane += LANES) {
        const flags_t some = spread(unsigned(bits >> lane & ((uint64_t(1) << LANES) - 1))) & flag(1);
        memcpy(flags + lane, &some, sizeof some);
    }
}

// One vector where bits are set, of as many as a vector has, another one elsewhere.
static inline vector_t choose(uint64_t bits, vector_t where_set, vector_t elsewhere) {
#ifdef __AVX512F__
    if constexpr (LANES == 16)
        return (vector_t)_mm512_mask_blend_ps(__mmask16(bits), (__m512)elsewhere, (__m512)where_set);
    else
        return (vector_t)_mm512_mask_blend_pd(__mmask8(bits), (__m512d)elsewhere, (__m512d)where_set);
#else
    return spread(unsigned(bits & ((uint64_t(1) << LANES) - 1))) ? where_set : elsewhere;
#endif
}

// Adds to the lanes whose bits are set, of as many as a vector has.
static inline void add_where(vector_t &sum, uint64_t bits, vector_t added) {
#ifdef __AVX512F__
    if constexpr (LANES == 16)
        sum = (vector_t)_mm512_mask_add_ps((__m512)sum, __mmask16(bits), (__m512)sum, (__m512)added);
    else
        sum = (vector_t)_mm512_mask_add_pd((__m512d)sum, __mmask8(bits), (__m512d)sum, (__m512d)added);
#else
    sum = choose(bits, sum + added, sum);
#endif
}

// e_{i|j} of W neurons i: the sum of q (n_steps, W) over the spikes of j.
template <int W>
static inline void sum_over_train(const scalar *q, const int32_t *first, const int32_t *last, scalar *spsp) {
    vector_t sums[W / LANES] = {};
    for (const int32_t *step = first; step != last; step++) {
        const vector_t *at_step = reinterpret_cast<const vector_t *>(q + *step * W);
        for (int v = 0; v < W / LANES; v++) sums[v] += at_step[v];
    }
    memcpy(spsp, sums, sizeof sums);
}
