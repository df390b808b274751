"""Holds lines of JSON to `rekey schema COMMAND`: each argument is COMMAND=FILE."""
import json
import subprocess
import sys

import jsonschema

for argument in sys.argv[1:]:
    command, path = argument.split("=")
    schema = json.loads(subprocess.run(["rekey", "schema", *command.split()], capture_output=True, check=True).stdout)
    jsonschema.Draft202012Validator.check_schema(schema)
    validator = jsonschema.Draft202012Validator(schema)
    lines = [json.loads(line) for line in open(path)]
    errors = [error.message for line in lines for error in validator.iter_errors(line)]
    # A member that nobody knows, and one that is missing, must not pass.
    first = lines[0][0] if isinstance(lines[0], list) else lines[0]
    broken = [dict(first, unknown=1), {}]
    passed = [value for value in broken if validator.is_valid([value] if isinstance(lines[0], list) else value)]
    print(f"{command}: {len(lines)} valid" if not errors and not passed and lines else f"{command}: {errors} {passed}")
