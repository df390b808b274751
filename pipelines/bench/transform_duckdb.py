"""The Plan rules in SQL: DuckDB reads lines as JSON values and writes them, on all cores."""
import sys

import duckdb

source, target = sys.argv[1:]
duckdb.sql(f"""
    COPY (
        SELECT CASE
            WHEN json->>'$.Item.PK.S' LIKE 'PLAN#_%' AND json->>'$.Item.SK.S' = 'META' AND json->>'$.Item.tp.S' = 'plan'
            THEN json_merge_patch(json, json_object('Item', json_object(
                'PK', json_object('S', 'PLAN'), 'SK', json_object('S', 'META#' || substr(json->>'$.Item.PK.S', 6)))))
            ELSE json END
        FROM read_ndjson_objects('{source}')
    ) TO '{target}' (FORMAT csv, HEADER false, QUOTE '', ESCAPE '', DELIMITER E'\\x01')
""")
