// How a function that Python calls ends: no exception may leave it, as it would end the process.
// engines/fused/calls.py makes Python's exceptions of what is returned.
#pragma once
#include <new>
#include <stdexcept>

enum Status { DONE = 0, NO_MEMORY = 1, FAILED = 2 };

template <typename Work>
static int status_of(Work work) noexcept {
    try {
        work();
        return DONE;
    } catch (const std::bad_alloc &) {
        return NO_MEMORY;
    } catch (const std::length_error &) {  // more than any memory holds
        return NO_MEMORY;
    } catch (...) {
        return FAILED;
    }
}
