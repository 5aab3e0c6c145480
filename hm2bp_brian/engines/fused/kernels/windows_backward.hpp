// HM2-BP through a convolution or pooling layer by the adjoint. A position of the map is a small dense layer whose
// inputs are its window; all positions add to one kernel gradient.
#pragma once
#include "adjoint.hpp"
#include "arguments.hpp"
#include "parallel.hpp"
#include "post_neurons.hpp"
#include "status.hpp"
#include "windows.hpp"

// Visit(row in the kernel over c_in, first pixel, how many) for each row of a position's window inside the map.
template <typename Visit>
static inline void each_row(const Windows &w, int64_t position, Visit visit) {
    const int64_t top = position / w.columns * w.stride - w.padding, left = position % w.columns * w.stride - w.padding;
    const int64_t first = std::clamp<int64_t>(left, 0, w.width), end = std::clamp<int64_t>(left + w.size, 0, w.width);
    for (int64_t y = std::max<int64_t>(top, 0); y < std::min(top + w.size, w.height); y++)
        visit(((y - top) * w.size + first - left) * w.c_in, y * w.width + first, end - first);
}

// Visit(row in the kernel over c_in, first presynaptic neuron) for each place of a position's window inside the map.
template <typename Visit>
static inline void each_place(const Windows &w, int64_t position, Visit visit) {
    each_row(w, position, [&](int64_t kernel_row, int64_t pixel, int64_t n_pixels) {
        for (int64_t x = 0; x < n_pixels; x++) visit(kernel_row + x * w.c_in, (pixel + x) * w.c_in);
    });
}

struct BackwardMap : WindowsBackward {
    PostLayer post;
    Buffer padded;
    const scalar *kernel;  // channels padded to the stripe; null for pooling
    Buffer kernel_sum;     // (stripe), over all inputs of a window

    explicit BackwardMap(const WindowsBackward &arguments)
        : WindowsBackward(arguments), post(*this, windows.n_post(), windows.layout()),
          padded(windows.n_rows() * post.layout.stripe), kernel(weights ? padded.data : nullptr),
          kernel_sum(post.layout.stripe) {
        const int64_t stripe = post.layout.stripe;
        std::fill(kernel_sum.data, kernel_sum.data + stripe, scalar(0));
        if (!kernel) return;
        pad_channels(weights, windows.n_rows(), windows.c_out, stripe, padded.data);
        add_rows(0, windows.n_rows(), 0, stripe, kernel_sum.data);
    }

    void add_rows(int64_t first, int64_t n_rows, int64_t channel, int64_t n_channels, scalar *sum) const {
        for (int64_t row = first; row < first + n_rows; row++)
            for (int64_t i = 0; i < n_channels; i++) sum[i] += kernel[row * post.layout.stripe + channel + i];
    }

    // The weights of a position's inputs.
    template <int SPAN>
    void sum_weights(int64_t position, int64_t channel, scalar *sum) const {
        if (windows.padding == 0) {
            std::copy(kernel_sum.data + channel, kernel_sum.data + channel + SPAN, sum);
            return;
        }
        each_row(windows, position, [&](int64_t row, int64_t, int64_t n_pixels) {
            add_rows(row, n_pixels * windows.c_in, channel, SPAN, sum);
        });
    }

    // Rows of a gradient: of the kernel, then of learned variables.
    int64_t n_kernel_rows() const { return kernel ? windows.n_rows() : 0; }
    int64_t n_rows() const { return n_kernel_rows() + n_learned; }

    // Keeps nu of neighbouring channels of a position, from `channel` on.
    void keep_nu(int64_t sample, int64_t position, int64_t channel, int64_t n_channels, const scalar *own) const {
        const int64_t neuron = position * windows.c_out + channel;
        std::copy(own, own + std::min(n_channels, windows.c_out - channel), nu + sample * post.n_post + neuron);
    }
};

// What is known of the post neurons of one tile in one sample.
template <int W>
struct PostTile {
    alignas(64) scalar counts[W], delta[W], factor[W], distance[W], start[N_VARIABLES * W];
    scalar *q;  // (W / SPAN, n_steps, SPAN)
};

// Some of the presynaptic neurons of one sample, pixel by pixel.
struct PreNeurons {
    std::vector<int32_t> neurons;
    std::vector<int64_t> begins;  // of each pixel's, and the end

    void clear() {
        neurons.clear();
        begins.assign(1, 0);
    }

    // Visit(row in the kernel, neuron) for those in a position's window.
    template <typename Visit>
    void each(const Windows &w, int64_t position, Visit visit) const {
        each_row(w, position, [&](int64_t kernel_row, int64_t pixel, int64_t n_pixels) {
            for (int64_t k = begins[pixel]; k < begins[pixel + n_pixels]; k++)
                visit(kernel_row + neurons[k] - pixel * w.c_in, neurons[k]);
        });
    }
};

// Scratch memory of one thread at work.
template <int W, int SPAN>
struct WindowsScratch {
    AdjointScratch<W, SPAN> adjoint;
    Buffer q, spsp;
    PreNeurons fired, silent;  // apart, as no processor foresees which is which
    explicit WindowsScratch(const BackwardMap &b)
        : adjoint(b.post), q(b.n_steps * W), spsp(b.windows.n_rows() * W) {}

    void read(const Windows &w, const int64_t *trains) {
        fired.clear();
        silent.clear();
        for (int64_t neuron = 0; neuron < w.n_pre(); neuron++) {
            (trains[neuron] == trains[neuron + 1] ? silent : fired).neurons.push_back(int32_t(neuron));
            if ((neuron + 1) % w.c_in) continue;
            fired.begins.push_back(fired.neurons.size());
            silent.begins.push_back(silent.neurons.size());
        }
    }
};

// Calls visit(lane, position, channel) for the first of each SPAN neighbouring channels of a position in a tile.
template <int W, int SPAN, typename Visit>
static inline void each_part(const Layout &layout, int64_t tile, Visit visit) {
    for (int64_t lane = 0; lane < W; lane += SPAN) {
        const int64_t position = (tile * W + lane) / layout.stripe, channel = (tile * W + lane) % layout.stripe;
        if (position < layout.n_positions && channel < layout.channels) visit(lane, position, channel);
    }
}

// What a sample's spikes put into the neurons of a tile in each step (n_steps, W).
template <int W, int SPAN>
static void read_spikes(const BackwardMap &b, int64_t sample, int64_t tile, const PreNeurons &fired, scalar *added) {
    const int64_t *trains = b.pre_trains + sample * b.windows.n_pre();
    const int64_t stripe = b.post.layout.stripe;
    std::fill(added, added + b.n_steps * W, scalar(0));
    each_part<W, SPAN>(b.post.layout, tile, [&](int64_t lane, int64_t position, int64_t channel) {
        if (b.kernel)
            return fired.each(b.windows, position, [&](int64_t row, int64_t neuron) {
                for (int64_t k = trains[neuron]; k < trains[neuron + 1]; k++)
                    for (int v = 0; v < SPAN; v++)
                        added[b.pre_steps[k] * W + lane + v] += b.kernel[row * stripe + channel + v];
            });
        each_place(b.windows, position, [&](int64_t, int64_t first) {
            for (int64_t i = 0; i < std::min<int64_t>(b.windows.c_out - channel, SPAN); i++)
                for (int64_t k = trains[first + channel + i]; k < trains[first + channel + i + 1]; k++)
                    added[b.pre_steps[k] * W + lane + i] += 1;
        });
    });
}

// Adds to the gradients of learned variables (n_learned, stripe) what neighbouring channels of a position give.
template <int SPAN, int W>
static void add_start_gradient(const BackwardMap &b, const PostTile<W> &tile, int64_t lane, const scalar *coefficient,
                               scalar *gradient) {
    for (int64_t k = 0; k < b.n_learned; k++)
        for (int v = 0; v < SPAN; v++)
            gradient[k * b.post.layout.stripe + v] += coefficient[v] * tile.start[b.learned[k] * W + lane + v];
}

// SPAN neighbouring channels of one position of a convolution, lanes from `lane` on of its tile, channels from `channel`
// on. q: (n_steps, SPAN).
template <int SPAN, int W>
static void convolution_position(const BackwardMap &b, int64_t sample, int64_t position, int64_t lane,
                                 int64_t channel, const PostTile<W> &tile, const scalar *q,
                                 const WindowsScratch<W, SPAN> &scratch, scalar *gradient, scalar *delta_pre) {
    const Windows &map = b.windows;
    const int64_t stripe = b.post.layout.stripe;
    const int64_t *trains = b.pre_trains + sample * map.n_pre();
    const scalar *kernel = b.kernel + channel;
    scalar *spsp = scratch.spsp.data;
    const bool all_silent = std::count(tile.counts + lane, tile.counts + lane + SPAN, scalar(0)) == SPAN;
    alignas(64) scalar tpsp[SPAN] = {}, weight_sum[SPAN] = {};
    if (all_silent)
        std::fill(spsp, spsp + map.n_rows() * SPAN, scalar(0));
    else
        scratch.fired.each(map, position, [&](int64_t row, int64_t neuron) {
            scalar *e = spsp + row * SPAN;
            sum_over_train<SPAN>(q, b.pre_steps + trains[neuron], b.pre_steps + trains[neuron + 1], e);
            for (int v = 0; v < SPAN; v++) tpsp[v] += kernel[row * stripe + v] * e[v];
        });
    b.sum_weights<SPAN>(position, channel, weight_sum);
    const PostNeurons<SPAN> post(tile.counts + lane, tile.delta + lane, tile.factor + lane, tpsp, weight_sum,
                                 tile.distance + lane, b.rules);
    if (OWN_NU) b.keep_nu(sample, position, channel, SPAN, post.nu);
    add_start_gradient<SPAN>(b, tile, lane, post.coefficient, gradient + b.n_kernel_rows() * stripe + channel);
    auto add_delta = [&](int64_t row, int64_t neuron, int64_t count) {
        delta_pre[neuron] += post.delta_before(kernel + row * stripe, spsp + row * SPAN, count) / b.nu_pre[neuron];
    };
    scratch.fired.each(map, position, [&](int64_t row, int64_t neuron) {
        post.add_gradient(spsp + row * SPAN, gradient + row * stripe + channel);
        if (delta_pre) add_delta(row, neuron, trains[neuron + 1] - trains[neuron]);
    });
    if (delta_pre)
        scratch.silent.each(map, position, [&](int64_t row, int64_t neuron) { add_delta(row, neuron, 0); });
}

// The same for a pooling layer, whose weights are 1 and not learned.
template <int SPAN, int W>
static void pooling_position(const BackwardMap &b, int64_t sample, int64_t position, int64_t lane, int64_t channel,
                             const PostTile<W> &tile, const scalar *q, scalar *gradient, scalar *delta_pre) {
    const int64_t *trains = b.pre_trains + sample * b.windows.n_pre();
    const int64_t n_channels = std::min(b.windows.c_out - channel, int64_t(SPAN));
    auto spsp = [&](int64_t pre, int64_t i) {
        scalar e = 0;
        for (int64_t k = trains[pre]; k < trains[pre + 1]; k++) e += q[b.pre_steps[k] * SPAN + i];
        return e;
    };
    alignas(64) scalar tpsp[SPAN] = {}, weight_sum[SPAN] = {};
    if (OWN_NU || b.n_learned)
        each_place(b.windows, position, [&](int64_t, int64_t first) {
            for (int64_t i = 0; i < n_channels; i++) {
                tpsp[i] += spsp(first + channel + i, i);
                weight_sum[i] += 1;
            }
        });
    const PostNeurons<SPAN> post(tile.counts + lane, tile.delta + lane, tile.factor + lane, tpsp, weight_sum,
                                 tile.distance + lane, b.rules);
    if (OWN_NU) b.keep_nu(sample, position, channel, SPAN, post.nu);
    add_start_gradient<SPAN>(b, tile, lane, post.coefficient, gradient + channel);
    if (!delta_pre) return;
    each_place(b.windows, position, [&](int64_t, int64_t first) {
        for (int64_t i = 0; i < n_channels; i++) {
            const int64_t pre = first + channel + i;
            const int64_t count = trains[pre + 1] - trains[pre];
            scalar ratio = scalar(b.rules.silent_delta_ratio);
            if (count && tile.counts[lane + i] != 0) ratio = spsp(pre, i) / scalar(count);
            delta_pre[pre] += post.delta[i] * ratio / b.nu_pre[pre];
        }
    });
}

// Adds one sample to the gradient (n_rows, stripe) and to its row of delta_pre. A tile of W lanes holds whole
// positions of SPAN lanes, or a part of one.
template <int W, int SPAN, int K>
static void backward_map(const BackwardMap &b, int64_t sample, const PostTiles<W, K> &tiles,
                         WindowsScratch<W, SPAN> &scratch, scalar *gradient, scalar *delta_pre) {
    const Layout &layout = b.post.layout;
    const scalar *deltas = b.delta + sample * b.post.n_post;
    // within the loss's margin
    if (std::all_of(deltas, deltas + b.post.n_post, [](scalar delta) { return delta == 0; })) return;
    if (b.kernel) scratch.read(b.windows, b.pre_trains + sample * b.windows.n_pre());
    for (int64_t number = 0; number < tiles.n_tiles(); number++) {
        PostTile<W> tile;
        tile.q = scratch.q.data;
        bool any = false;
        for (int lane = 0; lane < W; lane++) {
            const int64_t neuron = tiles.neuron(number)[lane];
            tile.delta[lane] = neuron < 0 ? 0 : deltas[neuron];
            tile.factor[lane] = neuron < 0 ? 0 : b.factor[sample * b.post.n_post + neuron];
            tile.distance[lane] = neuron < 0 ? 1 : b.distance[neuron];
            any |= tile.delta[lane] != 0;
        }
        if (!any) continue;
        layer_adjoint<W, SPAN>(b.post, sample, tiles, number, scratch.adjoint, tile.q, tile.counts,
                               b.n_learned ? tile.start : nullptr,
                               [&](scalar *added) { read_spikes<W, SPAN>(b, sample, number, scratch.fired, added); });
        each_part<W, SPAN>(layout, number, [&](int64_t lane, int64_t position, int64_t channel) {
            const scalar *q = tile.q + lane * b.n_steps;
            if (b.kernel)
                convolution_position<SPAN>(b, sample, position, lane, channel, tile, q, scratch, gradient, delta_pre);
            else
                pooling_position<SPAN>(b, sample, position, lane, channel, tile, q, gradient, delta_pre);
        });
    }
}

// partial: gradients (n_chunks, n_rows, stripe), each of a part of the samples.
template <int W, int SPAN>
static void backward_samples(const BackwardMap &b, int64_t n_chunks, scalar *partial) {
    const int64_t n_numbers = b.n_rows() * b.post.layout.stripe, n_pre = b.windows.n_pre();
    const PostTiles<W, N_VARIABLES> tiles(b.post);
    parallel_for(n_chunks, b.threads, [&](int64_t chunk) {
        WindowsScratch<W, SPAN> scratch(b);
        scalar *sum = partial + chunk * n_numbers;
        memset(sum, 0, n_numbers * sizeof(scalar));
        for (int64_t s = chunk * b.n_samples / n_chunks; s < (chunk + 1) * b.n_samples / n_chunks; s++)
            backward_map<W, SPAN>(b, s, tiles, scratch, sum, b.delta_pre ? b.delta_pre + s * n_pre : nullptr);
    });
}

static void backward_maps(const WindowsBackward &arguments) {
    const BackwardMap b(arguments);
    const Windows &w = b.windows;
    const int64_t stripe = b.post.layout.stripe;
    const int64_t n_chunks = std::min(b.n_samples, BACKWARD_PARTS);
    Buffer partial(n_chunks * b.n_rows() * stripe);
    if (b.delta_pre) memset(b.delta_pre, 0, b.n_samples * w.n_pre() * sizeof(scalar));
    const int64_t span = b.post.layout.span();
    auto run = span == 16   ? backward_samples<64, 16>
               : span == 32 ? backward_samples<64, 32>
               : span == 48 ? backward_samples<48, 48>
                            : backward_samples<64, 64>;
    run(b, n_chunks, partial.data);
    for (int64_t row = 0; row < b.n_rows(); row++) {
        const int64_t number = row - b.n_kernel_rows();
        scalar *out = number < 0 ? b.gradient + row * w.c_out : b.start_gradient + number * w.c_out;
        for (int64_t channel = 0; channel < w.c_out; channel++) {
            out[channel] = 0;
            for (int64_t chunk = 0; chunk < n_chunks; chunk++)
                out[channel] += partial.data[(chunk * b.n_rows() + row) * stripe + channel];
        }
    }
}

extern "C" int windows_backward(const WindowsBackward *arguments) {
    return status_of([=] { backward_maps(*arguments); });
}
