{# The constants as names of the generated lines. #}
{% macro use_constants() %}
        const Uniform _array_dt{scalar(common.dt)};
        (void)_array_dt;
{% if not learned_threshold %}
        const Uniform _array_v_th{common.v_th};
        (void)_array_v_th;
{% endif %}
{% for constant in constants %}
        const {{constant.type}} {{constant.name}} = common.{{constant.name}};
        (void){{constant.name}};
{% endfor %}
{% endmacro %}
{# What comes before a block's lines for a neuron: constants, and its lines that are the same for all neurons. #}
{% macro open_block(name) %}
{{use_constants()}}
        const int _vectorisation_idx = 1;
        (void)_vectorisation_idx;
        using namespace {{name}}_support;
        {{blocks[name].scalar_lines}}
{% endmacro %}
{# One neuron's state as the arrays of the generated lines. #}
{% macro use_lane() %}
            constexpr auto exp = exponential<scalar>;  // not std::exp, which would be called lane by lane
            (void)exp;
{% for array in arrays %}
            auto &_array_{{array.name}} = neuron._array_{{array.name}};
            (void)_array_{{array.name}};
{% endfor %}
{% if refractory %}
            auto &_array_not_refractory = neuron._array_not_refractory;
            (void)_array_not_refractory;
{% endif %}
            constexpr int _idx = 0;
{% endmacro %}
