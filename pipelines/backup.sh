#!/usr/bin/env bash
# Makes a snapshot with the time (UTC) in its name, reads it back, and removes snapshots older than KEEP_DAYS (30).
#
#   backup.sh FROM [FOLDER [NAME]]
#   backup.sh dynamodb:algoitny_main backups algoitny_main
#
# For cron: nothing is asked, and the status is not 0 unless the new snapshot is whole. Old ones go only after that.
set -euo pipefail

if [ $# -lt 1 ] || [ $# -gt 3 ]; then
  echo "usage: $0 FROM [FOLDER [NAME]]" >&2
  exit 64
fi
from=$1 folder=${2:-backups} name=${3:-table}

rekey=${REKEY:-rekey}
snapshot=$folder/${name}_backup_$(date -u +%Y%m%d_%H%M%S)
mkdir -p "$folder"
state="there is no new snapshot, and no old one was removed; run it again"
trap 'status=$?; [ "$status" = 0 ] || echo "$0: stopped with status $status; $state" >&2' EXIT

"$rekey" snapshot create "$from" "$snapshot"
state="$snapshot is not proven whole, and no old one was removed; run it again"
"$rekey" snapshot check "$snapshot" --read-data
state="the new snapshot is whole; some old ones may be left"
"$rekey" snapshot prune "$folder" --keep-days "${KEEP_DAYS:-30}" --execute
echo "$snapshot"
