"""A backup and its restore on one server, by rekey and by others. The server (ministack) is what takes most of the time."""
import json
import os
import subprocess
import sys

import measure

HERE = os.path.dirname(os.path.abspath(__file__))


def commands(rekey, folder):
    """Backup into files and restore into another table, for each contestant."""
    python, aws, dump = f"{folder}/python/bin/python", f"{folder}/aws/bin/aws", f"{folder}/dynamodump/bin/dynamodump"
    server = '--host 127.0.0.1 --port "${AWS_ENDPOINT_URL##*:}" --region "$AWS_REGION"'
    keys = '--accessKey "$AWS_ACCESS_KEY_ID" --secretKey "$AWS_SECRET_ACCESS_KEY"'
    return {
        "rekey": f"{rekey} extract --quiet dynamodb:source > rekey.ndjson "
        f"&& {rekey} load --quiet dynamodb:target --execute rekey.ndjson",
        "boto3, 8 threads": f"{python} {HERE}/copy_boto3.py source target 8",
        "AWS CLI, jq": f"{aws} dynamodb scan --table-name source --output json "
        "| jq -c '.Items | _nwise(25) | {target: map({PutRequest: {Item: .}})}' > aws.ndjson && "
        f"xargs -d '\\n' -n 1 -P {os.cpu_count()} {aws} dynamodb batch-write-item --request-items < aws.ndjson",
        "dynamodump": f"rm -rf dump && {dump} -m backup {server} {keys} -s source && {dump} -m restore {server} {keys} "
        "-s source -d target --dataOnly --noConfirm",
    }


def measure_tables(root, rekey, sample, folder, data, items, rounds):
    """Seconds of each contestant."""
    script = [
        "bash", f"{root}/pipelines/servers.sh", "with", "ministack", "--", sys.executable, os.path.abspath(__file__),
        rekey, sample, folder, data, str(items), str(max(1, min(rounds, 3)))]
    done = subprocess.run(script, check=True, stdout=subprocess.PIPE, text=True)
    result = {"items": items, "copy": json.loads(done.stdout.strip().splitlines()[-1])}
    for name, one in result["copy"].items():
        print(f"copy of {items} items: {name}: {one['seconds']['median']:.2f} s", flush=True)
    return result


def measure_load(root, items, boto3_items, runs):
    """What pipelines/bench-load.sh says of each program: a server that answers at once, so that the client alone is measured."""
    script = ["bash", f"{root}/pipelines/bench-load.sh", "--items", str(items), "--boto3-items", str(boto3_items), "--runs", str(runs)]
    lines = subprocess.run(script, check=True, stdout=subprocess.PIPE, text=True).stdout.splitlines()
    runs_of = {}
    for line in lines:
        run = json.loads(line)
        runs_of.setdefault(run.pop("tool"), []).append(run)
    result = {name: measure.summary(all_runs) for name, all_runs in runs_of.items()}
    for name, one in result.items():
        print(f"instant server: {name}: {one['itemsPerSecond']['median']:.0f} items/s, "
              f"{one['cpuMicrosecondsPerBatch']['median'] / 25:.2f} µs of processor time an item", flush=True)
    return result


def main():
    # Only where the server is: the caller needs no boto3.
    import boto3

    rekey, sample, folder, data, items, rounds = sys.argv[1:]
    client = boto3.client("dynamodb")

    def create(name):
        client.create_table(
            TableName=name, BillingMode="PAY_PER_REQUEST",
            KeySchema=[{"AttributeName": "PK", "KeyType": "HASH"}, {"AttributeName": "SK", "KeyType": "RANGE"}],
            AttributeDefinitions=[{"AttributeName": key, "AttributeType": "S"} for key in ("PK", "SK")])

    create("source")
    subprocess.run(
        f"{sample} stream --items {items} | {rekey} load --quiet dynamodb:source --execute", shell=True, check=True)
    wanted = subprocess.check_output([rekey, "digest", "--quiet", "dynamodb:source"], text=True)
    runs = {}
    for turn in range(int(rounds)):
        for name, command in commands(rekey, folder).items():
            # One process of the AWS CLI for each batch takes minutes; once is enough to know.
            if turn > 0 and name.startswith("AWS CLI"):
                continue
            create("target")
            runs.setdefault(name, []).append(measure.run(command, data))
            found = subprocess.check_output([rekey, "digest", "--quiet", "dynamodb:target"], text=True)
            # The AWS CLI 1 and dynamodump encode binaries twice, so that not all their items are equal; their number is.
            encodes_twice = name.startswith(("AWS CLI", "dynamodump"))
            if found.split()[0] != wanted.split()[0] or (found != wanted and not encodes_twice):
                raise SystemExit(f"{name} copied {found} for {wanted}")
            client.delete_table(TableName="target")
    print(json.dumps({name: measure.summary(all_runs) for name, all_runs in runs.items()}))


if __name__ == "__main__":
    main()
