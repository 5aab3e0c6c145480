// Kernels for a GPU on this processor. The threads of a block take turns; one runs until it ends or meets a barrier, and all
// meet there. They take their turns in rising or falling order: what depends on it is a race. Where the first thread meets a
// barrier, all become contexts, each with a stack of its own; others are quicker without.
#include <ucontext.h>

#include <algorithm>
#include <cmath>
#include <cstddef>
#include <cstdint>
#include <cstring>
#include <functional>
#include <memory>
#include <vector>

using std::max;
using std::min;

struct Dim3 {
    int x, y, z;
};
static Dim3 gridDim, blockDim, blockIdx, threadIdx;

static inline int __popc(uint32_t x) { return __builtin_popcount(x); }
static inline int __ffs(uint32_t x) { return __builtin_ffs(int(x)); }
static inline int __clz(uint32_t x) { return x ? __builtin_clz(x) : 32; }
static inline int atomicMin(int *address, int value) {
    const int before = *address;
    *address = min(before, value);
    return before;
}

static constexpr size_t STACK = 64 * 1024;
struct Thread {
    ucontext_t context;
    std::unique_ptr<char[]> stack;
    int predicate = 0;
    bool ended = false, waiting = false;
};
static std::vector<Thread> threads;
static ucontext_t scheduler;
static int current, counted;
static const std::function<void()> *body;

struct Barrier {};
static bool has_contexts;

static int __syncthreads_count(int predicate) {
    if (!has_contexts) throw Barrier();
    Thread &thread = threads[current];
    thread.predicate = predicate != 0;
    thread.waiting = true;
    swapcontext(&thread.context, &scheduler);
    return counted;
}

static void __syncthreads() { __syncthreads_count(0); }

static void run_thread() {
    (*body)();
    threads[current].ended = true;
    swapcontext(&threads[current].context, &scheduler);
}

// Whether all threads of a block that met a barrier met the same ones: those that end early must meet none.
static bool run_block(bool falling) {
    const int n = int(threads.size());
    if (!has_contexts) {
        for (int k = 0; k < n; k++) {
            threadIdx = {falling ? n - 1 - k : k, 0, 0};
            (*body)();
        }
        return true;
    }
    for (auto &thread : threads) {
        thread.ended = thread.waiting = false;
        if (!thread.stack) thread.stack.reset(new char[STACK]);
        getcontext(&thread.context);
        thread.context.uc_stack.ss_sp = thread.stack.get();
        thread.context.uc_stack.ss_size = STACK;
        thread.context.uc_link = nullptr;
        makecontext(&thread.context, run_thread, 0);
    }
    for (bool any = true; any;) {
        for (int k = 0; k < n; k++) {
            current = falling ? n - 1 - k : k;
            if (threads[current].ended) continue;
            threads[current].waiting = false;
            threadIdx = {current, 0, 0};
            swapcontext(&scheduler, &threads[current].context);
        }
        any = false;
        counted = 0;
        bool ended = false;
        for (auto &thread : threads) {
            any |= thread.waiting && !thread.ended;
            ended |= thread.ended;
            counted += thread.predicate;
        }
        if (any && ended) return false;
    }
    return true;
}

// What the threads of a block share; what is read before it is written shows.
static std::vector<std::max_align_t> shared;
#define SHARED_SCALARS(name) scalar *const name = reinterpret_cast<scalar *>(shared.data())

static int run_grid(const int *grid, int block, int n_shared, bool falling, const std::function<void()> &work) {
    gridDim = {grid[0], grid[1], grid[2]};
    blockDim = {block, 1, 1};
    threads = std::vector<Thread>(block);
    body = &work;
    const int n_blocks = grid[0] * grid[1] * grid[2];
    has_contexts = false;
    for (int k = 0; k < n_blocks; k++) {
        const int number = falling ? n_blocks - 1 - k : k;
        shared.resize(n_shared / sizeof(std::max_align_t) + 1);
        std::memset(shared.data(), 0xEE, n_shared);
        blockIdx = {number % grid[0], number / grid[0] % grid[1], number / grid[0] / grid[1]};
        try {
            if (!run_block(falling)) return 1;
        } catch (const Barrier &) {
            if (k > 0) return 1;  // other blocks met none
            has_contexts = true;
            k--;
        }
    }
    return 0;
}

#define KERNEL(name, Arguments)                                                                                  \
    static void name##_on_host(const Arguments &a);                                                              \
    extern "C" int name(const int *grid, int block, int n_shared, int falling, const Arguments *a) {             \
        return run_grid(grid, block, n_shared, falling, [=] { name##_on_host(*a); });                            \
    }                                                                                                            \
    static void name##_on_host(const Arguments &a)
#define KERNEL_FOR(threads, blocks, name, Arguments) KERNEL(name, Arguments)
