#!/usr/bin/env bash
# Records the terminal session that README.md shows: real commands on the sample, as an SVG that plays once.
#
#   pipelines/session.sh [FILE]     writes FILE (docs/session.svg unless given)
#
# REKEY is the program to record (else one is built). The same program gives the same bytes: times and the names of runs are replaced,
# and the pace is that of a reader, not of the machine.
set -euo pipefail
here=$(cd "$(dirname "$0")" && pwd)
repository=$(dirname "$here")
output=${1:-$repository/docs/session.svg}
case $output in /*) ;; *) output=$PWD/$output ;; esac
if [ -z "${REKEY:-}" ]; then
  (cd "$repository" && swift build -c release --product rekey >&2)
  REKEY=$(cd "$repository" && swift build -c release --show-bin-path)/rekey
fi

work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT
mkdir "$work/tools" "$work/session"
ln -s "$REKEY" "$work/tools/rekey"
ln -s "$repository/data" "$repository/pipelines" "$work/session/"
cd "$work/session"
export PATH=$work/tools:$PATH LC_ALL=C.UTF-8 TZ=UTC
unset DYNAMODB_TABLE

# show SECONDS COMMAND [RUN]   Types COMMAND, prints what it (or RUN, which gives the word) prints, and waits for the reader.
show() {
  printf 'P\t%s\n' "$2"
  bash -c "${3:-$2}" 2>&1 | sed 's/^/L\t/'
  printf 'W\t%s\n' "$1"
}
{
  show 2 'rekey load local:plans.db data/algoitny_main --execute'
  show 2 'rekey rules explain pipelines/plan-structure.yaml PLAN#1 META'
  show 4 'rekey migrate --table local:plans.db --rules pipelines/plan-structure.yaml'
  show 4 'rekey migrate --table local:plans.db --rules pipelines/plan-structure.yaml --execute' \
    'rekey migrate --table local:plans.db --rules pipelines/plan-structure.yaml --execute --confirm MIGRATE'
  show 3 "rekey query local:plans.db --pk PLAN --sk-begins META# --quiet | jq -r '.Item | .SK.S + \" \" + .dat.M.nm.S'"
  run=$(ls .rekey/runs)
  show 4 "rekey rollback $run --execute" "rekey rollback $run --execute --confirm ROLLBACK"
  show 3 'rekey digest local:plans.db'
} | sed -E 's/[0-9]{8}_[0-9]{6}/20261124_090000/g; s/[0-9]{4}-[0-9]{2}-[0-9]{2}T[0-9:]{8}(\.[0-9]+)?Z/2026-11-24T09:00:00Z/g' > "$work/events"

jq -Rrn '
  104 as $columns | 26 as $rows | 19 as $height
  | def rounded: . * 100 | round / 100;
  def escaped: gsub("&"; "&amp;") | gsub("<"; "&lt;") | gsub(">"; "&gt;");
  # Appends a line of the screen, at most $columns characters wide, from now on.
  def add($text; $class):
    .lines += [{text: (if ($text | length) > $columns then $text[:$columns - 1] + "…" else $text end), $class, at: .now}];
  reduce inputs as $event ({now: 0, lines: []};
    ($event[:1]) as $kind | ($event[2:]) as $text
    | if $kind == "P" then .now += 0.4 | add("$ " + $text; "p") | .now += 1.2
      elif $kind == "W" then .now += ($text | tonumber)
      else add($text; if $text | test("^(\\[SUCCESS\\]|✓)") then "s" elif $text | test("^(\\[WARNING\\]|!)") then "w"
          elif $text | test("^=+$") then "d" else "o" end) | .now += 0.06 end)
  | (.now + 1) as $total | .lines as $lines
  | def shift($number): ([$number - $rows, 0] | max) * $height;
  "<svg xmlns=\"http://www.w3.org/2000/svg\" viewBox=\"0 0 \($columns * 8.43 + 40 | floor) \($rows * $height + 58)\" role=\"img\" aria-labelledby=\"t\">",
  "<title id=\"t\">A terminal session: rekey loads the sample, migrates three plans, shows them under their new keys, and takes it all back</title>",
  "<style>",
  "text{font:14px ui-monospace,SFMono-Regular,Menlo,Consolas,\"DejaVu Sans Mono\",monospace;white-space:pre;fill:#c9d1d9}",
  ".p{fill:#fff;font-weight:600}.s{fill:#7ee787}.w{fill:#e3b341}.d{fill:#6e7681}",
  "@keyframes a{from{visibility:hidden}}",
  "g text{animation:a var(--t) steps(1,end)}",
  "@keyframes m{" + ([$lines | to_entries[] | "\(.value.at * 10000 / $total | round / 100)%{transform:translateY(-\(shift(.key + 1))px)}"] | join("")) + "}",
  "#m{transform:translateY(-\(shift($lines | length))px);animation:m \($total | rounded)s steps(1,end)}",
  "@media (prefers-reduced-motion:reduce){g text,#m{animation:none}}",
  "</style>",
  "<rect width=\"100%\" height=\"100%\" rx=\"8\" fill=\"#0d1117\"/>",
  (22, 42, 62 | "<circle cx=\"\(.)\" cy=\"20\" r=\"6\" fill=\"#484f58\"/>"),
  "<clipPath id=\"c\"><rect x=\"0\" y=\"41\" width=\"100%\" height=\"\($rows * $height + 5)\"/></clipPath>",
  "<g clip-path=\"url(#c)\"><g id=\"m\">",
  ($lines | to_entries[] | "<text x=\"20\" y=\"\(36 + (.key + 1) * $height)\" class=\"\(.value.class)\" style=\"--t:\(.value.at | rounded)s\">\(.value.text | escaped)</text>"),
  "</g></g>", "</svg>"' "$work/events" > "$work/session.svg"
mv "$work/session.svg" "$output"
