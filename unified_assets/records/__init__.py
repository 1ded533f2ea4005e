"""Text of a csv, tsv, json, jsonl, xml or line file in; flat records, the roles of their fields and examples out."""

from unified_assets.records.examples import EXAMPLE_LIMIT, examples_of
from unified_assets.records.names import class_name, declared_split, fields_of_name, stem, words
from unified_assets.records.parsing import json_value, parse, text_of
from unified_assets.records.roles import Reading, read_roles

__all__ = [
    "EXAMPLE_LIMIT",
    "Reading",
    "class_name",
    "declared_split",
    "examples_of",
    "fields_of_name",
    "json_value",
    "parse",
    "read_roles",
    "stem",
    "text_of",
    "words",
]
