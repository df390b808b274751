"""Signs the requests given as JSON on standard input with botocore; prints an Authorization header a line."""

import datetime
import json
import sys
import urllib.parse

import botocore.auth
from botocore.awsrequest import AWSRequest
from botocore.credentials import Credentials


def main():
    for entry in json.load(sys.stdin):
        when = datetime.datetime.fromtimestamp(entry["time"], datetime.timezone.utc)
        botocore.auth.get_current_datetime = lambda when=when: when.replace(tzinfo=None)
        query = urllib.parse.urlencode([tuple(pair) for pair in entry["query"]], quote_via=urllib.parse.quote, safe="-._~")
        url = f"https://{entry['authority']}{entry['path']}" + (f"?{query}" if query else "")
        request = AWSRequest(method=entry["method"], url=url, data=entry["body"].encode())
        for name, value in entry["headers"]:
            request.headers[name] = value
        kind = botocore.auth.S3SigV4Auth if entry["service"] == "s3" else botocore.auth.SigV4Auth
        credentials = Credentials(entry["key"], entry["secret"], entry["token"])
        kind(credentials, entry["service"], entry["region"]).add_auth(request)
        print(request.headers["Authorization"])


main()
