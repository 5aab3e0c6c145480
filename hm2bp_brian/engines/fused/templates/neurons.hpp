{# The state of one tile and what happens to it in a step; lines between markers come from Brian2's C++ generator. #}
{% from "macros.hpp" import open_block, use_lane with context %}
template <int W>
struct Neurons {
{% for array in arrays %}
{% if not array.synaptic %}
    alignas(64) {{array.type}} _array_{{array.name}}[W];
{% endif %}
{% if array.changes %}
    alignas(64) {{array.type}} start_{{array.name}}[W];
{% endif %}
{% endfor %}
{% if refractory %}
    alignas(64) flag free_from[W];  // the step from which a neuron is no longer refractory; whole numbers stay exact
{% endif %}
    int64_t now;
    scalar *synaptic;  // (W), the variable that spikes add to; memory of the whole layer's neurons, in one piece
    uint64_t real;  // lanes that are neurons, not padding

    void load(const void *const *arrays, const Layout &layout, int64_t tile, scalar *synaptic_memory) {
        synaptic = synaptic_memory;
        real = 0;
        for (int lane = 0; lane < W; lane++) {
            const int64_t found = layout.neuron(tile * W + lane), neuron = found < 0 ? 0 : found;
            real |= uint64_t(found >= 0) << lane;
{% for array in arrays %}
            {{'start' if array.changes else '_array'}}_{{array.name}}[lane] = static_cast<const {{array.numpy_type}} *>(arrays[{{loop.index0}}])[neuron];
{% endfor %}
        }
    }

    // One of the state's variables, of those that spikes can add to.
    scalar *variable(int64_t number) {
{% for array in arrays if array.number is not none %}
        if (number == {{array.number}}) return {{'synaptic' if array.synaptic else '_array_' ~ array.name}};
{% endfor %}
        return nullptr;
    }

    void start() {
{% for array in arrays if array.changes %}
        memcpy({{'synaptic' if array.synaptic else '_array_' ~ array.name}}, start_{{array.name}}, sizeof start_{{array.name}});
{% endfor %}
{% if refractory %}
        memset(free_from, 0, sizeof free_from);
{% endif %}
    }

    // One step up to the threshold; returns which lanes fire.
    __attribute__((always_inline)) uint64_t update(const NeuronConstants &common, int64_t step) {
        now = step;
        const auto update_one = make_update(common);
        const auto reaches_threshold = make_threshold(common);
        alignas(64) flag fires[W];
        scalar *__restrict {{synaptic}} = synaptic;
        for (int lane = 0; lane < W; lane++) {
            Lane neuron{ {% for array in arrays %}{_array_{{array.name}}[lane]}{{", " if not loop.last}}{% endfor %} };
{% if refractory %}
            neuron._array_not_refractory[0] = flag(step) >= free_from[lane];
{% endif %}
            update_one(neuron);
            fires[lane] = reaches_threshold(neuron) ? 1 : 0;
{% for array in arrays if array.changes %}
            _array_{{array.name}}[lane] = neuron._array_{{array.name}}[0];
{% endfor %}
        }
        return pack_bits<W>(fires) & real;
    }

    // Whether all stays as it starts as long as no spike comes.
    bool rests(const NeuronConstants &common) {
        start();
        bool same = update(common, 0) == 0;
{% for array in arrays if array.changes %}
        same = same && !memcmp({{'synaptic' if array.synaptic else '_array_' ~ array.name}}, start_{{array.name}}, sizeof start_{{array.name}});
{% endfor %}
        return same;
    }

    // A neuron that fired in this step.
    inline void reset(const NeuronConstants &common, int _idx) {
{% if refractory %}
        free_from[_idx] = flag(std::min<int64_t>(now + 1 + common.refractory_steps, std::numeric_limits<flag>::max()));
        flag _array_not_refractory[W] = {};  // whoever fires is refractory
        (void)_array_not_refractory;
{% endif %}
        {{open_block("reset")}}
        scalar *{{synaptic}} = synaptic;
        (void){{synaptic}};
        {{blocks["reset"].vector_lines}}
    }

{% if derivatives %}
    // Derivatives of an update that are not the same in all states; the others are made again on the way back.
    static constexpr int N_KEPT = {{kept | length}};

    // One step where it is known which lanes fire; kept: (N_KEPT, W). A neuron that reaches its threshold in another step, as
    // rounding may have it, waits where it was, so that no upswing runs away.
    LanesAlong update_along(const NeuronConstants &common, int64_t step, uint64_t fires, scalar *__restrict kept) {
        now = step;
        {{open_block("update_derivatives")}}
        const auto reaches_threshold = make_threshold(common);
        alignas(64) flag in_turn[W], active[W], waiting[W];
        spread_bits<W>(fires, in_turn);
        scalar *__restrict {{synaptic}} = synaptic;
        for (int lane = 0; lane < W; lane++) {
            Lane neuron{ {% for array in arrays %}{_array_{{array.name}}[lane]}{{", " if not loop.last}}{% endfor %} };
{% if refractory %}
            neuron._array_not_refractory[0] = active[lane] = flag(step) >= free_from[lane];
{% else %}
            active[lane] = 1;
{% endif %}
            {
                {{use_lane()}}
                {{blocks["update_derivatives"].vector_lines}}
{% for entry in kept %}
                kept[{{loop.index0}} * W + lane] = scalar({{entry}});
{% endfor %}
            }
            waiting[lane] = reaches_threshold(neuron) && !in_turn[lane] ? 1 : 0;
{% for array in arrays if array.changes %}
            _array_{{array.name}}[lane] = waiting[lane] ? _array_{{array.name}}[lane] : neuron._array_{{array.name}}[0];
{% endfor %}
        }
        return {pack_bits<W>(active), pack_bits<W>(waiting)};
    }

    // lambda <- A^T lambda, (N_VARIABLES, W), of the step of which `update_along` kept and returned these. The compiler drops
    // those of the generated lines that are not needed for the other derivatives.
    void adjoint_of_update(const NeuronConstants &common, const scalar *__restrict kept, LanesAlong lanes,
                           scalar *__restrict lambda) const {
        {{open_block("update_derivatives")}}
        alignas(64) flag active[W], waiting[W];
        spread_bits<W>(lanes.not_refractory, active);
        spread_bits<W>(lanes.waiting, waiting);
        const scalar *__restrict {{synaptic}} = synaptic;
        for (int lane = 0; lane < W; lane++) {
            Lane neuron{ {% for array in arrays %}{_array_{{array.name}}[lane]}{{", " if not loop.last}}{% endfor %} };
{% if refractory %}
            neuron._array_not_refractory[0] = active[lane];
{% endif %}
            {{use_lane()}}
            {{blocks["update_derivatives"].vector_lines}}
{% for variable in range(n_variables) %}
            const scalar lambda_{{variable}} = lambda[{{variable}} * W + lane];
{% endfor %}
{% for variable in range(n_variables) %}
            lambda[{{variable}} * W + lane] = waiting[lane] ? lambda_{{variable}} : {% for entry in derivatives.of_update if entry.by == variable %}{% if entry.value in kept %}kept[{{kept.index(entry.value)}} * W + lane]{% else %}scalar({{entry.value}}){% endif %} * lambda_{{entry.of}}{{" + " if not loop.last}}{% else %}0{% endfor %};
{% endfor %}
        }
    }

    // R (N_VARIABLES, N_VARIABLES) of a neuron that fires in this step, before it is reset.
    void derivatives_of_reset(const NeuronConstants &common, int lane, scalar *derivatives) const {
        {{open_block("reset_derivatives")}}
        const scalar *{{synaptic}} = synaptic;
        Lane neuron{ {% for array in arrays %}{_array_{{array.name}}[lane]}{{", " if not loop.last}}{% endfor %} };
{% if refractory %}
        neuron._array_not_refractory[0] = 0;  // whoever fires is refractory
{% endif %}
        {
            {{use_lane()}}
            {{blocks["reset_derivatives"].vector_lines}}
            memset(derivatives, 0, N_VARIABLES * N_VARIABLES * sizeof(scalar));
{% for entry in derivatives.of_reset %}
            derivatives[{{entry.of}} * N_VARIABLES + {{entry.by}}] = scalar({{entry.value}});
{% endfor %}
        }
    }

{% endif %}
    // Lanes of padding do not count: nothing resets them, so that they may run away.
    inline bool finite() const {
        uint64_t infinite = 0;
        const scalar *{{synaptic}} = synaptic;
        for (int lane = 0; lane < W; lane++) {
{% for array in arrays if array.changes and array.type == 'scalar' %}
            infinite |= uint64_t(!(_array_{{array.name}}[lane] - _array_{{array.name}}[lane] == 0)) << lane;
{% endfor %}
        }
        return !(infinite & real);
    }
};
