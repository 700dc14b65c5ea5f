"""Malformed chat templates, and some that must not be let run on."""

RIGHT = ('{% macro f(a, b=1) %}{% for x in a if x %}{{ x | join(", ") }}'
         '{% elif b %}{% else %}-{% endfor %}{% endmacro %}').replace(
             "{% elif b %}", "")
DEEP = 100000


def cases():
    # "{" alone is text; everything longer waits for its end.
    for cut in range(2, len(RIGHT)):
        yield f"cut at byte {cut}", RIGHT[:cut]
    for name, text in (
            ("unknown filter", "{{ messages | nope }}"),
            ("unknown test", "{{ messages is nope }}"),
            ("unknown tag", "{% nope %}"),
            ("another end", "{% for x in messages %}{% endif %}"),
            ("an end alone", "{% endfor %}"),
            ("else alone", "{% else %}"),
            ("two else", "{% if a %}{% else %}{% else %}{% endif %}"),
            ("elif behind else", "{% if a %}{% else %}{% elif b %}{% endif %}"),
            ("break outside of a loop", "{% break %}"),
            ("no expression", "{{ }}"), ("no condition", "{% if %}{% endif %}"),
            ("two expressions", "{{ a b }}"), ("no operand", "{{ 1 + }}"),
            ("no filter", "{{ a | }}"), ("no attribute", "{{ a. }}"),
            ("no index", "{{ a[ }}"), ("an open list", "{{ [1, 2 }}"),
            ("an open call", "{{ f(1 }}"), ("an open text", "{{ 'a }}"),
            ("an open comment", "{# a"), ("an open raw", "{% raw %} {{ "),
            ("two equal signs", "{% set a == 1 %}"),
            ("set of a number", "{% set 1 = 2 %}"),
            ("set without value", "{% set a = %}"),
            ("a dictionary without value", "{{ {'a'} }}"),
            ("for without in", "{% for a %}{% endfor %}"),
            ("a character", "{{ a ? b }}"), ("a backtick", "{{ `a` }}"),
            ("a huge number", "{{ 9" + "9" * 400 + " }}"),
            ("include", "{% include 'x' %}"), ("extends", "{% extends 'x' %}"),
            ("import", "{% import 'x' as y %}"),
            ("equal parameters", "{% macro f(a, a) %}{% endmacro %}"),
            ("a parameter twice", "{% macro f(a) %}{% endmacro %}"
                                  "{{ f(1, a=2) }}"),
            ("a byte that is not UTF-8", b"{{ '\xff' }}"),
            ("a zero byte", "{{ a\0b }}"),
            # Found when it runs.
            ("a call of nothing", "{{ nope() }}"),
            ("an attribute of nothing", "{{ nope.a.b }}"),
            ("division by zero", "{{ 1 // 0 }}"),
            ("text and number", "{{ 'a' + 1 }}"),
            ("a negative shift", "{{ 'a' * -1 + 1 }}"),
            ("a loop over a number", "{% for x in 5 %}{% endfor %}"),
            ("raise", "{{ raise_exception('no') }}"),
            ("raise lines", "{{ raise_exception('a\\nb\\x1b[1m\\rc') }}"),
            ("a long loop", "{% for x in range(10**9) %}{% endfor %}"),
            ("loops in loops", "{% for a in range(9999) %}"
             "{% for b in range(9999) %}{% for c in range(9999) %}"
             "{% endfor %}{% endfor %}{% endfor %}"),
            ("a long text", "{{ 'a' * 10**10 }}"),
            ("a doubling text", "{% set n = namespace(a='xxxxxxxxxx') %}"
             "{% for i in range(99) %}{% set n.a = n.a + n.a %}{% endfor %}"
             "{{ n.a }}"),
            ("a doubling list", "{% set n = namespace(a=[1,2,3]) %}"
             "{% for i in range(99) %}{% set n.a = n.a + n.a %}{% endfor %}"),
            ("a list in itself", "{% set n = namespace(a=[]) %}"
             "{% for i in range(99999) %}{% set n.a = [n.a, n.a] %}{% endfor %}"
             "{{ n.a }}"),
            ("a long output", "{% for i in range(99999) %}"
             "{{ 'aaaaaaaaaaaaaaaa' * 1000 }}{% endfor %}"),
            ("a power", "{{ 10 ** 10 ** 10 }}"),
            ("endless recursion", "{% macro f() %}{{ f() }}{% endmacro %}"
                                  "{{ f() }}"),
            ("recursion in two", "{% macro f() %}{{ f() }}{{ f() }}"
                                 "{% endmacro %}{{ f() }}"),
            ("a wide format", "{{ '%999999999d' | format(1) }}"),
            ("a wide indent", "{{ 'a\\nb' | indent(10**9) }}"),
            ("a wide centre", "{{ 'a' | center(10**10) }}"),
            ("a long replacement", "{{ ('a' * 99999).replace('a', "
                                   "'b' * 99999) }}"),
            ("a long join", "{{ (['a' * 9999] * 9999) | join('b' * 9999) }}"),
            ("parentheses", "{{ " + "(" * DEEP + "1" + ")" * DEEP + " }}"),
            ("open parentheses", "{{ " + "(" * DEEP),
            ("lists", "{{ " + "[" * DEEP + "]" * DEEP + " }}"),
            ("dictionaries", "{{ " + "{'a':" * DEEP + "1" + "}" * DEEP + " }}"),
            ("conditions", "{% if a %}" * DEEP + "{% endif %}" * DEEP),
            ("loops", "{% for a in b %}" * DEEP + "{% endfor %}" * DEEP),
            ("signs", "{{ " + "-" * DEEP + "1 }}"),
            ("nots", "{{ " + "not " * DEEP + "1 }}"),
            ("powers", "{{ " + "2**" * DEEP + "1 }}"),
            ("ternaries", "{{ " + "1 if " * DEEP + "1 }}"),
            ("calls", "{{ " + "f(" * DEEP + ")" * DEEP + " }}"),
            ("filters", "{{ a" + "|nope" * DEEP + " }}"),
            ("macros", "{% macro f() %}" * DEEP + "{% endmacro %}" * DEEP)):
        yield name, text
