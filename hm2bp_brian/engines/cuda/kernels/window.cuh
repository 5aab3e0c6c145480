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
    int per_place() const { return pooling ? 1 : c_in; }  // connections from one place of the window
    int fan_in() const { return size * size * per_place(); }
};

// Where a position's window begins, on the map before.
struct Corner {
    int y, x;

    Corner(const Window &w, int position)
        : y(position / w.columns * w.stride - w.padding), x(position % w.columns * w.stride - w.padding) {}

    // To the next position.
    void advance(const Window &w) {
        x += w.stride;
        if (x != w.columns * w.stride - w.padding) return;
        x = -w.padding;
        y += w.stride;
    }
};

// A row of the kernel as a place in the window, and a channel there. Division is slow on a card: whoever goes from row to
// row, or from position to position, advances.
struct Place {
    int y, x, channel;

    Place(const Window &w, int row)
        : y(row / w.per_place() / w.size), x(row / w.per_place() % w.size), channel(row % w.per_place()) {}

    // By so many rows.
    void advance(const Window &w, int rows) {
        for (channel += rows; channel >= w.per_place(); channel -= w.per_place()) {
            if (++x < w.size) continue;
            x = 0;
            y++;
        }
    }
};

// Which neuron a connection comes from; -1 if it is outside of the map. channel: of the neuron that it leads to.
static inline int source(const Window &w, const Corner &corner, const Place &place, int channel) {
    const int y = corner.y + place.y, x = corner.x + place.x;
    if (y < 0 || y >= w.height || x < 0 || x >= w.width) return -1;
    return (y * w.width + x) * w.c_in + (w.pooling ? channel : place.channel);
}

// Output rows (or columns) whose windows hold input row (or column) i: first to last.
static inline void outputs_of(const Window &w, int i, int n_outputs, int &first, int &last) {
    const int low = i + w.padding - w.size + 1;
    first = low <= 0 ? 0 : (low + w.stride - 1) / w.stride;
    last = min((i + w.padding) / w.stride, n_outputs - 1);
}

// Visit(first presynaptic neuron, first row of the kernel, how many) of each stretch of neighbours in a window.
template <typename Visit>
static inline void each_stretch(const Window &w, const Corner &corner, Visit visit) {
    const int from = max(0, -corner.x), to = min(w.size, w.width - corner.x);
    if (from >= to) return;
    for (int y = max(0, -corner.y); y < w.size && corner.y + y < w.height; y++)
        visit(((corner.y + y) * w.width + corner.x + from) * w.c_in, (y * w.size + from) * w.c_in, (to - from) * w.c_in);
}
