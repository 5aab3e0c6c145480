{# The lines of one block of abstract code, as Brian2's C++ generator writes them; codegen.py puts them together. #}
{# ALLOWS_SCALAR_WRITE #}
{% macro scalar_lines() %}
{{scalar_code|autoindent}}
{% endmacro %}
{% macro vector_lines() %}
{{vector_code|autoindent}}
{% endmacro %}
{% macro support_lines() %}
{{hashdefine_lines|autoindent}}
{{support_code_lines|autoindent}}
{% endmacro %}
