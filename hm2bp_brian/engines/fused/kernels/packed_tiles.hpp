// A matrix cut into tiles, copied once for all units that read it: rows of a tile lie beside one another.
#pragma once
#include "parallel.hpp"
#include "tile.hpp"

template <int W>
class PackedTiles {
    int64_t size;  // of a tile
    Buffer packed;

  public:
    PackedTiles(const scalar *matrix, int64_t n_rows, int64_t n_columns, int64_t n_tiles, int64_t threads)
        : size(n_rows * W), packed(n_tiles * n_rows * W) {
        parallel_for(n_tiles, threads, [&](int64_t number) {
            pack_tile<W>(matrix, n_rows, n_columns, number, packed.data + number * size);
        });
    }
    const scalar *tile(int64_t number) const { return packed.data + number * size; }  // (n_rows, W)
};
