"""Copies a table by boto3: one scan, and threads that write batches of 25, each with a client of its own."""
import queue
import sys
import threading

import boto3


def main():
    source, target, count = sys.argv[1], sys.argv[2], int(sys.argv[3])
    batches = queue.Queue(maxsize=4 * count)

    def write():
        client = boto3.session.Session().client("dynamodb")
        while (batch := batches.get()) is not None:
            requests = {target: [{"PutRequest": {"Item": item}} for item in batch]}
            while requests:
                requests = client.batch_write_item(RequestItems=requests).get("UnprocessedItems")

    threads = [threading.Thread(target=write) for _ in range(count)]
    for thread in threads:
        thread.start()
    for page in boto3.client("dynamodb").get_paginator("scan").paginate(TableName=source, ConsistentRead=True):
        items = page["Items"]
        for start in range(0, len(items), 25):
            batches.put(items[start:start + 25])
    for _ in threads:
        batches.put(None)
    for thread in threads:
        thread.join()


main()
