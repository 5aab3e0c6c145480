// Connections of a layer. Each neuron of a map receives a window of the map before; maps are channels last. A dense layer
// is a map of one position, whose window is all that is before. model/connections.py has the same in Python.
struct Window {
    int height, width, c_in;    // the map before
    int rows, columns, c_out;   // this layer's map
    int size, stride, padding;
    int pooling;  // each channel to its own, with weight 1

    int n_pre() const { return height * width * c_in; }
    int n_post() const { return rows * columns * c_out; }
    int n_positions() const { return rows * columns; }
    int fan_in() const { return size * size * (pooling ? 1 : c_in); }

    // Where connection `row` of a channel's neuron at a position comes from; -1 if it is outside of the map.
    int source(int position, int channel, int row) const {
        const int per_place = pooling ? 1 : c_in, place = row / per_place;
        const int y = position / columns * stride - padding + place / size;
        const int x = position % columns * stride - padding + place % size;
        if (y < 0 || y >= height || x < 0 || x >= width) return -1;
        return (y * width + x) * c_in + (pooling ? channel : row % per_place);
    }
};

// Output rows (or columns) whose windows hold input row (or column) i: first to last.
static inline void outputs_of(const Window &w, int i, int n_outputs, int &first, int &last) {
    const int low = i + w.padding - w.size + 1;
    first = low <= 0 ? 0 : (low + w.stride - 1) / w.stride;
    last = min((i + w.padding) / w.stride, n_outputs - 1);
}

// Visit(first presynaptic neuron, first row of the kernel, how many) of each stretch of neighbours in a window.
template <typename Visit>
static inline void each_stretch(const Window &w, int position, Visit visit) {
    const int top = position / w.columns * w.stride - w.padding, left = position % w.columns * w.stride - w.padding;
    const int from = max(0, -left), to = min(w.size, w.width - left);
    if (from >= to) return;
    for (int y = max(0, -top); y < w.size && top + y < w.height; y++)
        visit(((top + y) * w.width + left + from) * w.c_in, (y * w.size + from) * w.c_in, (to - from) * w.c_in);
}
