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
