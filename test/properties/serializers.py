"""How the property tests write what schemathesis and Go do not read alike."""
import json

import schemathesis


@schemathesis.serializer("application/x-ndjson")
def json_lines(ctx, value):
    """Bytes as they are; else each element of a list, or one value alone, as a line of JSON."""
    if not isinstance(value, bytes):
        lines = value if isinstance(value, list) else [value]
        value = "".join(line if isinstance(line, str) else json.dumps(line) + "\n" for line in lines).encode()
    return value


@schemathesis.hook
def map_body(ctx, body):
    """204.0 is an integer to JSON Schema, and none to encoding/json, nor to clients."""
    return whole(body)


def whole(value):
    if isinstance(value, float) and value.is_integer():
        return int(value)
    if isinstance(value, dict):
        return {name: whole(field) for name, field in value.items()}
    if isinstance(value, list):
        return [whole(element) for element in value]
    return value
