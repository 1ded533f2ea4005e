"""Text of a csv, tsv, json, jsonl, xml or line file in; flat records, the roles of their fields and examples out."""
