"""What pipelines/bench.sh runs once everything is installed; see there."""
import argparse
import datetime
import json
import os
import platform
import shutil
import subprocess

import bars
import measure
import report
import rows
import tables

ROOT = os.path.dirname(os.path.dirname(os.path.dirname(os.path.abspath(__file__))))
REKEY = f"{ROOT}/.build/release/rekey"
SAMPLE = f"{ROOT}/.build/release/rekey-sample"
RULES = f"{ROOT}/pipelines/plan-structure.yaml"


def words(command):
    """The first line a command prints."""
    done = subprocess.run(command, capture_output=True, text=True, check=False)
    return ((done.stdout or done.stderr).strip().splitlines() or ["missing"])[0]


def machine(folder):
    """Where this runs, and with what."""
    model = ""
    if os.path.exists("/proc/cpuinfo"):
        with open("/proc/cpuinfo", encoding="utf-8") as file:
            model = next((line.split(":", 1)[1].strip() for line in file if line.startswith("model name")), "")
    packages = words([f"{folder}/python/bin/python", "-c", (
        "import importlib.metadata as m; print(', '.join(f'{p} {m.version(p)}' "
        "for p in ('orjson', 'duckdb', 'boto3')))")])
    return {
        "date": datetime.date.today().isoformat(),
        "processor": model or platform.processor(),
        "cores": len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count(),
        "system": f"{platform.system()} {platform.release()} {platform.machine()}",
        "load": round(os.getloadavg()[0], 1),
        "versions": {
            "rekey": words(["git", "-C", ROOT, "describe", "--always", "--dirty"]),
            "swift": words(["swift", "--version"]), "jq": words(["jq", "--version"]),
            "gojq": words(["gojq", "--version"]), "Miller": words(["mlr", "--version"]),
            "pigz": words(["pigz", "--version"]), "gzip": words(["gzip", "--version"]),
            "Python": platform.python_version(), "packages": packages, "dynamodump": "1.11.1",
            "aws": words([f"{folder}/aws/bin/aws", "--version"]),
        },
    }


def generate(data, items):
    """The sample stream of so many items, plain and compressed."""
    subprocess.run(f"{SAMPLE} stream --items {items} > items.ndjson", shell=True, check=True, cwd=data)
    subprocess.run("pigz -6 -k -f items.ndjson", shell=True, check=True, cwd=data)


def same(data, row):
    """All contestants must have made the same items: their digests are equal. Returns it."""
    digests = {}
    for number, name in enumerate(row["contestants"]):
        path = row["outputs"].format(number)
        # Miller writes U+0000 as a bare byte, which is no JSON.
        if name != "Miller":
            digests[name] = words([REKEY, "digest", "--quiet", f"{data}/{path}"])
        if number > 0:
            os.remove(f"{data}/{path}")
    if len(set(digests.values())) != 1:
        raise SystemExit(f"the outputs are not the same: {json.dumps(digests, indent=2)}")
    return next(iter(digests.values()))


def over_files(data, items, rounds, wanted, python, cores):
    """The rows over files."""
    results = {}
    generate(data, items)
    for key, row in rows.rows(REKEY, RULES, python, cores).items():
        if wanted and key not in wanted:
            continue
        size = os.path.getsize(f"{data}/{row['input']}") * row.get("factor", 1)
        results[key] = {
            "title": row["title"], "bytes": size, "items": items,
            "contestants": measure.in_turn(row["contestants"], rounds, data),
        }
        if "outputs" in row:
            results[key]["digest"] = same(data, row)
        report.say(key, results[key])
    return results


def against_size(data, sizes, rounds):
    """What transform, digest and snapshot cost for each size: seconds and memory."""
    results = []
    for items in sizes:
        subprocess.run(f"{SAMPLE} stream --items {items} > sized.ndjson", shell=True, check=True, cwd=data)
        commands = {
            "transform": f"{REKEY} transform --quiet --rules {RULES} sized.ndjson -o sized.new",
            "digest": f"{REKEY} digest --quiet sized.ndjson",
            "snapshot create": f"rm -rf sized.snapshot && {REKEY} snapshot create --quiet sized.ndjson sized.snapshot",
        }
        measured = measure.in_turn(commands, rounds, data)
        results.append({"items": items, "bytes": os.path.getsize(f"{data}/sized.ndjson"), "stages": measured})
        print(f"{items} items: " + ", ".join(
            f"{name} {one['seconds']['median']:.2f} s, {one['memory']['max'] / 2**20:.0f} MiB"
            for name, one in measured.items()), flush=True)
    for name in ("sized.ndjson", "sized.new"):
        os.remove(f"{data}/{name}")
    shutil.rmtree(f"{data}/sized.snapshot", ignore_errors=True)
    return results


def small(data, rounds):
    """The start of the program, and the guide's three plans on a local table."""
    migrate = (
        f"rm -rf small.db runs && {REKEY} extract --quiet {ROOT}/data/algoitny_main --prefix PLAN# "
        f"| {REKEY} load local:small.db --execute --quiet")
    start = measure.in_turn({"rekey": [REKEY, "--version"]}, rounds * 4, data)
    runs = []
    for _ in range(rounds):
        measure.run(migrate, data)
        runs.append(measure.run(
            f"exec {REKEY} migrate --table local:small.db --rules {RULES} --runs runs --execute --confirm MIGRATE", data))
    return {"start": start["rekey"], "migrate": measure.summary(runs)}


def main():
    parser = argparse.ArgumentParser()
    parser.add_argument("--folder", required=True)
    parser.add_argument("--items", type=int, default=1_000_000)
    parser.add_argument("--rounds", type=int, default=5)
    parser.add_argument("--sizes", default="")
    parser.add_argument("--only", default="")
    parser.add_argument("--output")
    parser.add_argument("--quick", action="store_true")
    arguments = parser.parse_args()
    if arguments.quick:
        arguments.items, arguments.rounds = min(arguments.items, 20_000), min(arguments.rounds, 2)
    data = f"{arguments.folder}/data"
    os.makedirs(data, exist_ok=True)
    os.environ["TMPDIR"] = data
    wanted = set(filter(None, arguments.only.split(",")))
    python = f"{arguments.folder}/python/bin/python"
    result = {"machine": machine(arguments.folder), "items": arguments.items, "rounds": arguments.rounds}
    result["rows"] = over_files(
        data, arguments.items, arguments.rounds, wanted, python, result["machine"]["cores"])
    if not wanted or "small" in wanted:
        result["small"] = small(data, arguments.rounds)
        report.say_small(result["small"])
    if arguments.sizes or not (wanted or arguments.quick):
        sizes = [int(size) for size in (arguments.sizes or "1000000,3000000,10000000").split(",")]
        result["sizes"] = against_size(data, sizes, min(arguments.rounds, 3))
    if not wanted or "load" in wanted:
        result["load"] = tables.measure_load(
            ROOT, *((20_000, 2_000) if arguments.quick else (1_000_000, 20_000)), arguments.rounds)
    if not wanted or "tables" in wanted:
        result["tables"] = tables.measure_tables(
            ROOT, REKEY, SAMPLE, arguments.folder, data, 200 if arguments.quick else 20_000, arguments.rounds)
    result["bars"] = bars.bars(result)
    report.say_bars(result["bars"])
    target = arguments.output or (
        f"{data}/result" if arguments.quick else f"{ROOT}/data/benchmarks/{result['machine']['date']}")
    report.write(result, target)
    for name in os.listdir(data):
        if name != "result":
            path = f"{data}/{name}"
            shutil.rmtree(path) if os.path.isdir(path) else os.remove(path)
    print(f"written: {target}")


main()
