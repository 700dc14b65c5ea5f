"""Malformed config.json and model.json."""
import json

from common import WRONG, broken_json, cuts, doubled, dump, paths, replaced

# Fields that may be missing or be anything: bitnetc does not need them.
FREE = {"config.json": {"architectures", "model_type"},
        "model.json": {"name"}}


def cases(files, file, right):
    """`right`: the fields that must be there and must be of their type."""
    document = json.loads(files[file])

    def case(name, value):
        data = value if isinstance(value, bytes) else dump(value)
        return name, {**files, file: data}

    text = dump(document)
    for name, cut in cuts(text, 80):
        yield case(name, cut)
    for name, data in broken_json(text):
        yield case(name, data)
    yield case("an empty object", b"{}")
    yield case("a byte order mark and more", b"\xef\xbb\xbf\xef\xbb\xbf" + text)
    for path in paths(document):
        where = ".".join(path)
        yield case(f"{where} twice", doubled(document, path))
        if where not in right:
            continue
        accepted = right[where]
        if "missing" not in accepted:
            yield case(f"no {where}", replaced(document, path, []))
        for name, wrong in WRONG.items():
            if name not in accepted:
                yield case(f"{where} is {name}",
                           replaced(document, path, [wrong]))
    for where in ("vocab_size", "hidden_size", "intermediate_size",
                  "num_hidden_layers", "num_attention_heads",
                  "num_key_value_heads"):
        for value in (0, 3, 2 ** 31 - 1, 2 ** 31, 2 ** 32, 2 ** 62):
            yield case(f"{where} is {value}",
                       replaced(document, (where,), [value]))
