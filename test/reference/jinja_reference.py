#!/usr/bin/env python3
"""Renders chat templates with Jinja2, as transformers does, for comparison.

usage: jinja_reference.py < requests > answers

A request is one JSON line {"template": SOURCE, "variables": {...}}; its answer
is {"text": ...} or {"error": ...}. Requests with "clock": SECONDS find
strftime_now. Exit code 77: there is no Jinja2 here.
"""
import datetime
import json
import sys

try:
    import jinja2
    import jinja2.ext
    import jinja2.sandbox
except ImportError:
    sys.exit(77)


class Generation(jinja2.ext.Extension):
    """transformers' {% generation %}, without the tracking."""
    tags = {"generation"}

    def parse(self, parser):
        line = next(parser.stream).lineno
        body = parser.parse_statements(["name:endgeneration"], drop_needle=True)
        call = self.call_method("render_body")
        return jinja2.nodes.CallBlock(call, [], [], body).set_lineno(line)

    def render_body(self, caller):
        return caller()


def raise_exception(message):
    raise jinja2.exceptions.TemplateError(message)


def tojson(x, ensure_ascii=False, indent=None, separators=None,
           sort_keys=False):
    return json.dumps(x, ensure_ascii=ensure_ascii, indent=indent,
                      separators=separators, sort_keys=sort_keys)


def environment(clock):
    env = jinja2.sandbox.ImmutableSandboxedEnvironment(
        trim_blocks=True, lstrip_blocks=True,
        extensions=[Generation, jinja2.ext.loopcontrols])
    env.filters["tojson"] = tojson
    env.globals["raise_exception"] = raise_exception
    if clock is not None:
        now = datetime.datetime.fromtimestamp(clock)
        env.globals["strftime_now"] = now.strftime
    return env


for line in sys.stdin:
    request = json.loads(line)
    try:
        template = environment(request.get("clock")).from_string(
            request["template"])
        answer = {"text": template.render(**request["variables"])}
    except Exception as error:  # Whatever it is, the template fails.
        answer = {"error": "%s: %s" % (type(error).__name__, error)}
    print(json.dumps(answer), flush=True)
