{# What one neuron does in a step, on any device; lines between markers come from Brian2's C++ generator. #}
{% from "macros.hpp" import open_block, use_lane with context %}
{{universal_support}}
{% for name, block in blocks.items() %}
namespace {{name}}_support {
{{block.support_lines}}
}
{% endfor %}

// What the generated lines read as an array, and is the same everywhere.
struct Uniform {
    scalar value;
    scalar operator[](int) const { return value; }
};

// What is the same for all neurons; kept apart so that the compiler computes what depends on it once, not once a tile.
struct NeuronConstants {
    double dt;
    int64_t refractory_steps;
    scalar v_th;
{% for constant in constants %}
    {{constant.type}} {{constant.name}};
{% endfor %}

    template <typename Forward>
    explicit NeuronConstants(const Forward &f)
        : dt(f.dt), refractory_steps(f.refractory_steps), v_th(scalar(f.constants[0])) {
{% for constant in constants %}
        {{constant.name}} = ({{constant.type}})f.constants[{{loop.index}}];
{% endfor %}
    }
};

// One neuron, as the generated lines see it: arrays of one, which the compiler keeps in registers.
struct Lane {
{% for array in arrays %}
    {{array.type}} _array_{{array.name}}[1];
{% endfor %}
{% if refractory %}
    flag _array_not_refractory[1];
{% endif %}
};

// What a neuron does, as functions of it; they hold what is the same for all neurons of a tile.
static inline auto make_update(const NeuronConstants &common) {
        {{open_block("update")}}
        return [=](Lane &neuron) {
            {{use_lane()}}
            {{blocks["update"].vector_lines}}
        };
}

static inline auto make_threshold(const NeuronConstants &common) {
        {{open_block("threshold")}}
        return [=](Lane &neuron) {
            {{use_lane()}}
            {{blocks["threshold"].vector_lines}}
            return flag({{prefix}}_cond);
        };
}
