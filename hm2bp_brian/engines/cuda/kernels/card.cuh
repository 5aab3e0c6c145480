// What NVRTC lacks: it knows no headers of the host. Functions without a mark are for the card (-default-device).
typedef int int32_t;
typedef unsigned int uint32_t;
typedef long long int64_t;
typedef unsigned long long uint64_t;
#define INFINITY __int_as_float(0x7f800000)
namespace std {
static inline float abs(float x) { return fabsf(x); }
static inline double abs(double x) { return fabs(x); }
}

// A function that the host launches; it takes one structure, and calls it `a`. So many threads a block, at most.
#define KERNEL(name, Arguments) extern "C" __global__ void __launch_bounds__(512, 1) name(const Arguments a)
