#!/usr/bin/env bash
# Makes a snapshot with the time (UTC) in its name, reads it back, and removes snapshots older than KEEP_DAYS (30), but never the newest of
# a table.
#
#   backup.sh FROM [FOLDER [NAME]]
#   backup.sh dynamodb:algoitny_main backups algoitny_main
#
# For cron: nothing is asked, and the status is not 0 unless the new snapshot is whole. Old ones go only after that. Status 76: it has no
# items although an older one of that NAME has some; none was removed.
set -euo pipefail

if [ $# -lt 1 ] || [ $# -gt 3 ]; then
  echo "usage: $0 FROM [FOLDER [NAME]]" >&2
  exit 64
fi
from=$1 folder=${2:-backups} name=${3:-table} days=${KEEP_DAYS:-30}
if ! [[ $days =~ ^0*[1-9][0-9]*$ ]]; then
  echo "$0: KEEP_DAYS=$days is no whole number of days, 1 or more; nothing was done" >&2
  exit 64
fi

rekey=${REKEY:-rekey}
ours=${folder%/}/${name}_backup_
snapshot=$ours$(date -u +%Y%m%d_%H%M%S)
[[ $folder == s3://* ]] || mkdir -p "$folder"
state="there is no new snapshot, and no old one was removed; run it again"
trap 'status=$?; [ "$status" = 0 ] || echo "$0: stopped with status $status; $state" >&2' EXIT

"$rekey" snapshot create "$from" "$snapshot"
state="$snapshot is not proven whole, and no old one was removed; run it again"
"$rekey" snapshot check "$snapshot" --read-data
state="the new snapshot is whole; some old ones may be left"
listed=$("$rekey" snapshot list "$folder")
empty="" full=""
while IFS= read -r line; do
  case $line in
    "$snapshot  "*"  0 items  "*) empty=$snapshot ;;
    "$ours"*"  0 items  "* | "$ours"*"  unreadable  "*) ;;
    "$ours"*) full=${line%%  *} ;;
  esac
done <<<"$listed"
if [ -n "$empty" ] && [ -n "$full" ]; then
  state="$empty has no items, but $full has some; no old one was removed; see whether $from is what it should be"
  exit 76
fi
"$rekey" snapshot prune "$folder" --keep-days "$days" --execute
echo "$snapshot"
