"""What rekey is held to, and whether this run met it."""


def ratio(row, what, peer, mine=None):
    """How many times what rekey needs (or its line `mine`) the peer needs."""
    contestants = row["contestants"]
    own = contestants[mine or next(iter(contestants))]
    return contestants[peer][what]["median"] / own[what]["median"]


def bars(result):
    """A line for each bar that was measured: what, the bar, what came, and whether it is met."""
    rows = result["rows"]
    lines = []

    def at_least(what, bar, found, unit):
        lines.append({"what": what, "bar": f"at least {bar}{unit}", "found": f"{found:.1f}{unit}", "met": found >= bar})

    def at_most(what, bar, found, unit, digits=1):
        lines.append({"what": what, "bar": f"at most {bar}{unit}", "found": f"{found:.{digits}f}{unit}", "met": found <= bar})

    if "transform" in rows:
        row = rows["transform"]
        at_least("transform, one core, processor time: jq's over ours", 50, ratio(row, "cpu", "jq"), " ×")
        at_least("transform, one core, processor time: Python and orjson's over ours", 10, ratio(row, "cpu", "Python, orjson"), " ×")
        first, second = list(row["contestants"])[:2]
        if result["machine"]["cores"] > 1:
            at_least("transform, all cores over one", 1.8, ratio(row, "seconds", first, second), " ×")
    if "gzip" in rows:
        at_least("transform, gzip to gzip: pigz's seconds over ours", 1.0, ratio(rows["gzip"], "seconds", "pigz, nothing else"), " ×")
    for key in ("digest", "verify"):
        if key in rows:
            one = next(iter(rows[key]["contestants"].values()))
            at_least(f"{key}, one core", 300, rows[key]["bytes"] / one["cpu"]["median"] / 1e6, " MB/s")
    if "snapshot" in rows:
        at_least("snapshot create: seconds of jq, sort and gzip over ours", 3, ratio(rows["snapshot"], "seconds", "jq, sort, gzip"), " ×")
    if "load" in result:
        load = result["load"]
        own, peers = load["rekey load"], [one for name, one in load.items() if name.startswith("boto3")]
        least = min(one["cpuMicrosecondsPerBatch"]["median"] for one in peers)
        at_least("load, processor time an item: the best boto3's over ours", 40, least / own["cpuMicrosecondsPerBatch"]["median"], " ×")
        at_least("load, items a second: ours over boto3's with 8 threads", 40,
                 own["itemsPerSecond"]["median"] / load["boto3, 8 threads"]["itemsPerSecond"]["median"], " ×")
    if "tables" in result:
        copy = result["tables"]["copy"]
        others = min(one["seconds"]["median"] for name, one in copy.items() if name != "rekey")
        at_least("copy of a table: the fastest other's seconds over ours", 1.0, others / copy["rekey"]["seconds"]["median"], " ×")
    memory = [one["memory"]["max"] for row in rows.values() for name, one in row["contestants"].items() if name.startswith("rekey")]
    memory += [one["memory"]["max"] for size in result.get("sizes", []) for one in size["stages"].values()]
    if memory:
        at_most("memory of any stage, any size", 64, max(memory) / 2**20, " MiB", 0)
    if "small" in result:
        at_most("start of the program", 15, result["small"]["start"]["seconds"]["median"] * 1e3, " ms")
        at_most("migrate of three plans on a local table", 0.2, result["small"]["migrate"]["seconds"]["median"], " s", 2)
    if len(result.get("sizes", [])) > 1:
        first, last = result["sizes"][0], result["sizes"][-1]
        for name in first["stages"]:
            # What the kernel takes to write depends on how much of the machine's memory is in use; it stands in the table.
            costs = [size["stages"][name]["user"]["median"] / size["items"] for size in (first, last)]
            at_most(f"{name}: processor time an item outside of the kernel, {last['items']:,} items over {first['items']:,}", 1.1, costs[1] / costs[0], " ×", 2)
            peaks = [size["stages"][name]["memory"]["max"] for size in (first, last)]
            at_most(f"{name}: memory, {last['items']:,} items over {first['items']:,}", 1.1, peaks[1] / peaks[0], " ×", 2)
    return lines
