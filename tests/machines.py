"""Reads lines of JSON on stdin, `[schema, definition or null, instance]`, and says of each instance what its schema objects to."""

import json
import sys

import jsonschema

for line in sys.stdin:
    path, definition, instance = json.loads(line)
    with open(path, encoding="utf-8") as file:
        schema = json.load(file)
    kind = jsonschema.validators.validator_for(schema)
    kind.check_schema(schema)
    if definition is not None:
        schema = {"$schema": schema["$schema"], "$defs": schema["$defs"], "$ref": f"#/$defs/{definition}"}
    found = [error.message[:300] for error in kind(schema).iter_errors(instance)]
    print(json.dumps(found))
