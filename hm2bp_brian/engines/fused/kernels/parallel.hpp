// Work units over threads. Each unit writes its own part of the results, so that the number of threads and the order
// in which units are taken never change a bit.
#pragma once
#include <pthread.h>
#include <signal.h>

#include <algorithm>
#include <atomic>
#include <chrono>
#include <condition_variable>
#include <cstdint>
#include <exception>
#include <functional>
#include <mutex>
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

// Threads that wait for work: to start one takes longer than many kernels run. They help whoever calls, from any thread.
class ThreadPool {
    struct Job {
        const std::function<void()> &work;
        int64_t places;                // for helpers that have not come yet
        std::atomic<int64_t> helpers;  // that are at work
    };
    std::mutex mutex;
    std::condition_variable job_came, helper_left;
    std::vector<Job *> jobs;            // those with places
    std::atomic<bool> has_jobs{false};  // so that they are seen without the lock
    int64_t n_threads = 0;

    void remove(Job *job) {
        jobs.erase(std::remove(jobs.begin(), jobs.end(), job), jobs.end());
        has_jobs = !jobs.empty();
    }

    // Within an update the next job comes, and the last helper leaves, sooner than a sleeping thread would be awake.
    template <typename Condition>
    static void await_without_sleep(Condition holds) {
        const auto end = std::chrono::steady_clock::now() + std::chrono::milliseconds(1);
        while (!holds() && std::chrono::steady_clock::now() < end) std::this_thread::yield();
    }

    void serve() {
        for (;;) {
            await_without_sleep([&] { return has_jobs.load(); });
            std::unique_lock<std::mutex> lock(mutex);
            job_came.wait(lock, [&] { return !jobs.empty(); });
            Job *job = jobs.front();
            if (--job->places == 0) remove(job);
            job->helpers++;
            lock.unlock();
            job->work();
            lock.lock();
            if (--job->helpers == 0) helper_left.notify_all();
        }
    }

    void start_threads(int64_t wanted) {
        sigset_t all, before;  // signals are for Python's threads
        sigfillset(&all);
        pthread_sigmask(SIG_SETMASK, &all, &before);
        try {
            for (; n_threads < wanted; n_threads++) std::thread([this] { serve(); }).detach();
        } catch (const std::exception &) {
            // The system refuses more: those that there are do the work, or the caller alone, with the same results.
        }
        pthread_sigmask(SIG_SETMASK, &before, nullptr);
    }

  public:
    // Does the work, which must not throw, here and at the same time in up to n_helpers other threads; returns when all
    // have ended.
    void run(const std::function<void()> &work, int64_t n_helpers) {
        Job job{work, n_helpers, {0}};
        std::unique_lock<std::mutex> lock(mutex);
        start_threads(n_helpers);
        jobs.push_back(&job);
        has_jobs = true;
        lock.unlock();
        for (int64_t i = 0; i < n_helpers; i++) job_came.notify_one();
        work();
        lock.lock();
        remove(&job);
        lock.unlock();
        await_without_sleep([&] { return job.helpers == 0; });
        lock.lock();
        helper_left.wait(lock, [&] { return job.helpers == 0; });
    }
};

// Never deleted, as its threads wait until the process ends. A forked process has none of them, and gets a new pool.
// Inline: with gcc the process has one, as all libraries that were loaded share it.
inline ThreadPool *&thread_pool() {
    static ThreadPool *pool = [] {
        pthread_atfork(nullptr, nullptr, [] { thread_pool() = new ThreadPool; });
        return new ThreadPool;
    }();
    return pool;
}

// Into how many parts the samples of a batch go at most, so that there are units enough for all threads. In the backward
// pass gradients are summed part by part, so that this number, like the widths of tiles, decides the last bits of results;
// in the forward pass it decides nothing but the speed.
constexpr int64_t BACKWARD_PARTS = 32, DENSE_FORWARD_PARTS = 48, WINDOWS_FORWARD_PARTS = 32;

// An exception of a unit, in whatever thread, reaches the caller when all threads have ended.
template <typename Work>
void parallel_for(int64_t n_units, int64_t threads, Work work) {
    std::atomic<int64_t> next{0};
    std::atomic<bool> failed{false};
    std::exception_ptr failure;
    auto take_units = [&]() noexcept {
        try {
            for (int64_t unit; (unit = next.fetch_add(1)) < n_units;) work(unit);
        } catch (...) {
            next = n_units;
            if (!failed.exchange(true)) failure = std::current_exception();
        }
    };
    const int64_t n_helpers = std::min(threads, n_units) - 1;
    if (n_helpers > 0)
        thread_pool()->run(take_units, n_helpers);
    else
        take_units();
    if (failure) std::rethrow_exception(failure);
}
