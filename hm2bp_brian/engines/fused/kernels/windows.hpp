// Geometry of a layer in which each neuron receives a square window of a map: convolution, pooling. Maps are channels
// last. model/connections.py has the same in Python.
#pragma once
#include "tile.hpp"

struct Windows {
    int64_t height, width, c_in;     // map before
    int64_t rows, columns, c_out;    // this layer's map
    int64_t size, stride, padding;

    int64_t n_pre() const { return height * width * c_in; }
    int64_t n_post() const { return rows * columns * c_out; }
    int64_t n_positions() const { return rows * columns; }
    int64_t n_rows() const { return size * size * c_in; }  // of the kernel

    // Channels are padded to 16, 32, 48, or a multiple of 64 lanes.
    Layout layout() const {
        const int64_t unit = c_out <= 3 * NARROW_TILE ? NARROW_TILE : TILE;
        return Layout{n_positions(), c_out, (c_out + unit - 1) / unit * unit};
    }

    // Output rows (or columns) whose windows hold input row (or column) i: first to last.
    void outputs_of(int64_t i, int64_t n_outputs, int64_t &first, int64_t &last) const {
        const int64_t low = i + padding - size + 1;
        first = low <= 0 ? 0 : (low + stride - 1) / stride;
        last = (i + padding) / stride;
        if (last >= n_outputs) last = n_outputs - 1;
    }
};

// Kernel (size, size, c_in, c_out) with channels padded to the layout's stripe.
static inline void pad_channels(const scalar *kernel, int64_t n_rows, int64_t channels, int64_t stripe, scalar *padded) {
    for (int64_t row = 0; row < n_rows; row++)
        for (int64_t channel = 0; channel < stripe; channel++)
            padded[row * stripe + channel] = channel < channels ? kernel[row * channels + channel] : 0;
}
