#!/usr/bin/env bash
# Checks a snapshot, puts its items into TO, and compares the digests of both. A dry run unless --execute.
#
#   restore.sh SNAPSHOT TO [--execute] [--prefix PREFIX]
#   restore.sh backups/plan_backup_20261123_211500 dynamodb:algoitny_main --execute --prefix PLAN#
#
# --prefix says which partition keys of TO the snapshot stands for; without it, TO must end up with the snapshot's items
# and no others. Status 76: they differ.
set -euo pipefail

usage() { echo "usage: $0 SNAPSHOT TO [--execute] [--prefix PREFIX]" >&2; exit 64; }
[ $# -ge 2 ] || usage
snapshot=$1 to=$2
shift 2
execute=() prefix=()
while [ $# -gt 0 ]; do
  case $1 in
    --execute) execute=(--execute); shift ;;
    --prefix) [ $# -ge 2 ] || usage; prefix=(--prefix "$2"); shift 2 ;;
    *) usage ;;
  esac
done

# first STATUS...  Ends with the status of the stage that failed first; 141 is of one that lost its reader.
first() {
  local status
  for status in "$@"; do case $status in 0 | 141) ;; *) exit "$status" ;; esac; done
  exit 141
}

rekey=${REKEY:-rekey}
state="nothing was written to $to; run it again"
trap 'status=$?; [ "$status" = 0 ] || [ "$status" = 76 ] || echo "$0: stopped with status $status; $state" >&2' EXIT
"$rekey" snapshot check "$snapshot" --read-data
[ ${#execute[@]} = 0 ] || state="$to may hold some of the items; run it again: it puts the same ones"
"$rekey" restore "$snapshot" "$to" ${execute[@]+"${execute[@]}"}
[ ${#execute[@]} -gt 0 ] || exit 0

state="$to was restored and read back, but not compared as a whole; run it again"
saved=$("$rekey" digest "$snapshot" --json)
restored=$("$rekey" extract "$to" ${prefix[@]+"${prefix[@]}"} --seal | "$rekey" digest - --sealed --json || first "${PIPESTATUS[@]}")
echo "snapshot: $saved"
echo "restored: $restored"
[ "$saved" = "$restored" ] || { echo "The digests differ: $to is not what $snapshot holds." >&2; exit 76; }
echo "The digests are equal."
