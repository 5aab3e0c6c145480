// The hash that random spikes are made of, as in encoding/random_numbers.py. A GPU takes these lines, too: NVRTC knows
// no headers of the host.

static inline uint32_t hash32(uint32_t x) {
    x ^= x >> 16;
    x *= 0x21f0aaadu;
    x ^= x >> 15;
    x *= 0x735a2d97u;
    x ^= x >> 15;
    return x;
}
