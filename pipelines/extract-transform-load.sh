#!/usr/bin/env bash
# Copies all items of FROM to TO, under the keys that RULES gives them. A dry run unless --execute.
#
#   extract-transform-load.sh FROM RULES TO [--execute]
#   extract-transform-load.sh s3://bucket/AWSDynamoDB/0176…/ plan-structure.yaml dynamodb:algoitny_main_v2
#
# The transformed items go to a file first ($TMPDIR must have room for them), so that two items on one new key, a bad
# line or a stream that was cut short are found before anything is written. FROM stays as it is: to move items within
# one table, use `rekey migrate`.
set -euo pipefail

usage() { echo "usage: $0 FROM RULES TO [--execute]" >&2; exit 64; }
[ $# -eq 3 ] || { [ $# -eq 4 ] && [ "$4" = --execute ]; } || usage
from=$1 rules=$2 to=$3
shift 3

rekey=${REKEY:-rekey}
work=$(mktemp -d)
state="nothing was written to $to; run it again"
trap 'status=$?; rm -rf "$work"; [ "$status" = 0 ] || echo "$0: stopped with status $status; $state" >&2' EXIT

# first STATUS...  Ends with the status of the stage that failed first; 141 is of one that lost its reader.
first() {
  local status
  for status in "$@"; do case $status in 0 | 141) ;; *) exit "$status" ;; esac; done
  exit 141
}

"$rekey" rules check "$rules"
"$rekey" extract "$from" --seal | "$rekey" transform --rules "$rules" --sealed --seal > "$work/items.ndjson" || first "${PIPESTATUS[@]}"
[ $# = 0 ] || state="$to may hold some of the items; run it again: it puts the same ones"
"$rekey" load "$to" --sealed "$@" < "$work/items.ndjson"
