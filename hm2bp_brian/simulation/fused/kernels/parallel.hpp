// Work units over threads. Each unit writes its own part of the results, so that the number of threads and the order
// in which units are taken never change a bit.
#pragma once
#include <atomic>
#include <cstdint>
#include <thread>
#include <vector>

template <typename Work>
void parallel_for(int64_t n_units, int threads, Work work) {
    std::atomic<int64_t> next{0};
    auto worker = [&] {
        for (int64_t unit; (unit = next.fetch_add(1)) < n_units;) work(unit);
    };
    std::vector<std::thread> others;
    const int64_t n_workers = threads < n_units ? threads : n_units;
    for (int64_t i = 1; i < n_workers; i++) others.emplace_back(worker);
    worker();
    for (auto &other : others) other.join();
}
