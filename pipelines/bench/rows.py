"""What is measured: for each row its contestants, rekey first, each a line of bash, and the bytes or items of one run."""
import os

HERE = os.path.dirname(os.path.abspath(__file__))

JQ_TRANSFORM = (
    '''if (.Item.PK.S // "" | startswith("PLAN#")) and .Item.SK.S == "META" and .Item.tp.S == "plan" '''
    '''then .Item.SK.S = "META#" + .Item.PK.S[5:] | .Item.PK.S = "PLAN" else . end'''
)
MILLER_TRANSFORM = (
    '''if (is_present($Item["tp"]["S"]) && $Item["tp"]["S"] == "plan" && $Item["SK"]["S"] == "META" '''
    '''&& strlen($Item["PK"]["S"]) > 5 && $Item["PK"]["S"][1:5] == "PLAN#") '''
    '''{ $Item["SK"]["S"] = "META#" . $Item["PK"]["S"][6:strlen($Item["PK"]["S"])]; $Item["PK"]["S"] = "PLAN" }'''
)


def rows(rekey, rules, python, cores):
    """The rows over files, in the order in which they run. `items.ndjson` and `items.ndjson.gz` are there."""
    transform = f"{rekey} transform --quiet --rules {rules}"
    return {
        "transform": {
            "title": "transform, plain lines, full validation",
            "input": "items.ndjson",
            "outputs": "new-{}.ndjson",
            "contestants": {
                "rekey, 1 core": f"{transform} --jobs 1 items.ndjson -o new-0.ndjson",
                f"rekey, {cores} cores": f"{transform} items.ndjson -o new-1.ndjson",
                "jq": f"jq -c '{JQ_TRANSFORM}' items.ndjson > new-2.ndjson",
                "gojq": f"gojq -c '{JQ_TRANSFORM}' items.ndjson > new-3.ndjson",
                "Miller": "mlr --ijsonl --ojsonl --no-auto-flatten --no-auto-unflatten -S "
                f"put '{MILLER_TRANSFORM}' items.ndjson > new-4.ndjson",
                "Python, orjson": f"{python} {HERE}/transform_orjson.py < items.ndjson > new-5.ndjson",
                "DuckDB": f"{python} {HERE}/transform_duckdb.py items.ndjson new-6.ndjson",
            },
        },
        "gzip": {
            "title": "transform, gzip to gzip, level 6",
            "input": "items.ndjson",
            "contestants": {
                f"rekey, {cores} cores": f"{transform} items.ndjson.gz -o new.ndjson.gz",
                "pigz, nothing else": f"pigz -dc items.ndjson.gz | pigz -p {cores} > copy.ndjson.gz",
                "gzip, nothing else": "gzip -dc items.ndjson.gz | gzip > copy.ndjson.gz",
            },
        },
        "digest": {
            "title": "digest: canonical form and SHA-256 of every item",
            "input": "items.ndjson",
            "contestants": {
                "rekey, 1 core": f"{rekey} digest --quiet --jobs 1 items.ndjson",
                f"rekey, {cores} cores": f"{rekey} digest --quiet items.ndjson",
                "Python, orjson, no number rules": f"{python} {HERE}/digest_orjson.py < items.ndjson",
            },
        },
        "verify": {
            "title": "verify of all items, old against new",
            "input": "items.ndjson",
            "factor": 2,
            "contestants": {
                "rekey, 1 core": f"{rekey} verify --quiet --all --jobs 1 items.ndjson new-0.ndjson --rules {rules}",
                f"rekey, {cores} cores": f"{rekey} verify --quiet --all items.ndjson new-0.ndjson --rules {rules}",
            },
        },
        "snapshot": {
            "title": "snapshot create: sorted, compressed, read back",
            "input": "items.ndjson",
            "contestants": {
                f"rekey, {cores} cores": f"rm -rf snapshot && {rekey} snapshot create --quiet items.ndjson snapshot",
                "jq, sort, gzip": "jq -r '[.Item.PK.S, .Item.SK.S, (. | tojson)] | join(\"\\t\")' items.ndjson "
                f"| LC_ALL=C sort --parallel={cores} -S 32M -t '\t' -k1,1 -k2,2 | cut -f3- | gzip > sorted.json.gz",
            },
        },
    }
