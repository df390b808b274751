#!/usr/bin/env bash
# Tests rekey_spark.py with PySpark on the cores of this machine: the same digest as one machine's, killed workers and
# processes, parts that fail for good, parts that are cut short. Installs what is missing: Java, and PySpark into .build/spark.
#
#   pipelines/spark/test.sh
#
# REKEY and SAMPLE are the programs to use in place of those in .build, REKEY_PYSPARK another version of PySpark.
set -euo pipefail
cd "$(dirname "$0")/../.."
# shellcheck source=pipelines/packages.sh
. pipelines/packages.sh

# EMR 7 and Glue 5 run Spark 3.5.
pyspark=${REKEY_PYSPARK:-3.5.9}
root=$PWD

# built NAME   The newest built program of that name.
built() {
  local file newest=""
  for file in ".build/debug/$1" ".build/release/$1"; do
    if [ -x "$file" ] && { [ -z "$newest" ] || [ "$file" -nt "$newest" ]; }; then newest=$file; fi
  done
  [ -n "$newest" ] || { echo "$1 is not built; run swift build --product $1" >&2; return 69; }
  echo "$root/$newest"
}
rekey=${REKEY:-$(built rekey)}
sample=${SAMPLE:-$(built rekey-sample)}

java -version >/dev/null 2>&1 || install_missing default-jre-headless
python3 -c 'import ensurepip, venv' 2>/dev/null || install_missing python3 python3-venv
spark=$root/.build/spark-$pyspark
if ! [ -f "$spark/installed" ]; then
  echo "Installing PySpark $pyspark into $spark"
  python3 -m venv --clear "$spark"
  "$spark/bin/pip" install -q --disable-pip-version-check "pyspark==$pyspark"
  touch "$spark/installed"
fi

work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT
rules=$root/pipelines/plan-structure.yaml
export PYSPARK_PYTHON=$spark/bin/python PYSPARK_DRIVER_PYTHON=$spark/bin/python SPARK_LOCAL_IP=127.0.0.1 SPARK_LOCAL_DIRS=$work/spark
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
said() { cat "$work"/last.* | grep -qE -- "$1" || fail "the job did not say: $1"; }
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

# Killed in turn: the Python worker, before and after its part was written; rekey at the begin, the middle and the end of its pipe.
faulty kills '
case "$*" in
  *" --segment 1/8 "*) if once worker; then kill -9 $PPID; sleep 10; fi ;;
  "extract - "*00001.*) if once written; then "$real" "$@"; kill -9 $PPID; sleep 10; fi ;;
  *" --segment 3/8 --seal"*) if once extract; then "$real" "$@" | head -c 100000; kill -9 $$; fi ;;
  transform*) if once transform; then head -c 200000 | "$real" "$@" 2>/dev/null; kill -9 $$; fi ;;
  "extract - "*00004.*) if once last; then head -c 1000 >/dev/null; kill -9 $$; fi ;;
esac'
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

echo "$passed passed, 0 failed"
