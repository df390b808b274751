#!/usr/bin/env bash
# A long load: items go through extract, transform, load and verify, to tables behind a server that throttles, does
# parts of batches, cuts connections and damages answers. Fails unless counts and digests are equal, and memory and open
# files of every stage stay flat.
#
#   pipelines/soak.sh [ITEMS [FOLDER]]     1000000 unless given; FOLDER keeps samples.csv, else nothing is kept
#
# A table holds 50,000 of them, since the server looks at a whole table for each page of a scan; it goes once it is verified.
# Needs pipelines/servers.sh to have run once, jq, and a built rekey, rekey-sample and rekey-fault-server: REKEY,
# REKEY_SAMPLE and REKEY_FAULT_SERVER name them, else .build/release or .build/debug has them. Linux.
set -euo pipefail

here=$(cd "$(dirname "$0")" && pwd)
build=${here%/*}/.build
table_items=50000
faults=(--throttle 0.1 --partial 0.1 --cut-before 0.01 --cut-after 0.01 --cut-middle 0.01 --server-error 0.01
  --unavailable 0.01 --truncate 0.005 --wrong-checksum 0.005 --slow 0.002 --stall 0.002)

usage() { sed -n '2,/^set /{/^set /d;s/^# \{0,1\}//;p;}' "$0" >&2; exit 64; }

# built NAME   The newest built program of that name.
built() {
  local file newest=""
  for file in "$build/debug/$1" "$build/release/$1"; do
    if [ -x "$file" ] && { [ -z "$newest" ] || [ "$file" -nt "$newest" ]; }; then newest=$file; fi
  done
  [ -n "$newest" ] || { echo "$1 is not built; run swift build -c release --product $1" >&2; return 69; }
  echo "$newest"
}

items=${1:-1000000}
[[ $items =~ ^[1-9][0-9]*$ ]] || usage

if [ -z "${FAULT_ENDPOINT:-}" ]; then
  REKEY=${REKEY:-$(built rekey)} REKEY_SAMPLE=${REKEY_SAMPLE:-$(built rekey-sample)}
  export REKEY REKEY_SAMPLE
  # The child is this script again, with both servers beside it, or behind the ministack that is there.
  servers=(bash "$here/servers.sh" with fault --seed "${REKEY_TEST_SEED:-1}" "${faults[@]}" --)
  [ -n "${MINISTACK_ENDPOINT:-}" ] || servers=(bash "$here/servers.sh" with ministack -- "${servers[@]}")
  exec "${servers[@]}" bash "$0" "$@"
fi

work=$(mktemp -d)
sampler=""
# The sampler may be gone already.
trap '[ -z "$sampler" ] || kill "$sampler" 2>/dev/null || true; rm -rf "$work"' EXIT
keep=${2:-$work}
mkdir -p "$keep"
samples=$keep/samples.csv
rules=$here/plan-structure.yaml
echo "seconds,stage,rss_kb,open_files" >"$samples"

# sample   Writes lines for each rekey of this script's process group, one a second or more, until it is killed.
sample() {
  local process stage rss files
  while sleep "$([ "$items" -ge 100000 ] && echo 1 || echo 0.1)"; do
    for process in $(pgrep -g 0 -x rekey); do
      {
        stage=$(tr '\0' ' ' <"/proc/$process/cmdline" | awk '{print $2}')
        rss=$(awk '/^VmRSS/ {print $2}' "/proc/$process/status")
        files=$(ls "/proc/$process/fd" | wc -l)
      } 2>/dev/null || continue
      # A process that is gone by now has neither.
      if [ -n "$rss" ] && [ "$files" -gt 0 ]; then echo "$SECONDS,$stage,$rss,$files" >>"$samples"; fi
    done
  done
}

# flat STAGE   Says how memory and open files of a stage went, and fails where they grew after its first third.
flat() {
  awk -F, -v stage="$1" '
    $2 == stage { rss[++n] = $3; files[n] = $4 }
    END {
      if (n < 6) { printf "%s: %d samples, too few to judge\n", stage, n; exit }
      # The beginning fills buffers; what counts is whether the last third needs more than the middle one.
      for (i = 1; i <= n; i++) {
        part = i <= n / 3 ? 1 : i <= 2 * n / 3 ? 2 : 3
        if (rss[i] > most[part]) most[part] = rss[i]
        if (files[i] > open[part]) open[part] = files[i]
      }
      printf "%s: %d samples; memory by thirds %.1f, %.1f, %.1f MB; open files %d, %d, %d\n", stage, n, \
        most[1] / 1024, most[2] / 1024, most[3] / 1024, open[1], open[2], open[3]
      # Few samples mix the beginnings of several programs: then only what passes the 64 MB of any stage has grown.
      if (most[3] > most[2] * 1.15 + 4096 && (n >= 60 || most[3] > 65536)) { print stage ": memory grows"; bad = 1 }
      # As many connections are open as requests are in flight, which throttling makes fewer and good answers more.
      if (open[3] > open[2] + 32) { print stage ": open files grow"; bad = 1 }
      exit bad
    }' "$samples"
}

# tables ACTION NAME   Makes or removes a table, past the faults.
tables() {
  "$PYTHON" - "$@" <<'PYTHON'
import boto3, os, sys
client = boto3.client("dynamodb", endpoint_url=os.environ["MINISTACK_ENDPOINT"])
action, name = sys.argv[1:]
if action == "remove":
    client.delete_table(TableName=name)
else:
    client.create_table(
        TableName=name, BillingMode="PAY_PER_REQUEST",
        KeySchema=[{"AttributeName": "PK", "KeyType": "HASH"}, {"AttributeName": "SK", "KeyType": "RANGE"}],
        AttributeDefinitions=[{"AttributeName": key, "AttributeType": "S"} for key in ("PK", "SK")])
PYTHON
}

# one NUMBER ITEMS   Takes so many items through all stages.
one() {
  local file=$work/items.json.gz table=dynamodb:soak-$1 expected found
  "$REKEY_SAMPLE" stream --items "$2" --seed "$((${REKEY_TEST_SEED:-1} + $1))" | gzip -1 >"$file"
  tables create "soak-$1"
  "$REKEY" extract "$file" --seal --quiet | "$REKEY" transform --rules "$rules" --sealed --seal --quiet |
    "$REKEY" load "$table" --sealed --execute --quiet
  "$REKEY" verify "$file" "$table" --rules "$rules" --all --gone --quiet
  expected=$("$REKEY" transform --rules "$rules" --quiet "$file" | "$REKEY" digest - --quiet)
  found=$("$REKEY" digest "$table" --quiet)
  [ "$expected" = "$found" ] || { echo "soak-$1 holds $found, loaded was $expected" >&2; return 76; }
  [ "${found% *}" = "$2" ] || { echo "soak-$1 holds ${found% *} items, loaded were $2" >&2; return 76; }
  tables remove "soak-$1"
  parts+=("${found/ /:}")
  echo "table $1: $2 items equal after $SECONDS s"
}

echo "$items items, faults: ${faults[*]}"
SECONDS=0
parts=()
sample &
sampler=$!
for ((number = 1, left = items; left > 0; number++, left -= table_items)); do
  one "$number" "$((left < table_items ? left : table_items))"
done
kill "$sampler"
# It was killed, so its status is the signal's.
wait "$sampler" 2>/dev/null || true
sampler=""

echo "all tables: $("$REKEY" digest --combine "${parts[@]}")"
"$PYTHON" -c "import os, urllib.request as r; print(r.urlopen(os.environ['FAULT_ENDPOINT'] + '/_fault/counts').read().decode())" |
  jq -c '{requests, unprocessed, faults, upstreamFailures}' | tee "$keep/faults.json"
# What the server behind could not answer by itself is one more fault.
jq -e '([.faults[]] | add) > 0' "$keep/faults.json" >/dev/null || { echo "The server made no faults." >&2; exit 1; }
grew=0
for stage in extract transform load verify digest; do flat "$stage" || grew=1; done
# A sanitizer keeps freed memory for a while.
[ "$grew" = 0 ] || [ -n "${REKEY_SANITIZER:-}" ] || exit 1
echo "EQUAL AND FLAT: $items items in $SECONDS s"
