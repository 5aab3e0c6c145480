// Lists of neurons that fire in a step, or of steps in which a neuron fires: rising, 16 bits each, eight in one read. The last
// eight are filled up with a number behind all others, whose row is zero.
struct alignas(16) Eight {
    uint32_t pairs[4];
};

template <typename Visit>
static inline void each_of(const Eight &eight, Visit visit) {
#pragma unroll
    for (int k = 0; k < 4; k++) {
        visit(int(eight.pairs[k] & 0xffff));
        visit(int(eight.pairs[k] >> 16));
    }
}

// `first` is the first of n eights, which are read before they are needed.
template <typename Visit>
static inline void each_of(Eight first, const Eight *list, int n, Visit visit) {
    for (int k = 0; k < n; k++) {
        const Eight now = first;
        if (k + 1 < n) first = list[k + 1];
        each_of(now, visit);
    }
}

struct ListWriter {
    uint16_t *list;
    int n;

    void add(int number) { list[n++] = uint16_t(number); }

    // How many eights.
    int end(int filler) {
        while (n % 8) add(filler);
        return n / 8;
    }
};
