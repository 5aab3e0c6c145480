{# A neuron that one thread of a GPU keeps in its registers. #}
{% from "macros.hpp" import open_block, use_lane with context %}
{# lambda <- J^T lambda, with the derivatives of a block where the neuron is. #}
{% macro pull_back(block, entries) %}
        {{open_block(block)}}
        Lane neuron = *this;
        {{use_lane()}}
        {{blocks[block].vector_lines}}
        const scalar {% for n in range(n_variables) %}lambda_{{n}} = lambda[{{n}}]{{", " if not loop.last}}{% endfor %};
{% for n in range(n_variables) %}
        lambda[{{n}}] = {% for entry in entries if entry.by == n %}scalar({{entry.value}}) * lambda_{{entry.of}}{{" + " if not loop.last}}{% else %}0{% endfor %};
{% endfor %}
{% endmacro %}
// A neuron that fires in this step.
static inline auto make_reset(const NeuronConstants &common) {
        {{open_block("reset")}}
        return [=](Lane &neuron) {
            {{use_lane()}}
            {{blocks["reset"].vector_lines}}
        };
}

struct Neuron : Lane {
{% if refractory %}
    int64_t free_from = 0;  // the step from which it is no longer refractory

{% endif %}
    // arrays: start values and parameters of all neurons
    Neuron(const void *const *arrays, int64_t number) {
{% for array in arrays %}
        _array_{{array.name}}[0] = static_cast<const {{array.numpy_type}} *>(arrays[{{loop.index0}}])[number];
{% endfor %}
    }

    // Before the update of a step.
    void begin(int64_t step) {
{% if refractory %}
        _array_not_refractory[0] = step >= free_from;
{% endif %}
    }

    // Before the reset of a neuron that fires in this step.
    void fire(const NeuronConstants &common, int64_t step) {
{% if refractory %}
        free_from = step + 1 + common.refractory_steps;
        _array_not_refractory[0] = 0;  // whoever fires is refractory
{% endif %}
    }

    scalar &synaptic() { return {{synaptic}}[0]; }

    // One of the state's variables, of those that spikes can add to.
    scalar &variable(int number) {
{% for array in arrays if array.number is not none and not array.synaptic %}
        if (number == {{array.number}}) return _array_{{array.name}}[0];
{% endfor %}
        return synaptic();
    }

{% if derivatives %}
    // An update where it is known whether the neuron fires. One that reaches its threshold in another step, as rounding may
    // have it, waits where it was, so that no upswing runs away. Returns whether it does.
    bool update_along(const NeuronConstants &common, bool fires) {
        const Lane before = *this;
        make_update(common)(*this);
        const bool waits = make_threshold(common)(*this) && !fires;
        if (waits) static_cast<Lane &>(*this) = before;
        return waits;
    }

    // lambda <- A^T lambda of an update from here.
    void adjoint_of_update(const NeuronConstants &common, scalar (&lambda)[N_VARIABLES]) const {
        {{pull_back("update_derivatives", derivatives.of_update)}}
    }

    // lambda <- R^T lambda of a reset from here.
    void adjoint_of_reset(const NeuronConstants &common, scalar (&lambda)[N_VARIABLES]) const {
        {{pull_back("reset_derivatives", derivatives.of_reset)}}
    }

{% endif %}
    bool finite() const {
        bool all = true;
{% for array in arrays if array.changes and array.type == 'scalar' %}
        all &= _array_{{array.name}}[0] - _array_{{array.name}}[0] == 0;
{% endfor %}
        return all;
    }
};
