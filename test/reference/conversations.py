"""Conversations that chat templates are compared on: the same in every run."""
import json
import random

import texts

ROLES = ("user", "assistant")
NAMES = ("get_weather", "add", "search_web", "noop")


def content(rng):
    kind = rng.random()
    if kind < 0.1:
        return ""
    if kind < 0.2:
        return rng.choice((" ", "\n", "  \n\t", "\u00a0", "0", "None", "{{ x }}",
                           "{% if %}", "<think>\nhm\n</think>\n\nYes",
                           "a</think>b", "<tool_response>x</tool_response>"))
    text = "".join(rng.choice(texts.PARTS) + rng.choice(("", " ", "\n"))
                   for _ in range(rng.randint(1, 8)))
    return text


def value(rng, depth=2):
    """Any JSON."""
    kind = rng.randrange(9 if depth else 7)
    if kind == 7:
        return [value(rng, depth - 1) for _ in range(rng.randrange(4))]
    if kind == 8:
        return {rng.choice(("city", "a b", "\u00e9", "n", "")):
                value(rng, depth - 1) for _ in range(rng.randrange(4))}
    return (None, True, False, rng.randint(-5, 10 ** 6), rng.randint(0, 9),
            rng.choice((0.5, -1.25, 3.75, 21.5)), content(rng))[kind]


def tool(rng):
    properties = {}
    for name in rng.sample(("city", "days", "unit", "exact", "tags"),
                           rng.randrange(4)):
        properties[name] = {
            "type": rng.choice(("string", "integer", "boolean", "number",
                                ["string", "null"], "array", "object")),
            "description": content(rng)}
        if rng.random() < 0.3:
            properties[name]["enum"] = ["a", "\u00e9", "<b>"]
        if rng.random() < 0.2:
            properties[name]["items"] = {"type": "string"}
    function = {"name": rng.choice(NAMES), "description": content(rng),
                "parameters": {"type": "object", "properties": properties,
                               "required": list(properties)[:1]}}
    if rng.random() < 0.3:
        function["return"] = {"type": "string", "description": content(rng)}
    return {"type": "function", "function": function}


def call(rng, number):
    arguments = {name: value(rng) for name in ("city", "days")
                 if rng.random() < 0.7}
    return {"id": f"call{number:05}", "type": "function", "function": {
        "name": rng.choice(NAMES),
        "arguments": json.dumps(arguments) if rng.random() < 0.3
        else arguments}}


def conversation(rng):
    messages = []
    if rng.random() < 0.5:
        messages.append({"role": "system", "content": content(rng)})
    with_tools = rng.random() < 0.5
    turns = rng.randint(0, 5)
    for turn in range(turns):
        if rng.random() < 0.07:  # Out of order: most templates refuse.
            messages.append({"role": rng.choice(("user", "assistant", "tool",
                                                 "system", "critic")),
                             "content": content(rng)})
            continue
        messages.append({"role": "user", "content": content(rng)})
        if with_tools and rng.random() < 0.5:
            calls = [call(rng, turn) for _ in
                     range(1 if rng.random() < 0.7 else 2)]
            message = {"role": "assistant", "tool_calls": calls}
            if rng.random() < 0.8:
                message["content"] = rng.choice((None, "", content(rng)))
            messages.append(message)
            for one in calls:
                messages.append({
                    "role": rng.choice(("tool", "tool", "ipython")),
                    "tool_call_id": one["id"],
                    "name": one["function"]["name"],
                    "content": rng.choice((content(rng),
                                           json.dumps(value(rng))))})
        if turn + 1 < turns or rng.random() < 0.3:
            message = {"role": "assistant", "content": content(rng)}
            if rng.random() < 0.15:
                message["reasoning_content"] = content(rng)
            messages.append(message)
    variables = {"messages": messages,
                 "add_generation_prompt": rng.random() < 0.7,
                 "bos_token": "<s>", "eos_token": "</s>"}
    if with_tools or rng.random() < 0.1:
        variables["tools"] = [tool(rng) for _ in range(rng.randint(0, 3))]
    for name, choices in (("enable_thinking", (True, False)),
                          ("date_string", ("1 Jan 2025",)),
                          ("tools_in_user_message", (True, False)),
                          ("builtin_tools", (["code_interpreter"],)),
                          ("custom_instructions", ("Be kind.", "")),
                          ("documents", ([{"title": "t", "text": "x"}],))):
        if rng.random() < 0.15:
            variables[name] = rng.choice(choices)
    return variables


def conversations(count, seed=1):
    rng = random.Random(seed)
    return [conversation(rng) for _ in range(count)]
