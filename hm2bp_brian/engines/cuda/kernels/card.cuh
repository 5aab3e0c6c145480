// What NVRTC lacks: it knows no headers of the host. Functions without a mark are for the card (-default-device).
typedef int int32_t;
typedef unsigned short uint16_t;
typedef unsigned int uint32_t;
typedef long long int64_t;
typedef unsigned long long uint64_t;
#define INFINITY __int_as_float(0x7f800000)
namespace std {
static inline float abs(float x) { return fabsf(x); }
static inline double abs(double x) { return fabs(x); }
}

// A function that the host launches; it takes one structure, and calls it `a`. So many threads a block, at most, of which a
// multiprocessor has registers for so many blocks.
#define KERNEL_FOR(threads, blocks, name, Arguments) \
    extern "C" __global__ void __launch_bounds__(threads, blocks) name(const Arguments a)
#define KERNEL(name, Arguments) KERNEL_FOR(512, 1, name, Arguments)

// Memory that the threads of a block share, as large as the host says.
#define SHARED_SCALARS(name) extern __shared__ __align__(16) scalar name[]
