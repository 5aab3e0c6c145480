// Work units over threads. Each unit writes its own part of the results, so that the number of threads and the order
// in which units are taken never change a bit.
#pragma once
#include <atomic>
#include <cstdint>
#include <thread>
#include <vector>

// The smallest of the keys that threads report, whatever their order.
class FirstFailure {
    std::atomic<int64_t> first{INT64_MAX};

  public:
    void report(int64_t sample, int64_t n_steps, int64_t step) {
        const int64_t key = sample * n_steps + step;
        int64_t seen = first.load();
        while (key < seen && !first.compare_exchange_weak(seen, key)) {}
    }
    void write(int64_t n_steps, int64_t *sample_and_step) const {  // -1, -1 if there was none
        const int64_t key = first.load();
        sample_and_step[0] = key == INT64_MAX ? -1 : key / n_steps;
        sample_and_step[1] = key == INT64_MAX ? -1 : key % n_steps;
    }
};

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
