#!/usr/bin/env bash
# The Plan migration and its rollback, on a local copy of the sample table. Needs no AWS account and leaves nothing
# behind but the build, and in .build/demo the table, the run and its report. Debian and Ubuntu (apt); macOS by Homebrew, untested.
#
#   pipelines/demo.sh               builds rekey, then runs
#   REKEY=/path/to/rekey pipelines/demo.sh
set -euo pipefail
cd "$(dirname "$0")/.."
# shellcheck source=pipelines/packages.sh
. pipelines/packages.sh

rules=pipelines/plan-structure.yaml
export_folder=data/algoitny_main/
# Kept, so that the report can be opened; the next demo begins anew.
work=.build/demo
rm -rf "$work"
mkdir -p "$work"
table=local:$work/algoitny_main.db

step() { printf '\n== %s\n' "$*"; }
run() {
  printf '$ rekey %s\n' "$*"
  "$rekey" "$@"
}
# 700 items, digest 93ab…
digest() { "$rekey" digest "$table" --json | jq -r '"\(.count) items, digest \(.digest)"'; }

step "What is needed"
install_missing zlib1g-dev libcurl4-openssl-dev libsqlite3-dev jq
if [ -z "${REKEY:-}" ]; then
  require_swift
  step "Build (the first time takes some minutes)"
  swift build -c release --product rekey
  rekey=$(swift build -c release --show-bin-path)/rekey
else
  rekey=$REKEY
fi

step "Make the table: the sample export of algoitny_main, loaded into one local file"
echo "\$ rekey extract $export_folder --seal | rekey load $table --sealed --execute"
"$rekey" extract "$export_folder" --seal | "$rekey" load "$table" --sealed --execute
before=$(digest)
echo "before: $before"

step "Preflight: is everything in place?"
run preflight --table "$table" --rules "$rules"

step "Dry run: what would be done; nothing is written"
run migrate --table "$table" --rules "$rules" --runs "$work/runs"
[ "$(digest)" = "$before" ] || { echo "The dry run changed the table!" >&2; exit 1; }
echo "after the dry run the table is as it was"

step "Migrate: PLAN#1 / META becomes PLAN / META#1"
run migrate --table "$table" --rules "$rules" --runs "$work/runs" --execute --confirm MIGRATE
migrated=$(digest)

step "Verify: the table holds what the rules make of the export"
run verify "$export_folder" "$table" --rules "$rules" --diff

step "Roll back"
plans=("$work"/runs/*/plan.json)
run_id=$(basename "$(dirname "${plans[${#plans[@]} - 1]}")")
run rollback "$run_id" --table "$table" --runs "$work/runs" --execute --confirm ROLLBACK
after=$(digest)

step "Result"
echo "before the migration: $before"
echo "after the migration:  $migrated"
echo "after the rollback:   $after"
if [ "$migrated" = "$before" ]; then
  echo "FAILED: the migration changed nothing." >&2
  exit 1
fi
if [ "$after" != "$before" ]; then
  echo "FAILED: after the rollback the table is NOT what it was." >&2
  exit 1
fi
echo "EQUAL: after the rollback the table is exactly what it was before the migration."
echo "The report, to open in a browser: $PWD/$work/runs/$run_id/report.html"
