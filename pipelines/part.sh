#!/usr/bin/env bash
# Transforms one of n parts of FROM, for array jobs: writes FOLDER/k.json.gz and, last, FOLDER/k.json with its counts and digests.
#
#   part.sh FROM RULES FOLDER k/n
#   part.sh s3://bucket/AWSDynamoDB/0176…/ plan-structure.yaml /shared/parts "$SLURM_ARRAY_TASK_ID/64"
#
# A part may be run again, or by two machines at once: each file is replaced whole. Until a run has ended well the part counts as missing.
# parts.sh says whether all add up.
set -euo pipefail

if [ $# -ne 4 ] || ! [[ $4 =~ ^[0-9]+/[0-9]+$ ]]; then
  echo "usage: $0 FROM RULES FOLDER k/n" >&2
  exit 64
fi
from=$1 rules=$2 folder=$3 part=$4

rekey=${REKEY:-rekey}
number=${part%/*}
mkdir -p "$folder"
rm -f "$folder/$number.json"
work=$(mktemp -d "$folder/.part-$number.XXXXXX")
trap 'rm -rf "$work"' EXIT

# first STATUS...  Ends with the status of the stage that failed first; 141 is of one that lost its reader.
first() {
  local status
  for status in "$@"; do case $status in 0 | 141) ;; *) exit "$status" ;; esac; done
  exit 141
}
sum() { sha256sum <"$1" | cut -d " " -f 1; }

# Rules that cannot be read are named by the stage that reads them.
rules_sum=$(sum "$rules" 2>/dev/null) || rules_sum=unread
"$rekey" extract "$from" --segment "$part" --seal --quiet |
  "$rekey" transform --rules "$rules" --sealed --seal --json --target-keys "$work/keys" 2>"$work/read" |
  "$rekey" extract - --sealed --json -o "$work/items.json.gz" >"$work/written" ||
  { statuses=("${PIPESTATUS[@]}"); cat "$work/read" >&2; first "${statuses[@]}"; }
if [ "$(sum "$rules")" != "$rules_sum" ]; then
  echo "$rules was changed while part $part was made; run part.sh again for all parts" >&2
  exit 65
fi
jq -c --slurpfile written "$work/written" --arg part "$part" --arg from "$from" --arg rules "$rules_sum" --arg keys "$(sum "$work/keys")" \
  '{part: $part, from: $from, rules: $rules, read: {count, digest}, changed, written: ($written[0] | {count, digest}), keys: $keys}' \
  "$work/read" >"$work/report"
mv "$work/items.json.gz" "$folder/$number.json.gz"
mv "$work/keys" "$folder/$number.keys"
mv "$work/report" "$folder/$number.json"
