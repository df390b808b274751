"""The Plan rules over lines, as fast as Python goes: orjson reads every line and writes those that change."""
import sys

import orjson


def main():
    loads, dumps = orjson.loads, orjson.dumps
    write = sys.stdout.buffer.write
    for line in sys.stdin.buffer:
        item = loads(line)["Item"]
        key = item["PK"].get("S", "")
        if key.startswith("PLAN#") and item["SK"].get("S") == "META" and item.get("tp", {}).get("S") == "plan":
            item["SK"]["S"] = "META#" + key[5:]
            item["PK"]["S"] = "PLAN"
            line = dumps({"Item": item}) + b"\n"
        write(line)


main()
