#!/usr/bin/env bash
# Tests rekey_spark.py with PySpark on the cores of this machine: the same digest as one machine's, killed workers and
# processes, parts that fail for good, parts that are cut short. Builds rekey where it is not built, and installs what is missing: Java,
# and PySpark into .build.
#
#   pipelines/spark/test.sh          the sample, a small export, and a live table and a bucket on a server of this machine: a few minutes
#   pipelines/spark/test.sh long     2,000,000 items with two programs killed on the way (of a release build: swift build -c release)
#
# REKEY and SAMPLE are the programs to use in place of those in .build, REKEY_PYSPARK another version of PySpark.
set -euo pipefail
cd "$(dirname "$0")/../.."
# shellcheck source=pipelines/packages.sh
. pipelines/packages.sh

# EMR 7 and Glue 5 run Spark 3.5.
pyspark=${REKEY_PYSPARK:-3.5.9}
root=$PWD

# built NAME   The newest built program of that name; where there is none it is built.
built() {
  local file newest=""
  for file in ".build/debug/$1" ".build/release/$1"; do
    if [ -x "$file" ] && { [ -z "$newest" ] || [ "$file" -nt "$newest" ]; }; then newest=$file; fi
  done
  if [ -z "$newest" ]; then
    newest=.build/release/$1
    { install_missing zlib1g-dev libcurl4-openssl-dev libsqlite3-dev && require_swift && swift build -c release --product "$1"; } >&2 || return
  fi
  echo "$root/$newest"
}
rekey=${REKEY:-$(built rekey)}
sample=${SAMPLE:-$(built rekey-sample)}

java -version >/dev/null 2>&1 || install_missing default-jre-headless
python3 -c 'import ensurepip, venv' 2>/dev/null || install_missing python3 python3-venv
spark=$root/.build/spark-$pyspark
# boto3 is the job's way to S3 where Spark has no file system for it.
packages=("pyspark==$pyspark" "$(grep '^boto3==' pipelines/servers.txt)")
if [ "$(cat "$spark/installed" 2>/dev/null)" != "${packages[*]}" ]; then
  echo "Installing ${packages[*]} into $spark"
  [ -f "$spark/pyvenv.cfg" ] || python3 -m venv "$spark"
  "$spark/bin/pip" install -q --disable-pip-version-check "${packages[@]}"
  echo "${packages[*]}" >"$spark/installed"
fi

work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT
rules=$root/pipelines/plan-structure.yaml
export TMPDIR=$work PYSPARK_PYTHON=$spark/bin/python PYSPARK_DRIVER_PYTHON=$spark/bin/python SPARK_LOCAL_IP=127.0.0.1 SPARK_LOCAL_DIRS=$work/spark
unset SPARK_HOME REKEY_SEAL
passed=0

fail() {
  echo "FAILED: $*" >&2
  for file in "$work"/last.*; do sed "s/^/  ${file##*/}: /" "$file" | tail -n 40 >&2; done
  exit 1
}
pass() { passed=$((passed + 1)) && echo "✓ $*"; }

# job MASTER STATUS ARGUMENT...   Runs the job; it must end with that status. What it printed is in last.out and last.err.
job() {
  local master=$1 expected=$2 status=0
  shift 2
  "$spark/bin/spark-submit" --master "$master" --conf spark.ui.enabled=false --conf spark.driver.host=127.0.0.1 \
    --conf spark.log.level=ERROR ${conf[@]+"${conf[@]}"} pipelines/spark/rekey_spark.py "$@" \
    >"$work/last.out" 2>"$work/last.err" || status=$?
  [ "$status" = "$expected" ] || fail "status $status, not $expected: rekey_spark.py $*"
}
conf=()
# spark-submit lets the job's standard error go to its own standard output.
said() { grep -qE -- "$1" "$work"/last.* || fail "the job did not say: $1"; }
# result NAME   A member of the job's result.
result() { tail -n 1 "$work/last.out" | "$spark/bin/python" -c 'import json, sys; print(json.load(sys.stdin)[sys.argv[1]])' "$1"; }
# Nothing of a job is left but what is named: work folders, parts, processes.
clean() {
  local name
  for name in "$work"/*.rekey-*; do [ ! -e "$name" ] || fail "left behind: $name"; done
}
# same FOLDER LINES   The folder is a sound export of exactly these sorted lines.
same() {
  "$rekey" snapshot check "$1" --read-data --quiet || fail "$1 is not sound"
  "$rekey" extract "$1" --quiet | LC_ALL=C sort | cmp -s - "$2" || fail "$1 holds other lines than one machine writes"
  [ "$(result count) $(result digest)" = "$("$rekey" digest "$2" --quiet)" ] || fail "the job tells another digest"
  clean
}

# faulty NAME   A rekey that goes wrong at one place, once, or for ever where NAME says so; the arguments tell part and stage.
faulty() {
  mkdir "$work/$1"
  cat >"$work/$1/rekey" <<SCRIPT
#!/usr/bin/env bash
real='$rekey' marks='$work/$1'
once() { mkdir "\$marks/\$1" 2>/dev/null; }
$2
exec "\$real" "\$@"
SCRIPT
  chmod +x "$work/$1/rekey"
}

# Killed in turn: the Python worker, before and after its part was written; rekey at the begin, the middle and the end of its pipe.
kills='
case "$*" in
  *" --segment 1/8 "*) if once worker; then kill -9 $PPID; sleep 10; fi ;;
  "extract - "*00001.*) if once written; then "$real" "$@"; kill -9 $PPID; sleep 10; fi ;;
  *" --segment 3/8 --seal"*) if once extract; then "$real" "$@" | head -c 100000; kill -9 $$; fi ;;
  transform*) if once transform; then head -c 200000 | "$real" "$@" 2>/dev/null; kill -9 $$; fi ;;
  "extract - "*00004.*) if once last; then head -c 1000 >/dev/null; kill -9 $$; fi ;;
esac'

# A table on the server that MINISTACK_ENDPOINT names.
live() {
  local table=dynamodb:spark
  "$PYTHON" - <<'PYTHON'
import boto3
boto3.client("dynamodb").create_table(
    TableName="spark", BillingMode="PAY_PER_REQUEST",
    KeySchema=[{"AttributeName": "PK", "KeyType": "HASH"}, {"AttributeName": "SK", "KeyType": "RANGE"}],
    AttributeDefinitions=[{"AttributeName": key, "AttributeType": "S"} for key in ("PK", "SK")])
PYTHON
  job 'local[2,4]' 0 --mode load --from data/algoitny_main --to "$table" --rekey "$rekey"
  [ "$("$rekey" digest "$table" --quiet)" = "0 $(printf '%064d' 0)" ] || fail "a load without --execute wrote"
  job 'local[2,4]' 0 --mode load --from data/algoitny_main --to "$table" --rekey "$rekey" --execute --verify
  [ "$("$rekey" digest "$table" --quiet)" = "$("$rekey" digest data/algoitny_main --quiet)" ] || fail "the table holds other items"
  [ "$(result verified)" = True ] || fail "the table was not read back"
  pass "a table is loaded by parts, and read back"
  job 'local[2,4]' 0 --mode transform --from "$table" --parts 5 --to "$work/table" --rules "$rules" --rekey "$rekey"
  "$rekey" transform "$table" --rules "$rules" --quiet | LC_ALL=C sort >"$work/table.ndjson"
  same "$work/table" "$work/table.ndjson"
  pass "a table is transformed by its segments: the same lines and digest as one machine's"
}

# A bucket on that server. The job's driver gets there by boto3, rekey by itself.
s3() {
  local bucket many name endpoint region at
  bucket=spark-$AWS_ACCESS_KEY_ID-$RANDOM$RANDOM
  many=$work/many
  "$sample" export "$many" --items 20000 --plans 4000 --files 7 >/dev/null
  "$rekey" transform "$many" --rules "$rules" --quiet | LC_ALL=C sort >"$work/expected.ndjson"
  "$rekey" transform data/algoitny_main --rules "$rules" --quiet | LC_ALL=C sort >"$work/sample.ndjson"
  cp -r "$many" "$work/torn"
  name=$(find "$work/torn" -name '*.json.gz' -size +8k | LC_ALL=C sort | head -n 1)
  truncate -s -100 "$name"
  "$spark/bin/python" - "$bucket" "data/algoitny_main=sample" "$many=many" "$work/torn=torn" <<'PYTHON'
import boto3, os, sys
s3 = boto3.client("s3")
s3.create_bucket(Bucket=sys.argv[1])
for folder, prefix in (pair.split("=") for pair in sys.argv[2:]):
    for place, _, names in os.walk(folder):
        for name in names:
            path = os.path.join(place, name)
            s3.upload_file(path, sys.argv[1], prefix + "/" + os.path.relpath(path, folder))
PYTHON
  # objects PREFIX   The keys below a prefix, without it, and the uploads that are open.
  objects() {
    "$spark/bin/python" - "$bucket" "$1" <<'PYTHON'
import boto3, sys
s3 = boto3.client("s3")
for page in s3.get_paginator("list_objects_v2").paginate(Bucket=sys.argv[1], Prefix=sys.argv[2]):
    for entry in page.get("Contents", ()):
        print(entry["Key"][len(sys.argv[2]):])
for upload in s3.list_multipart_uploads(Bucket=sys.argv[1]).get("Uploads", ()):
    print("open upload", upload["Key"])
PYTHON
  }
  # whole PREFIX PARTS LINES   An export of so many parts and exactly these lines lies there, and nothing beside it.
  whole() {
    { for name in $(seq -f 'data/%05g.json.gz' 0 $(($2 - 1))) manifest-{files,summary}.{json,md5}; do echo "$name"; done; } |
      LC_ALL=C sort | cmp -s - <(objects "$1/" | LC_ALL=C sort) || fail "below $1 lie other objects: $(objects "$1/" | paste -sd ' ')"
    same "s3://$bucket/$1" "$3"
  }

  job 'local[2,4]' 0 --mode transform --from "s3://$bucket/sample" --to "s3://$bucket/out/sample/" --rules "$rules" --rekey "$rekey"
  whole out/sample "$(result parts)" "$work/sample.ndjson"
  job 'local[2,4]' 0 --mode digest --from "s3://$bucket/out/sample" --rekey "$rekey" --expect "$(result count):$(result digest)"
  pass "from S3 to S3: the same lines and digest as one machine's"

  objects out/sample/ >"$work/objects"
  job 'local[2,2]' 73 --mode transform --from "s3://$bucket/many" --to "s3://$bucket/out/sample" --rules "$rules" --rekey "$rekey"
  said "out/sample is there already"
  objects out/sample/ | cmp -s - "$work/objects" || fail "a job that was refused wrote"
  pass "what is there in S3 is not written over"

  # Region and address by options, not by the environment.
  endpoint=$AWS_ENDPOINT_URL region=$AWS_REGION
  at=(--endpoint-url "$endpoint" --region "$region")
  unset AWS_ENDPOINT_URL AWS_REGION AWS_DEFAULT_REGION
  job 'local[2,4]' 0 --mode transform --from "$many" --to "s3://$bucket/out/up" --rules "$rules" --rekey "$rekey" "${at[@]}"
  job 'local[2,4]' 0 --mode transform --from "s3://$bucket/many" --to "$work/down" --rules "$rules" --rekey "$rekey" "${at[@]}"
  export AWS_ENDPOINT_URL=$endpoint AWS_REGION=$region AWS_DEFAULT_REGION=$region
  same "$work/down" "$work/expected.ndjson"
  whole out/up "$(result parts)" "$work/expected.ndjson"
  pass "from files to S3, and from S3 to files"

  faulty kills "$kills"
  job 'local[2,4]' 0 --mode transform --from "s3://$bucket/many" --to "s3://$bucket/out/killed" --rules "$rules" --rekey "$work/kills/rekey"
  for name in worker written extract transform last; do [ -d "$work/kills/$name" ] || fail "nothing was killed at: $name"; done
  whole out/killed "$(result parts)" "$work/expected.ndjson"
  pass "killed workers and processes in S3: the same lines, none twice, nothing left behind"

  job 'local[2,2]' 65 --mode transform --from "s3://$bucket/torn" --to "s3://$bucket/out/torn" --rules "$rules" --rekey "$rekey"
  said 'part [0-9]/8 of .*/torn: rekey extract ended with status 65'
  [ -z "$(objects out/torn)" ] || fail "a failed job left in S3: $(objects out/torn | paste -sd ' ')"
  pass "a job that fails leaves nothing in S3"
}

# 2,000,000 items (REKEY_ITEMS for another number); one Python worker and one rekey are killed while they run.
long() {
  local started=$SECONDS items=${REKEY_ITEMS:-2000000} killer name victim
  install_missing procps
  "$sample" export "$work/many" --items "$items" --users $((items / 10)) --plans $((items / 5)) --files 16 >/dev/null
  echo "made $items items in $((SECONDS - started)) s"
  started=$SECONDS
  "$rekey" transform "$work/many" --rules "$rules" --quiet | "$rekey" digest - --quiet >"$work/expected"
  echo "one machine, one pipe: $((SECONDS - started)) s"
  started=$SECONDS
  # The victims are told by the folder in their arguments, and by being the parent of one that is.
  (
    for name in worker rekey; do
      until victim=$(pgrep -f -n -- "-o $work/big.rekey-") && sleep 1 && kill -0 "$victim" 2>/dev/null; do sleep 0.2; done
      [ "$name" = rekey ] || victim=$(ps -o ppid= -p "$victim")
      kill -9 "${victim// /}" && echo "$name" >>"$work/killed"
      sleep 5
    done
  ) &
  killer=$!
  job 'local[2,4]' 0 --mode transform --from "$work/many" --to "$work/big" --rules "$rules" --rekey "$rekey"
  echo "Spark on $(nproc) cores, read back and killed twice: $((SECONDS - started)) s"
  kill "$killer" 2>/dev/null && fail "the job ended before both were killed"
  [ "$(sort "$work/killed" | paste -sd ' ')" = "rekey worker" ] || fail "nothing was killed"
  [ "$(result count) $(result digest)" = "$(cat "$work/expected")" ] || fail "the job tells another digest than one machine"
  [ "$("$rekey" digest "$work/big" --quiet)" = "$(cat "$work/expected")" ] || fail "the result has another digest"
  "$rekey" snapshot check "$work/big" --read-data --quiet || fail "the result is not sound"
  clean
  pass "$items items with a worker and a process killed: the digest of one machine, $(cat "$work/expected")"
}

case ${1:-} in
  live | s3 | long) "$1" && echo "$passed passed, 0 failed" && exit ;;
  '') ;;
  *) echo "usage: $0 [long]" >&2; exit 64 ;;
esac

"$sample" export "$work/many" --items 20000 --plans 4000 --files 7 >/dev/null
export_folder=$work/many
"$rekey" transform "$export_folder" --rules "$rules" --quiet | LC_ALL=C sort >"$work/expected.ndjson"

job 'local[2,4]' 0 --mode transform --from data/algoitny_main --to "$work/sample" --rules "$rules" --rekey "$rekey"
"$rekey" transform data/algoitny_main --rules "$rules" --quiet | LC_ALL=C sort >"$work/sample.ndjson"
same "$work/sample" "$work/sample.ndjson"
pass "the sample export: the same lines and digest as one machine's"

job 'local[2,4]' 0 --mode digest --from "$work/sample" --rekey "$rekey" --expect "$(result count):$(result digest)"
job 'local[2,4]' 76 --mode digest --from "$work/sample" --rekey "$rekey" --expect "700:$(printf '%064d' 7)"
said "they do not add up"
pass "digest adds up, and a digest that does not ends with status 76"

faulty kills "$kills"
job 'local[2,4]' 0 --mode transform --from "$export_folder" --to "$work/killed" --rules "$rules" --rekey "$work/kills/rekey"
for mark in worker written extract transform last; do [ -d "$work/kills/$mark" ] || fail "nothing was killed at: $mark"; done
same "$work/killed" "$work/expected.ndjson"
pass "killed workers and processes: the same lines, none twice"

cp -r "$export_folder" "$work/torn"
file=$(find "$work/torn" -name '*.json.gz' -size +8k | LC_ALL=C sort | head -n 1)
truncate -s -100 "$file"
job 'local[2,2]' 65 --mode transform --from "$work/torn" --to "$work/out" --rules "$rules" --rekey "$rekey"
said "${file##*/}"
said 'part [0-9]/8 of .*/torn: rekey extract ended with status 65'
[ ! -e "$work/out" ] || fail "a failed job left its result"
clean
pass "a part that fails for good ends the job with its name, and leaves nothing"

faulty cuts '
case "$*" in
  "extract - "*00005.*) "$real" "$@"; truncate -s -40 "${@: -1}"; exit ;;
esac'
job 'local[2,2]' 65 --mode transform --from "$export_folder" --to "$work/out" --rules "$rules" --rekey "$work/cuts/rekey"
said 'part 6/8 of .*: rekey digest ended with status 65: .*00005\.json\.gz'
[ ! -e "$work/out" ] || fail "a failed job left its result"
pass "a written part that was cut short is found"

faulty corrected '
case $1 in
  transform) if once rules; then echo "# corrected" >>"$3"; fi ;;
esac'
cp "$rules" "$work/corrected.yaml"
job 'local[2,2]' 76 --mode transform --from "$export_folder" --to "$work/out" --rules "$work/corrected.yaml" --rekey "$work/corrected/rekey"
said 'part [0-9]/8 of .* was made by other rules than were checked'
[ ! -e "$work/out" ] || fail "a failed job left its result"
clean
pass "rules that are changed during the job are found"

mkdir -p "$work/two/data"
line() { printf '{"Item":{"PK":{"S":"%s"},"SK":{"S":"%s"},"tp":{"S":"plan"}}}\n' "$1" "$2"; }
{ line PLAN#1 META && line PLAN#2 META; } >"$work/one.ndjson"
{ line PLAN 'META#1' && line PLAN 'META#9'; } >"$work/other.ndjson"
"$rekey" snapshot create "$work/one.ndjson" "$work/one" --quiet >/dev/null
"$rekey" snapshot create "$work/other.ndjson" "$work/other" --quiet >/dev/null
cp "$work/one/data/00000.json.gz" "$work/two/data/00000.json.gz"
cp "$work/other/data/00000.json.gz" "$work/two/data/00001.json.gz"
{ cat "$work/one/manifest-files.json" && sed s/00000/00001/ "$work/other/manifest-files.json"; } >"$work/two/manifest-files.json"
sed 's/"itemCount":2/"itemCount":4/' "$work/one/manifest-summary.json" >"$work/two/manifest-summary.json"
job 'local[2,4]' 65 --mode transform --from "$work/two" --to "$work/out" --rules "$rules" --rekey "$rekey"
said '1 key would hold more than one item: \{"Key":\{"PK":\{"S":"PLAN"\},"SK":\{"S":"META#1"\}\}\}'
[ ! -e "$work/out" ] || fail "a failed job left its result"
pass "two parts that come to one key are found"

# The driver's way to s3:// on EMR and Glue, tried on files: it must do as the one for files does.
"$spark/bin/python" - "$work" >"$work/last.out" 2>"$work/last.err" <<'PYTHON' || fail "Hadoop's file systems are not used rightly"
import sys
sys.path.insert(0, "pipelines/spark")
from pyspark import SparkContext
import rekey_spark
context = SparkContext(master="local[1]")
for folder, place in ((rekey_spark.Folder(), sys.argv[1] + "/plain"),
                      (rekey_spark.HadoopFolder(context), "file:" + sys.argv[1] + "/hadoop")):
    assert not folder.exists(place)
    folder.make(place + "/attempts")
    folder.make(place + "/data")
    folder.write(place + "/attempts/one", bytes(range(256)) * 300)
    folder.rename(place + "/attempts/one", place + "/data/00000")
    assert folder.read(place + "/data/00000") == bytes(range(256)) * 300
    folder.remove(place + "/attempts")
    assert folder.exists(place + "/data/00000") and not folder.exists(place + "/attempts")
    folder.remove(place)
    assert not folder.exists(place)
PYTHON
pass "Hadoop's file systems do as files do"

pipelines/servers.sh
for part in live s3; do pipelines/servers.sh with ministack -- bash "$root/pipelines/spark/test.sh" "$part"; done
echo "$passed and those above passed, 0 failed"
