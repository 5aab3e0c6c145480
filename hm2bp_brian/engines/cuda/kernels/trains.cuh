// The last spike of a neuron before a step, -1 if there is none. train: its first word, n_post words from one to the next.
static inline int last_spike_before(const uint32_t *train, int stride, int step) {
    uint32_t mask = (1u << (step & 31)) - 1;
    for (int word = step >> 5; word >= 0; word--, mask = ~0u) {
        const uint32_t fires = mask ? train[int64_t(word) * stride] & mask : 0;
        if (fires) return word * 32 + 31 - __clz(fires);
    }
    return -1;
}
