{# The state of one tile and what happens to it in a step; lines between markers come from Brian2's C++ generator. #}
{{universal_support}}
{% for name, block in blocks.items() %}
namespace {{name}}_support {
{{block.support_lines}}
}
{% endfor %}

// What is the same for all neurons; kept apart so that the compiler computes what depends on it once, not once a tile.
struct NeuronConstants {
    double dt;
{% for constant in constants %}
    {{constant.type}} {{constant.name}};
{% endfor %}

    NeuronConstants(const double *values, double time_step) : dt(time_step) {
        (void)values;
{% for constant in constants %}
        {{constant.name}} = ({{constant.type}})values[{{loop.index0}}];
{% endfor %}
    }
};
{% macro use_constants() %}
        const scalar _array_dt[1] = {scalar(common.dt)};
        (void)_array_dt;
{% for constant in constants %}
        const {{constant.type}} {{constant.name}} = common.{{constant.name}};
        (void){{constant.name}};
{% endfor %}
        scalar *__restrict SYNAPTIC = synaptic;
        (void)SYNAPTIC;
{% endmacro %}

template <int W>
struct Neurons {
{% for array in arrays %}
{% if not array.synaptic %}
    alignas(64) {{array.type}} _array_{{array.name}}[W];
{% endif %}
{% if array.written %}
    alignas(64) {{array.type}} start_{{array.name}}[W];
{% endif %}
{% endfor %}
    scalar _array_t[1];
    scalar *synaptic;  // (W), the variable that spikes add to; memory of the whole layer's neurons, in one piece
    uint64_t real;  // lanes that are neurons, not padding

    void load(const void *const *arrays, const Layout &layout, int64_t tile, scalar *synaptic_memory) {
        synaptic = synaptic_memory;
        real = 0;
        for (int lane = 0; lane < W; lane++) {
            const int64_t found = layout.neuron(tile * W + lane), neuron = found < 0 ? 0 : found;
            real |= uint64_t(found >= 0) << lane;
{% for array in arrays %}
            {{'start' if array.written else '_array'}}_{{array.name}}[lane] = static_cast<const {{array.numpy_type}} *>(arrays[{{loop.index0}}])[neuron];
{% endfor %}
        }
    }

    void start() {
{% for array in arrays if array.written %}
        memcpy({{'synaptic' if array.synaptic else '_array_' ~ array.name}}, start_{{array.name}}, sizeof start_{{array.name}});
{% endfor %}
    }

    inline void update(const NeuronConstants &common, int64_t step) {
        {{use_constants()}}
        _array_t[0] = scalar(step * common.dt);
        const int _vectorisation_idx = 1;
        (void)_vectorisation_idx;
        using namespace update_support;
        {{blocks["update"].scalar_lines}}
        for (int _idx = 0; _idx < W; _idx++) {
            {{blocks["update"].vector_lines}}
        }
    }

    inline uint64_t threshold(const NeuronConstants &common) {
        {{use_constants()}}
        alignas(64) flag fires[W];
        using namespace threshold_support;
        {{blocks["threshold"].scalar_lines}}
        for (int _idx = 0; _idx < W; _idx++) {
            {{blocks["threshold"].vector_lines}}
            fires[_idx] = _cond ? 1 : 0;
        }
{% if uses_refractory %}
        const scalar now = _array_t[0];
        for (int lane = 0; lane < W; lane++) {
            _array_not_refractory[lane] = fires[lane] ? 0 : _array_not_refractory[lane];
            _array_lastspike[lane] = fires[lane] ? now : _array_lastspike[lane];
        }
{% endif %}
        return pack_bits<W>(fires) & real;
    }

    inline void reset(const NeuronConstants &common, int _idx) {
        {{use_constants()}}
        using namespace reset_support;
        {{blocks["reset"].scalar_lines}}
        {{blocks["reset"].vector_lines}}
    }

    inline bool finite() const {
        bool all = true;
        const scalar *SYNAPTIC = synaptic;
{% for array in arrays if array.written and array.type == 'scalar' %}
        for (int lane = 0; lane < W; lane++) all &= _array_{{array.name}}[lane] - _array_{{array.name}}[lane] == 0;
{% endfor %}
        return all;
    }
};
