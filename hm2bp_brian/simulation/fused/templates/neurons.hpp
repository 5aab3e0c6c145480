{# The state of one tile and what happens to it in a step; lines between markers come from Brian2's C++ generator. #}
{{universal_support}}
{% for name, block in blocks.items() %}
namespace {{name}}_support {
{{block.support_lines}}
}
{% endfor %}

template <int W>
struct Neurons {
{% for array in arrays %}
    alignas(64) {{array.type}} _array_{{array.name}}[W]{% if array.written %}, start_{{array.name}}[W]{% endif %};
{% endfor %}
{% for constant in constants %}
    {{constant.type}} {{constant.name}};
{% endfor %}
    scalar _array_t[1], _array_dt[1];
    uint64_t real;  // lanes that are neurons, not padding

    void load(const void *const *arrays, const double *constants, double dt, const Layout &layout, int64_t tile) {
        real = 0;
        for (int lane = 0; lane < W; lane++) {
            const int64_t found = layout.neuron(tile * W + lane), neuron = found < 0 ? 0 : found;
            real |= uint64_t(found >= 0) << lane;
{% for array in arrays %}
            {{'start' if array.written else '_array'}}_{{array.name}}[lane] = static_cast<const {{array.type}} *>(arrays[{{loop.index0}}])[neuron];
{% endfor %}
        }
{% for constant in constants %}
        {{constant.name}} = ({{constant.type}})constants[{{loop.index0}}];
{% endfor %}
        _array_dt[0] = scalar(dt);
    }

    void start() {
{% for array in arrays if array.written %}
        memcpy(_array_{{array.name}}, start_{{array.name}}, sizeof _array_{{array.name}});
{% endfor %}
    }

    inline void update(double time) {
        _array_t[0] = scalar(time);
        const int _vectorisation_idx = 1;
        (void)_vectorisation_idx;
        using namespace update_support;
        {{blocks["update"].scalar_lines}}
        for (int _idx = 0; _idx < W; _idx++) {
            {{blocks["update"].vector_lines}}
        }
    }

    inline uint64_t threshold() {
        alignas(64) uint8_t fires[W];
        using namespace threshold_support;
        {{blocks["threshold"].scalar_lines}}
        for (int _idx = 0; _idx < W; _idx++) {
            {{blocks["threshold"].vector_lines}}
            fires[_idx] = _cond ? 1 : 0;
        }
        const uint64_t fired = pack_bits<W>(fires) & real;
{% if uses_refractory %}
        if (fired)
            for (int lane = 0; lane < W; lane++) {
                _array_not_refractory[lane] = fires[lane] ? 0 : _array_not_refractory[lane];
                _array_lastspike[lane] = fires[lane] ? _array_t[0] : _array_lastspike[lane];
            }
{% endif %}
        return fired;
    }

    inline void reset(int _idx) {
        using namespace reset_support;
        {{blocks["reset"].scalar_lines}}
        {{blocks["reset"].vector_lines}}
    }

    inline bool finite() const {
        bool all = true;
{% for array in arrays if array.written and array.type == 'scalar' %}
        for (int lane = 0; lane < W; lane++) all &= _array_{{array.name}}[lane] - _array_{{array.name}}[lane] == 0;
{% endfor %}
        return all;
    }
};
