#!/usr/bin/env bash
# Load and extract of a live table against a server that answers at once: what the client costs, rekey beside boto3.
#
#   pipelines/bench-load.sh [--items N] [--boto3-items N] [--runs N]      one line of JSON a run, in turn
#
# {"tool":"rekey load","run":1,"items":200000,"seconds":0.61,"cpuSeconds":0.55,"cpuMicrosecondsPerBatch":68.8,"itemsPerSecond":327869}
#
# CPU is that of the client process, user and system, its start included. A batch is 25 items. The server counts what comes,
# and a run that did not bring every item fails. Needs release builds of rekey, rekey-sample and rekey-instant-server,
# and the boto3 of pipelines/servers.sh (which is run with orjson where it is installed there).
set -euo pipefail

here=$(cd "$(dirname "$0")" && pwd)
build=$(dirname "$here")/.build/release
servers=${REKEY_TEST_SERVERS:-$(dirname "$here")/.build/servers}
items=200000 boto3_items=20000 runs=3
while [ $# -gt 0 ]; do
  case $1 in
    --items) items=$2 ;;
    --boto3-items) boto3_items=$2 ;;
    --runs) runs=$2 ;;
    *) sed -n '2,/^set /{/^set /d;s/^# \{0,1\}//;p;}' "$0" >&2; exit 64 ;;
  esac
  shift 2
done
for program in rekey rekey-sample rekey-instant-server; do
  [ -x "$build/$program" ] || { echo "$program is not built; run swift build -c release --product $program" >&2; exit 69; }
done
[ -x "$servers/bin/python" ] || { echo "boto3 is not there; run pipelines/servers.sh" >&2; exit 69; }

folder=$(mktemp -d)
server=""
trap '[ -z "$server" ] || kill "$server"; rm -rf "$folder"' EXIT
trap 'exit 143' HUP INT TERM
"$build/rekey-sample" stream --items "$items" >"$folder/items.ndjson"
head -n "$boto3_items" "$folder/items.ndjson" >"$folder/boto3.ndjson"

"$build/rekey-instant-server" --items "$folder/items.ndjson" >"$folder/endpoint" &
server=$!
until [ -s "$folder/endpoint" ]; do kill -0 "$server" || exit 70; sleep 0.05; done
export AWS_ENDPOINT_URL AWS_ACCESS_KEY_ID=000000000000 AWS_SECRET_ACCESS_KEY=test AWS_REGION=us-east-1
export AWS_DEFAULT_REGION=us-east-1 AWS_CONFIG_FILE=/dev/null AWS_SHARED_CREDENTIALS_FILE=/dev/null AWS_EC2_METADATA_DISABLED=true
AWS_ENDPOINT_URL=$(cat "$folder/endpoint")
unset AWS_PROFILE AWS_SESSION_TOKEN

# came   How many puts the server has had.
came() { "$servers/bin/python" -c 'import json, sys, urllib.request as r; print(json.load(r.urlopen(sys.argv[1]))["writes"])' "$AWS_ENDPOINT_URL"; }

# measure TOOL RUN ITEMS WRITES COMMAND...   Runs it, checks that the server was sent WRITES puts, prints the line.
measure() {
  local tool=$1 run=$2 count=$3 writes=$4 before after times
  shift 4
  before=$(came)
  TIMEFORMAT='%3R %3U %3S'
  times=$( { time "$@" >"$folder/output" 2>"$folder/errors"; } 2>&1) || { cat "$folder/errors" >&2; exit 70; }
  after=$(came)
  [ $((after - before)) -eq "$writes" ] || { echo "$tool sent $((after - before)) puts, not $writes" >&2; exit 70; }
  awk -v tool="$tool" -v run="$run" -v items="$count" '{
    cpu = $2 + $3
    printf "{\"tool\":\"%s\",\"run\":%d,\"items\":%d,\"seconds\":%.3f,\"cpuSeconds\":%.3f,\"cpuMicrosecondsPerBatch\":%.1f,\"itemsPerSecond\":%.0f}\n",
      tool, run, items, $1, cpu, cpu / items * 25e6, items / $1
  }' <<<"$times"
}

boto3() { measure "$1" "$2" "$boto3_items" "$boto3_items" "$servers/bin/python" "$here/bench-load.py" instant "$folder/boto3.ndjson" "${@:3}"; }

for ((run = 1; run <= runs; run++)); do
  measure "rekey load" "$run" "$items" "$items" "$build/rekey" load dynamodb:instant "$folder/items.ndjson" --execute
  boto3 "boto3, 8 threads" "$run" 8
  boto3 "boto3, 8 threads, no validation" "$run" 8 --no-validation
  boto3 "boto3, 1 thread, no validation" "$run" 1 --no-validation
  measure "rekey extract" "$run" "$items" 0 "$build/rekey" extract dynamodb:instant
done
