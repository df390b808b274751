"""Loads {"Item":…} lines into a table with boto3's own client, as fast as one Python process can: a peer for bench-load.sh.

    bench-load.py TABLE FILE THREADS [--no-validation]

The items stay typed JSON from the file to batch_write_item, so nothing is converted but what botocore converts; lines are read by
orjson where it is installed. Prints the number of items written.
"""

import sys
import threading
from queue import Queue

import boto3
from botocore.config import Config

try:
    from orjson import loads
except ImportError:
    from json import loads


def main():
    table, path, threads = sys.argv[1], sys.argv[2], int(sys.argv[3])
    validates = "--no-validation" not in sys.argv[4:]
    client = boto3.client(
        "dynamodb", config=Config(max_pool_connections=threads, parameter_validation=validates))
    batches = Queue(maxsize=4 * threads)
    written = []
    failures = []

    def write():
        count = 0
        while (lines := batches.get()) is not None:
            if failures:
                continue
            try:
                requests = [{"PutRequest": loads(line)} for line in lines]
                count += len(requests)
                while requests:
                    answer = client.batch_write_item(RequestItems={table: requests})
                    requests = answer["UnprocessedItems"].get(table)
            except Exception as error:
                failures.append(error)
        written.append(count)

    workers = [threading.Thread(target=write) for _ in range(threads)]
    for worker in workers:
        worker.start()
    with open(path, "rb") as file:
        lines = []
        for line in file:
            lines.append(line)
            if len(lines) == 25:
                batches.put(lines)
                lines = []
        if lines:
            batches.put(lines)
    for _ in workers:
        batches.put(None)
    for worker in workers:
        worker.join()
    if failures:
        raise failures[0]
    print(sum(written))


if __name__ == "__main__":
    main()
