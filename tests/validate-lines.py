#!/usr/bin/python3
"""Checks each line of a file against a JSON Schema and prints `ok`, or the mistake."""

import json
import sys

from jsonschema import Draft202012Validator
from jsonschema.exceptions import best_match

schema_path, lines_path = sys.argv[1:]
with open(schema_path, encoding="utf-8") as file:
    schema = json.load(file)
Draft202012Validator.check_schema(schema)
validator = Draft202012Validator(schema)
with open(lines_path, encoding="utf-8") as lines:
    for line in lines:
        wrong = best_match(validator.iter_errors(json.loads(line)))
        print(wrong.message if wrong else "ok")
