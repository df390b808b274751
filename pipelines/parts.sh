#!/usr/bin/env bash
# Says whether the n parts that part.sh has put into FOLDER are all there, by the same rules, and add up to FROM. Status 76: they do not.
#
#   parts.sh FROM FOLDER n
#
# Prints count and digest of what was written. FROM is read once more for its digest.
set -euo pipefail

if [ $# -ne 3 ] || ! [[ $3 =~ ^[1-9][0-9]*$ ]]; then
  echo "usage: $0 FROM FOLDER n" >&2
  exit 64
fi
from=$1 folder=$2 count=$3

rekey=${REKEY:-rekey}
reports=()
for number in $(seq "$count"); do
  report=$folder/$number.json
  if [ "$(jq -r .part "$report" 2>/dev/null)" != "$number/$count" ]; then
    echo "part $number/$count is missing; run part.sh again for it" >&2
    exit 76
  fi
  if [ "$("$rekey" digest "$folder/$number.json.gz" --quiet)" != "$(jq -r '.written | "\(.count) \(.digest)"' "$report")" ]; then
    echo "part $number/$count: $folder/$number.json.gz is not what was written; run part.sh again for it" >&2
    exit 76
  fi
  if [ "$({ sha256sum <"$folder/$number.keys"; } 2>/dev/null | cut -d " " -f 1)" != "$(jq -r .keys "$report")" ]; then
    echo "part $number/$count: $folder/$number.keys is not what was written; run part.sh again for it" >&2
    exit 76
  fi
  reports+=("$report")
done
other=$(jq -rs '.[0] as $first | first(.[] | select(.rules != $first.rules or .from != $first.from) | .part) // empty' "${reports[@]}")
if [ -n "$other" ]; then
  echo "part $other was made by other rules or of another FROM than part 1/$count; run part.sh again for those that are wrong" >&2
  exit 76
fi
mapfile -t read < <(jq -r '.read | "\(.count):\(.digest)"' "${reports[@]}")
mapfile -t written < <(jq -r '.written | "\(.count):\(.digest)"' "${reports[@]}")
whole=$("$rekey" digest "$from" --quiet)
if [ "$("$rekey" digest --combine "${read[@]}")" != "$whole" ]; then
  echo "the parts do not add up to $from" >&2
  exit 76
fi
taken=$(seq "$count" | sed "s|.*|&.keys|" | (cd "$folder" && xargs cat) | LC_ALL=C sort | uniq -d | sed -n 1,5p)
if [ -n "$taken" ]; then
  printf 'more than one item would have the key %s\n' "$taken" >&2
  exit 76
fi
"$rekey" digest --combine "${written[@]}"
