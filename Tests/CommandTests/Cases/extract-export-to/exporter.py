"""DynamoDB as it exports tables: the emulator behind keeps the status of an export and writes nothing.

exporter.py EXPORT PORTFILE   Puts the files of EXPORT where an export is asked for. Its second answer on the status says that it is
complete, or that it failed where the name of the bucket begins with denied.
"""
import boto3, http.server, json, os, sys, urllib.request

upstream = os.environ["MINISTACK_ENDPOINT"]
asked = {}


class Exporter(http.server.BaseHTTPRequestHandler):
    def log_message(self, *_):
        pass

    def do_POST(self):
        body = self.rfile.read(int(self.headers["Content-Length"]))
        operation = self.headers["X-Amz-Target"].split(".")[-1]
        request = urllib.request.Request(upstream, body, {k: v for k, v in self.headers.items() if k != "Host"})
        try:
            with urllib.request.urlopen(request) as answer:
                status, content = answer.status, json.load(answer)
        except urllib.error.HTTPError as error:
            status, content = error.code, json.load(error)
        if status == 200 and operation == "ExportTableToPointInTime":
            export = content["ExportDescription"]
            asked[export["ExportArn"]] = 0
            if not export["S3Bucket"].startswith("denied"):
                self.write(export)
        if status == 200 and operation == "DescribeExport":
            export = content["ExportDescription"]
            asked[export["ExportArn"]] += 1
            export["ExportStatus"] = "IN_PROGRESS"
            if asked[export["ExportArn"]] >= 2:
                export["ExportStatus"] = "COMPLETED"
                export["ItemCount"] = 700
                if export["S3Bucket"].startswith("denied"):
                    export.update(ExportStatus="FAILED", FailureCode="S3AccessDenied", FailureMessage="Access Denied")
        data = json.dumps(content).encode()
        self.send_response(status)
        self.send_header("Content-Type", "application/x-amz-json-1.0")
        self.send_header("Content-Length", str(len(data)))
        self.end_headers()
        self.wfile.write(data)

    def write(self, export):
        identity = export["ExportArn"].split("/")[-1]
        prefix = export["S3Prefix"] + "/" if export.get("S3Prefix") else ""
        folder = os.path.join(sys.argv[1], "AWSDynamoDB")
        [old] = os.listdir(folder)
        for place, _, files in os.walk(os.path.join(folder, old)):
            for file in files:
                path = os.path.join(place, file)
                key = f"{prefix}AWSDynamoDB/{identity}/" + os.path.relpath(path, os.path.join(folder, old))
                boto3.client("s3", endpoint_url=upstream).upload_file(path, export["S3Bucket"], key)


server = http.server.ThreadingHTTPServer(("127.0.0.1", 0), Exporter)
with open(sys.argv[2] + ".new", "w") as file:
    file.write(str(server.server_port))
os.rename(sys.argv[2] + ".new", sys.argv[2])
server.serve_forever()
