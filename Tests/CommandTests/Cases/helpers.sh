# shellcheck shell=bash
# What cases share; a case takes it in with `. "$CASES/helpers.sh"`.

# try COMMAND...   Shows the command, what it prints, and [its exit status].
try() {
  echo "\$ $*"
  "$@" 2>&1
  echo "[$?]"
}

# plan ID NAME   One plan under its old key, as a line of an export.
plan() { printf '{"Item":{"PK":{"S":"PLAN#%s"},"SK":{"S":"META"},"tp":{"S":"plan"},"dat":{"M":{"nm":{"S":"%s"}}}}}\n' "$1" "$2"; }

# moved ID NAME   The same plan under its new key.
moved() { printf '{"Item":{"PK":{"S":"PLAN"},"SK":{"S":"META#%s"},"tp":{"S":"plan"},"dat":{"M":{"nm":{"S":"%s"}}}}}\n' "$1" "$2"; }

# sample FILE.db   The sample table of 700 items, 3 of them plans.
sample() { rekey load "local:$1" "$DATA/algoitny_main" --execute --quiet; }

# digest FROM   Its count and digest, nothing else.
digest() { rekey digest "$@" --quiet; }

# migrated FILE.db   The sample table after its migration; prints nothing.
migrated() {
  sample "$1"
  rekey migrate --table "local:$1" --rules "$RULES" --execute --confirm MIGRATE --quiet
}

# steady   Takes what differs between builds of zlib out of a text: compressed sizes.
steady() { sed -E 's/[0-9]+ bytes/N bytes/g; s/but [0-9]+ in/but N in/; s/"(bytes|size)":[0-9]+/"\1":N/g'; }

# live_table NAME   An empty live table with the keys PK and SK, and point-in-time recovery.
live_table() {
  TABLE=$1 "$PYTHON" - <<'PYTHON'
import boto3, os
client = boto3.client("dynamodb")
name = os.environ["TABLE"]
client.create_table(
    TableName=name, BillingMode="PAY_PER_REQUEST",
    KeySchema=[{"AttributeName": "PK", "KeyType": "HASH"}, {"AttributeName": "SK", "KeyType": "RANGE"}],
    AttributeDefinitions=[{"AttributeName": key, "AttributeType": "S"} for key in ("PK", "SK")])
client.update_continuous_backups(
    TableName=name, PointInTimeRecoverySpecification={"PointInTimeRecoveryEnabled": True})
PYTHON
}

# bucket NAME [FOLDER PREFIX]   A new bucket, and in it the files of a folder, their paths behind the prefix.
bucket() {
  "$PYTHON" - "$@" <<'PYTHON'
import boto3, os, sys
s3 = boto3.client("s3")
name = sys.argv[1]
s3.create_bucket(Bucket=name, **({} if s3.meta.region_name == "us-east-1" else
    {"CreateBucketConfiguration": {"LocationConstraint": s3.meta.region_name}}))
if len(sys.argv) > 2:
    for folder, _, files in os.walk(sys.argv[2]):
        for file in files:
            path = os.path.join(folder, file)
            s3.upload_file(path, name, sys.argv[3] + os.path.relpath(path, sys.argv[2]))
PYTHON
}

# objects BUCKET [PREFIX]   The keys below a prefix and the MD5 of each; then how many uploads are open.
objects() {
  "$PYTHON" - "$@" <<'PYTHON'
import boto3, hashlib, sys
s3 = boto3.client("s3")
bucket, prefix = sys.argv[1], (sys.argv + [""])[2]
for entry in s3.list_objects_v2(Bucket=bucket, Prefix=prefix).get("Contents", []):
    body = s3.get_object(Bucket=bucket, Key=entry["Key"])["Body"].read()
    print(hashlib.md5(body).hexdigest(), entry["Key"][len(prefix):])
print(len(s3.list_multipart_uploads(Bucket=bucket).get("Uploads", [])), "open uploads")
PYTHON
}
