#!/usr/bin/env python3
"""Runs rekey over the parts of an export, a snapshot or a table on the workers of a Spark cluster (EMR, Glue, or one machine).

  spark-submit rekey_spark.py --mode transform --from EXPORT --to FOLDER --rules FILE [--rekey FILE]
  spark-submit rekey_spark.py --mode digest    --from EXPORT-OR-TABLE [--expect COUNT:DIGEST]
  spark-submit rekey_spark.py --mode load      --from EXPORT --to dynamodb:TABLE [--execute] [--verify]

Part k of n is what `rekey extract FROM --segment k/n` gives: a data file of an export, or a segment of a table. Each part runs as one
pipe of rekey processes on a worker; no byte of an item passes through Python. A part that fails is tried again by Spark. Nothing counts
but the attempt that Spark takes as the part's result, so that retried and speculative attempts never double an item. The counts and
digests of all parts must add up, or the job ends with a status other than 0 and says which part is wrong.

The last line of standard output is the result as one JSON object. docs/scale.md says how to submit the job. Needs Python 3.7 or later,
PySpark 3.1 or later, and nothing else.
"""
import argparse
import base64
import ctypes
import datetime
import hashlib
import json
import os
import re
import shutil
import signal
import subprocess
import sys
import tempfile
import uuid
import zlib

USAGE, BAD_INPUT, CANNOT_CREATE, DIFFERENT = 64, 65, 73, 76
MODULUS = 1 << 256


class JobError(Exception):
    """What ends the job: one sentence, and the exit status."""

    def __init__(self, message, status=1):
        super().__init__(message)
        self.status = status


# --- On the workers ---------------------------------------------------------------------------------------------------------


class PartFailed(Exception):
    """A process of a part's pipe failed. The text stands between marks, by which the driver finds it in Spark's own message."""

    def __init__(self, message, status):
        super().__init__("<<rekey part failed: %d: %s>>" % (status, message))


def die_with_parent():
    """In a child: ask Linux to end this process with the Python worker, so that no pipe goes on when Spark kills that one."""
    try:
        ctypes.CDLL(None).prctl(1, signal.SIGKILL)  # PR_SET_PDEATHSIG
    except (OSError, AttributeError):
        pass


def run_pipe(commands, folder, part):
    """Runs commands as one pipe and waits for all of them. Gives the JSON reports of those that print one, by position.

    Bytes go from process to process. The status of each is checked, and the error named is that of the process that failed first: one
    that wrote to a process which had gone ends with 141, and one that read from it misses the seal.
    """
    environment = {name: text for name, text in os.environ.items() if name != "REKEY_SEAL"}
    processes, upstream = [], subprocess.DEVNULL
    try:
        for number, command in enumerate(commands):
            last = number == len(commands) - 1
            with open(os.path.join(folder, "error-%d" % number), "wb") as error, \
                    open(os.path.join(folder, "output"), "wb") as output:
                process = subprocess.Popen(
                    command, stdin=upstream, stdout=output if last else subprocess.PIPE, stderr=error,
                    env=environment, preexec_fn=die_with_parent)
            if processes:
                upstream.close()  # else the process before would not notice when this one ends
            processes.append(process)
            upstream = process.stdout
        statuses = [process.wait() for process in processes]
    except OSError as error:
        raise PartFailed("%s: %s cannot be started: %s" % (part, commands[len(processes)][0], error.strerror), 1)
    finally:
        for process in processes:
            if process.poll() is None:
                process.kill()
                process.wait()
    said = []
    for number in range(len(commands)):
        with open(os.path.join(folder, "error-%d" % number), "rb") as error:
            said.append(error.read()[-65536:].decode("utf-8", "replace").splitlines())
    failed = [number for number, status in enumerate(statuses) if status != 0]
    if failed:
        first = next((n for n in failed if statuses[n] not in (141, -signal.SIGPIPE)), failed[-1])
        status = statuses[first]
        how = "was ended by signal %d" % -status if status < 0 else "ended with status %d" % status
        words = [line for line in said[first] if not line.startswith('{"command":')] or ["it said nothing"]
        raise PartFailed("%s: rekey %s %s: %s" % (part, commands[first][1], how, words[-1]), max(status, 1))
    with open(os.path.join(folder, "output"), "rb") as output:
        said[-1] += output.read().decode("utf-8", "replace").splitlines()
    reports = {}
    for number, lines in enumerate(said):
        for line in lines:
            if line.startswith('{"command":') or line.startswith('{"count":'):
                reports[number] = json.loads(line)
    return reports


class Work:
    """What each worker is told: it is sent to them with the task, so that it holds nothing but plain values."""

    def __init__(self, options, parts, run, place=None):
        self.rekey, self.rules = options.rekey, options.rules
        self.source, self.target = options.source, options.target
        self.parts, self.run, self.place = parts, run, place
        self.live = []
        for name in ("region", "endpoint_url"):
            if getattr(options, name):
                self.live += ["--" + name.replace("_", "-"), getattr(options, name)]
        self.read_rate, self.write_rate = options.max_rcu, options.max_wcu
        self.execute = options.execute

    def name(self, number, location=None):
        return "part %d/%d of %s" % (number, self.parts, location or self.source)

    def program(self):
        """rekey where Spark has put it, or where the worker's PATH has it."""
        path = shipped(self.rekey)
        if os.sep in path and not os.access(path, os.X_OK):
            os.chmod(path, 0o755)
        return path

    def extract(self, number):
        return [self.program(), "extract", self.source, "--segment", "%d/%d" % (number, self.parts), "--seal",
                "--quiet"] + self.rate(self.source) + self.live

    def rate(self, location):
        """The limit of reading, for a table; files are read as fast as they come."""
        is_table = location.startswith(("dynamodb:", "local:"))
        return ["--max-rcu", str(self.read_rate)] if self.read_rate and is_table else []

    def attempt(self, body, number):
        folder = tempfile.mkdtemp(prefix="rekey-part-")
        try:
            return body(number, folder)
        finally:
            shutil.rmtree(folder, ignore_errors=True)

    def digest(self, location):
        """The count and digest of each part of a location: a function of the numbers of the parts."""
        def body(number, folder):
            command = [self.program(), "digest", location, "--segment", "%d/%d" % (number, self.parts), "--json"]
            return number, run_pipe([command + self.rate(location) + self.live], folder, self.name(number, location))[0]
        return lambda numbers: (self.attempt(body, number) for number in numbers)

    def load(self, numbers):
        for number in numbers:
            yield self.attempt(self.load_part, number)

    def load_part(self, number, folder):
        command = [self.program(), "load", self.target, "--sealed", "--json"] + self.live
        if self.execute:
            command.append("--execute")
        if self.write_rate:
            command += ["--max-wcu", str(self.write_rate)]
        return number, run_pipe([self.extract(number), command], folder, self.name(number))[1]

    def transform(self, numbers):
        """Of each part its report, and the keys that lie in the range of a rule's `to`."""
        for number in numbers:
            folder = tempfile.mkdtemp(prefix="rekey-part-")
            try:
                report, keys = self.transform_part(number, folder)
                yield b"report %d" % number, report
                with open(keys, "rb") as lines:
                    for line in lines:
                        yield line, 1
            finally:
                shutil.rmtree(folder, ignore_errors=True)

    def transform_part(self, number, folder):
        keys = os.path.join(folder, "keys")
        # Each attempt has a name of its own. The driver takes the one that Spark took for the part's result; others stay behind.
        output = "%s/attempts/%05d.%s.json.gz" % (self.place, number - 1, uuid.uuid4().hex)
        rekey = self.program()
        reports = run_pipe(
            [self.extract(number),
             [rekey, "transform", "--rules", shipped(self.rules), "--sealed", "--seal", "--json", "--target-keys", keys],
             [rekey, "extract", "-", "--sealed", "--json", "-o", output] + self.live],
            folder, self.name(number))
        moved, written = reports[1], reports[2]
        report = {"number": number, "output": output, "read": moved["read"], "changed": moved["changed"],
                  "sourceCount": moved["count"], "sourceDigest": moved["digest"],
                  "count": written["count"], "digest": written["digest"],
                  "rules": hash_of(shipped(self.rules), "sha256")}
        if not is_remote(output):
            report["md5"] = hash_of(output, "md5")
        return report, keys


def shipped(path):
    """Where a worker has a file that the driver sent: under its name in Spark's own folder. A bare name is looked for on the PATH."""
    from pyspark import SparkFiles
    return SparkFiles.get(os.path.basename(path)) if "/" in path else path


def hash_of(path, name):
    value = hashlib.new(name)
    with open(path, "rb") as file:
        for block in iter(lambda: file.read(1 << 20), b""):
            value.update(block)
    return value.hexdigest()


def is_remote(location):
    return location.startswith("s3://")


def summarize(pairs):
    """Of one partition after the shuffle: the reports, and the keys that came from two items, five of them by name."""
    several, shown = 0, []
    for key, value in pairs:
        if isinstance(value, dict):
            yield "report", value
        elif value > 1:
            several += 1
            shown = sorted(shown + [key.decode("utf-8", "replace").strip()])[:5]
    if several:
        yield "several", (several, shown)


# --- On the driver ----------------------------------------------------------------------------------------------------------


class Folder:
    """Files and folders that the driver and all workers see under the same path."""

    def read(self, path):
        with open(path, "rb") as file:
            return file.read()

    def write(self, path, data):
        os.makedirs(os.path.dirname(path), exist_ok=True)
        with open(path + ".new", "wb") as file:
            file.write(data)
            file.flush()
            os.fsync(file.fileno())
        os.rename(path + ".new", path)

    def exists(self, path):
        return os.path.lexists(path)

    def make(self, path):
        os.makedirs(path)

    def rename(self, old, new):
        os.rename(old, new)

    def remove(self, path):
        shutil.rmtree(path, ignore_errors=True)


class HadoopFolder:
    """What Hadoop's file systems reach, such as s3:// on EMR and Glue; there a rename is a copy within S3."""

    def __init__(self, context):
        self.java, self.settings = context._jvm, context._jsc.hadoopConfiguration()

    def at(self, path):
        place = self.java.org.apache.hadoop.fs.Path(path)
        return place.getFileSystem(self.settings), place

    def read(self, path):
        system, place = self.at(path)
        stream = system.open(place)
        try:
            return bytes(self.java.org.apache.commons.io.IOUtils.toByteArray(stream))
        finally:
            stream.close()

    def write(self, path, data):
        system, place = self.at(path)
        stream = system.create(place, True)
        stream.write(bytearray(data))
        stream.close()

    def exists(self, path):
        system, place = self.at(path)
        return system.exists(place)

    def make(self, path):
        system, place = self.at(path)
        system.mkdirs(place)

    def rename(self, old, new):
        system, place = self.at(old)
        if not system.rename(place, self.at(new)[1]):
            raise JobError("%s cannot be renamed to %s" % (old, new), CANNOT_CREATE)

    def remove(self, path):
        system, place = self.at(path)
        system.delete(place, True)


class BucketFolder:
    """s3:// by boto3, where Spark has no file system for it."""

    def __init__(self, options):
        import boto3
        self.client = boto3.client("s3", region_name=options.region, endpoint_url=options.endpoint_url)

    @staticmethod
    def at(path):
        bucket, _, key = path[len("s3://"):].partition("/")
        return {"Bucket": bucket, "Key": key}

    def read(self, path):
        return self.client.get_object(**self.at(path))["Body"].read()

    def write(self, path, data):
        self.client.put_object(Body=data, **self.at(path))

    def below(self, path, operation, member):
        """Of what a list operation gives, the entries of a path itself and of what lies below it."""
        place = self.at(path)
        folder = place["Key"].rstrip("/") + "/" if place["Key"] else ""
        for page in self.client.get_paginator(operation).paginate(Bucket=place["Bucket"], Prefix=place["Key"]):
            for entry in page.get(member, ()):
                if entry["Key"] == place["Key"] or entry["Key"].startswith(folder):
                    yield dict(entry, Bucket=place["Bucket"])

    def keys(self, path):
        for entry in self.below(path, "list_objects_v2", "Contents"):
            yield {"Bucket": entry["Bucket"], "Key": entry["Key"]}

    def exists(self, path):
        return next(self.keys(path), None) is not None

    def make(self, path):
        """S3 has no folders."""

    def rename(self, old, new):
        self.client.copy(self.at(old), **self.at(new))
        self.client.delete_object(**self.at(old))

    def remove(self, path):
        for place in list(self.keys(path)):
            self.client.delete_object(**place)
        # What a killed process had begun to send is billed until it is aborted.
        for upload in list(self.below(path, "list_multipart_uploads", "Uploads")):
            self.client.abort_multipart_upload(**{name: upload[name] for name in ("Bucket", "Key", "UploadId")})


def folder_of(location, context, options):
    """What the driver reads, writes and renames files by at a location."""
    if not is_remote(location):
        return Folder()
    hadoop = HadoopFolder(context)
    try:
        hadoop.at(location)
        return hadoop
    except Exception:  # Java's UnsupportedFileSystemException, wrapped by Spark
        try:
            return BucketFolder(options)
        except ImportError:
            raise JobError("%s: neither Spark nor boto3 reaches S3 here; run the job on EMR or Glue, or install boto3"
                           % location, USAGE)


class Totals:
    """The sum of the parts' counts and digests."""

    def __init__(self, reports, count="count", digest="digest"):
        self.count = sum(report[count] for report in reports)
        self.digest = "%064x" % (sum(int(report[digest], 16) for report in reports) % MODULUS)

    def require(self, count, digest, what):
        if count != self.count or (digest is not None and digest != self.digest):
            raise JobError("the parts have %d items with the digest %s, %s has %d%s: they do not add up" % (
                self.count, self.digest, what, count, " with " + digest if digest else ""), DIFFERENT)


class Job:
    def __init__(self, context, options):
        self.context, self.options = context, options
        self.run = datetime.datetime.utcnow().strftime("%Y%m%d_%H%M%S") + "-" + uuid.uuid4().hex[:8]
        for path in (options.rekey, options.rules):
            if path and "/" in path:
                context.addFile(path)
        self.is_table = options.source.startswith(("dynamodb:", "local:"))
        self.source_count = self.source_digest = self.summary = None

    def rekey(self, *arguments):
        """Runs rekey on the driver; gives what it prints."""
        options = self.options
        live = [text for name in ("region", "endpoint_url") if getattr(options, name)
                for text in ("--" + name.replace("_", "-"), getattr(options, name))]
        takes_live = arguments[0] != "rules" and is_remote(options.source)
        program = shipped(options.rekey)
        if os.sep in program and not os.access(program, os.X_OK):
            os.chmod(program, 0o755)
        try:
            done = subprocess.run([program] + list(arguments) + (live if takes_live else []),
                                  stdout=subprocess.PIPE, stderr=subprocess.PIPE)
        except OSError as error:
            raise JobError("%s cannot be started: %s; name it with --rekey" % (options.rekey, error.strerror), USAGE)
        if done.returncode != 0:
            words = done.stderr.decode("utf-8", "replace").strip().splitlines() or ["it said nothing"]
            raise JobError("%s (status %d)" % (words[-1], done.returncode), max(done.returncode, 1))
        return done.stdout.decode("utf-8")

    def look(self):
        """What the source says of itself, and in how many parts it is taken."""
        options = self.options
        parts = options.parts
        if self.is_table:
            return parts or 4 * self.context.defaultParallelism
        checked = json.loads(self.rekey("snapshot", "check", options.source, "--json"))
        self.source_count = checked["items"]
        place, folder = checked["path"].rstrip("/"), folder_of(options.source, self.context, options)
        self.summary = json.loads(folder.read(place + "/manifest-summary.json").decode("utf-8"))
        if folder.exists(place + "/rekey.json"):
            self.source_digest = json.loads(folder.read(place + "/rekey.json").decode("utf-8"))["digest"]
        if options.mode == "transform" and self.summary.get("exportType") == "INCREMENTAL_EXPORT":
            raise JobError("%s holds changes, and the result of transform is a full export; load them one by one with rekey"
                           % options.source, USAGE)
        return parts or max(checked["files"], 1)

    def rates(self):
        """The units a second of one part: as many parts run at once as there are cores."""
        for name in ("max_rcu", "max_wcu"):
            if getattr(self.options, name):
                setattr(self.options, name, max(1.0, getattr(self.options, name) / self.context.defaultParallelism))

    def numbers(self, parts):
        return self.context.parallelize(range(1, parts + 1), parts)

    def start(self):
        options = self.options
        parts = self.look()
        self.rates()
        self.say("%s of %s in %d parts, run %s" % (options.mode, options.source, parts, self.run))
        result = {"command": "spark " + options.mode, "run": self.run, "from": options.source, "parts": parts}
        result.update(getattr(self, options.mode)(parts))
        return result

    def say(self, text):
        print("rekey_spark: " + text, file=sys.stderr, flush=True)

    def require_source(self, totals):
        """What was read must be what the source says it holds, and what the user expects."""
        if self.source_count is not None:
            totals.require(self.source_count, self.source_digest, self.options.source)
        if self.options.expect:
            totals.require(*self.options.expect, what="what is expected")

    def digest(self, parts):
        work = Work(self.options, parts, self.run)
        reports = [report for _, report in self.numbers(parts).mapPartitions(work.digest(self.options.source)).collect()]
        totals = Totals(reports)
        self.require_source(totals)
        return {"count": totals.count, "digest": totals.digest}

    def load(self, parts):
        options = self.options
        work = Work(options, parts, self.run)
        reports = [report for _, report in self.numbers(parts).mapPartitions(work.load).collect()]
        totals = Totals(reports)
        self.require_source(totals)
        if options.verify and options.execute:
            table = [report for _, report in self.numbers(parts).mapPartitions(work.digest(options.target)).collect()]
            Totals(table).require(totals.count, totals.digest, "what was loaded into %s" % options.target)
        units = sum(report["writeUnits"] for report in reports)
        return {"to": options.target, "executed": options.execute, "count": totals.count, "digest": totals.digest,
                "writeUnits": units, "verified": bool(options.verify and options.execute)}

    def transform(self, parts):
        options, folder = self.options, folder_of(self.options.target, self.context, self.options)
        options.target = options.target.rstrip("/")
        self.rules = hash_of(shipped(options.rules), "sha256")
        self.rekey("rules", "check", shipped(options.rules))
        if folder.exists(options.target):
            raise JobError("%s is there already; name a folder that is not" % options.target, CANNOT_CREATE)
        # Objects cannot be renamed together, so in S3 the manifest's summary, written last, makes them an export.
        place = options.target if is_remote(options.target) else "%s.rekey-%s" % (options.target, self.run)
        folder.make(place + "/attempts")
        folder.make(place + "/data")
        try:
            result = self.transform_into(place, folder, parts)
        except BaseException:
            folder.remove(place)
            raise
        return result

    def transform_into(self, place, folder, parts):
        options = self.options
        work = Work(options, parts, self.run, place)
        pairs = self.numbers(parts).mapPartitions(work.transform)
        shuffled = pairs.reduceByKey(lambda one, other: one + other,
                                     numPartitions=max(1, min(parts, 4 * self.context.defaultParallelism)),
                                     partitionFunc=zlib.crc32)
        reports, several, shown = [], 0, []
        for kind, value in shuffled.mapPartitions(summarize).collect():
            if kind == "report":
                reports.append(value)
            else:
                several, shown = several + value[0], sorted(shown + value[1])[:5]
        if several:
            raise JobError("%d key%s would hold more than one item: %s; change the rules or the items" % (
                several, "" if several == 1 else "s", ", ".join(shown)), BAD_INPUT)
        reports.sort(key=lambda report: report["number"])
        if [report["number"] for report in reports] != list(range(1, parts + 1)):
            raise JobError("of %d parts %d came back" % (parts, len(reports)))
        self.require_source(Totals(reports, "sourceCount", "sourceDigest"))
        for report in reports:
            if report["rules"] != self.rules:
                raise JobError("part %d/%d of %s was made by other rules than were checked: %s was changed during the job; "
                               "run it again" % (report["number"], parts, options.source, options.rules), DIFFERENT)
            if report["count"] != report["sourceCount"]:
                raise JobError("part %d/%d of %s: %d items came in and %d went out" % (
                    report["number"], parts, options.source, report["sourceCount"], report["count"]), DIFFERENT)
        for report in reports:
            report["key"] = "data/%05d.json.gz" % (report["number"] - 1)
            folder.rename(report["output"], "%s/%s" % (place, report["key"]))
        folder.remove(place + "/attempts")
        totals = Totals(reports)
        self.write_manifests(place, folder, reports, totals)
        self.read_back(place, work, reports, parts)
        if place != options.target:
            folder.rename(place, options.target)
        return {"to": options.target, "count": totals.count, "digest": totals.digest,
                "changed": sum(report["changed"] for report in reports)}

    def write_manifests(self, place, folder, reports, totals):
        """The manifests of a full export, in AWS's fields and order; keys are relative to the folder."""
        def line(report):
            entry = {"itemCount": report["count"]}
            if "md5" in report:
                md5 = bytes.fromhex(report["md5"])
                entry["md5Checksum"], entry["etag"] = base64.b64encode(md5).decode(), hashlib.md5(md5).hexdigest() + "-1"
            entry["dataFileS3Key"] = report["key"]
            return json.dumps(entry, separators=(",", ":")) + "\n"
        lines = "".join(map(line, reports))
        origin = self.summary or {}
        none = "1970-01-01T00:00:00.000Z"
        table = origin.get("tableArn") or self.options.table_arn or "arn:aws:dynamodb:%s:000000000000:table/%s" % (
            self.options.region or os.environ.get("AWS_REGION", "us-east-1"),
            re.sub(r"[^A-Za-z0-9_.-]", "_", self.options.source.split(":")[-1].split("/")[-1]))
        time = datetime.datetime.utcnow()
        millis = int((time - datetime.datetime(1970, 1, 1)).total_seconds() * 1000)
        now = time.strftime("%Y-%m-%dT%H:%M:%S.") + "%03dZ" % (time.microsecond // 1000)
        summary = json.dumps({
            "version": "2020-06-30", "exportArn": "%s/export/%014d-%s" % (table, millis, totals.digest[:8]),
            "startTime": origin.get("startTime", none), "endTime": now, "tableArn": table,
            "tableId": origin.get("tableId", ""), "exportTime": origin.get("exportTime", none), "s3Bucket": "",
            "s3Prefix": None, "s3SseAlgorithm": None, "s3SseKmsKeyId": None, "manifestFilesS3Key": "manifest-files.json",
            "billedSizeBytes": origin.get("billedSizeBytes", 0), "itemCount": totals.count,
            "outputFormat": "DYNAMODB_JSON"}, separators=(",", ":"))
        # The summary comes last: without it the folder is no export.
        for name, text in (("manifest-files", lines), ("manifest-summary", summary)):
            data = text.encode("utf-8")
            folder.write("%s/%s.md5" % (place, name), base64.b64encode(hashlib.md5(data).digest()))
            folder.write("%s/%s.json" % (place, name), data)

    def read_back(self, place, work, reports, parts):
        """Reads what was written, part by part: what lies there must be what each part said it wrote."""
        found = dict(self.numbers(parts).mapPartitions(work.digest(place)).collect())
        for report in reports:
            there = found[report["number"]]
            if (there["count"], there["digest"]) != (report["count"], report["digest"]):
                raise JobError("part %d/%d: %s holds %d items with the digest %s, but %d with %s were written" % (
                    report["number"], parts, report["key"], there["count"], there["digest"], report["count"],
                    report["digest"]), DIFFERENT)


def expectation(text):
    fields = re.fullmatch(r"(\d+)[: ]([0-9a-f]{64})", text)
    if not fields:
        raise argparse.ArgumentTypeError("write COUNT:DIGEST as `rekey digest` prints them")
    return int(fields.group(1)), fields.group(2)


def yes(text):
    if text.lower() not in ("true", "false", ""):
        raise argparse.ArgumentTypeError("write true or false")
    return text.lower() != "false"


def parse(arguments):
    parser = argparse.ArgumentParser(prog="rekey_spark.py", description=__doc__, allow_abbrev=False,
                                     formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--mode", required=True, choices=("transform", "digest", "load"))
    parser.add_argument("--from", dest="source", required=True, metavar="LOCATION",
                        help="an export or snapshot, s3://BUCKET/PREFIX of one, or dynamodb:TABLE")
    parser.add_argument("--to", dest="target", metavar="LOCATION",
                        help="transform: a folder that is not there yet and that all workers see, or s3://BUCKET/PREFIX; "
                        "load: dynamodb:TABLE")
    parser.add_argument("--rules", metavar="FILE", help="transform: the rule file, on the driver or in S3")
    parser.add_argument("--rekey", default="rekey", metavar="FILE",
                        help="the program, on the driver or in S3; a bare name is looked for on the workers' PATH")
    parser.add_argument("--parts", type=int, metavar="COUNT",
                        help="parts to cut into; else the data files of an export, or four a core for a table")
    parser.add_argument("--expect", type=expectation, metavar="COUNT:DIGEST", help="what the source must hold")
    parser.add_argument("--execute", nargs="?", const=True, default=False, type=yes, metavar="true",
                        help="load: write; else only count what would be written")
    parser.add_argument("--verify", nargs="?", const=True, default=False, type=yes, metavar="true",
                        help="load: read the table back; it must hold the source's items and no others")
    parser.add_argument("--max-wcu", type=float, metavar="UNITS", help="write units a second, of all workers together")
    parser.add_argument("--max-rcu", type=float, metavar="UNITS", help="read units a second, of all workers together")
    parser.add_argument("--region", metavar="NAME")
    parser.add_argument("--endpoint-url", metavar="URL")
    parser.add_argument("--table-arn", metavar="ARN", help="transform of a table: its ARN, for the manifest")
    # Glue adds arguments of its own, among them always this one.
    parse_all = parser.parse_known_args if "--JOB_NAME" in arguments else lambda a: (parser.parse_args(a), [])
    options = parse_all(arguments)[0]
    if options.mode != "digest" and not options.target:
        parser.error("--mode %s needs --to" % options.mode)
    if options.mode == "transform" and not options.rules:
        parser.error("--mode transform needs --rules")
    if options.parts is not None and not 1 <= options.parts <= 99999:
        parser.error("--parts is 1 to 99999")
    if options.mode == "load" and not options.target.startswith("dynamodb:"):
        parser.error("--mode load writes to dynamodb:TABLE; a local table takes one writer at a time: use rekey load")
    if options.rules and "/" not in options.rules:
        options.rules = "./" + options.rules
    return options


def main(arguments):
    try:
        options = parse(arguments)
    except SystemExit as stop:
        return USAGE if stop.code else 0
    from pyspark.sql import SparkSession
    session = SparkSession.builder.appName("rekey " + options.mode).getOrCreate()
    try:
        session.sparkContext.setLogLevel("ERROR")
        result = Job(session.sparkContext, options).start()
        print(json.dumps(result, separators=(",", ":")), flush=True)
        return 0
    except JobError as error:
        print("rekey_spark: %s" % error, file=sys.stderr)
        return error.status
    except Exception as error:  # Spark wraps what a task threw into its own kinds of errors.
        found = re.search(r"<<rekey part failed: (\d+): (.*?)>>", str(error), re.DOTALL)
        if not found:
            raise
        print("rekey_spark: %s" % found.group(2), file=sys.stderr)
        return int(found.group(1))
    finally:
        session.stop()


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
