#!/usr/bin/env bash
# Transforms one of n parts of FROM, for array jobs: writes FOLDER/k.json.gz and, last, FOLDER/k.json with its counts and digests.
#
#   part.sh FROM RULES FOLDER k/n
#   part.sh s3://bucket/AWSDynamoDB/0176…/ plan-structure.yaml /shared/parts "$SLURM_ARRAY_TASK_ID/64"
#
# A part may be run again, or by two machines at once: each file is replaced whole. parts.sh says whether all add up.
set -euo pipefail

if [ $# -ne 4 ] || ! [[ $4 =~ ^[0-9]+/[0-9]+$ ]]; then
  echo "usage: $0 FROM RULES FOLDER k/n" >&2
  exit 64
fi
from=$1 rules=$2 folder=$3 part=$4

rekey=${REKEY:-rekey}
number=${part%/*}
mkdir -p "$folder"
work=$(mktemp -d "$folder/.part-$number.XXXXXX")
trap 'rm -rf "$work"' EXIT

"$rekey" extract "$from" --segment "$part" --seal --quiet |
  "$rekey" transform --rules "$rules" --sealed --seal --json --target-keys "$work/keys" 2>"$work/read" |
  "$rekey" extract - --sealed --json -o "$work/items.json.gz" >"$work/written" || { cat "$work/read" >&2; exit 65; }
rm -f "$folder/$number.json"
mv "$work/items.json.gz" "$folder/$number.json.gz"
mv "$work/keys" "$folder/$number.keys"
jq -c --slurpfile written "$work/written" --arg part "$part" \
  '{part: $part, read: {count, digest}, changed, written: ($written[0] | {count, digest})}' "$work/read" >"$work/report"
mv "$work/report" "$folder/$number.json"
