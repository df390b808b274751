#!/usr/bin/env bash
# Measures rekey beside other programs that do the same work on the same data, and writes data/benchmarks/<date>/.
#
#   pipelines/bench.sh                      1,000,000 items, 5 rounds
#   pipelines/bench.sh --quick              20,000 items, 2 rounds, nothing written but to .build/bench
#   pipelines/bench.sh --items 3000000 --rounds 3 --only transform,digest
#   pipelines/bench.sh --sizes 1000000,3000000,10000000     cost against size too
#
# On a clean machine it installs the other programs: jq, gojq, Miller, pigz by apt-get or Homebrew, and orjson, DuckDB, boto3,
# dynamodump and the AWS CLI into a Python environment of its own, .build/bench. Data and outputs go to .build/bench/data, which
# needs about 4 KB for each item. All programs run in turn, several times; docs/performance.md says how to read the result.
set -euo pipefail
cd "$(dirname "$0")/.."
# shellcheck source=pipelines/packages.sh
. pipelines/packages.sh

case " $* " in *" --help "* | *" -h "*)
  sed -n '2,/^set /{/^set /d;s/^# \{0,1\}//;p;}' "$0"
  exit 0
  ;;
esac

bench=$PWD/.build/bench
install_missing zlib1g-dev libcurl4-openssl-dev libsqlite3-dev jq gojq miller gzip pigz python3 python3-venv g++
require_swift
# As pipelines/install.sh builds it.
release_flags
for product in rekey rekey-sample rekey-instant-server; do swift build "${flags[@]}" --product "$product"; done

# environment NAME PACKAGE...   A Python environment of its own, for programs that ask for other versions of botocore than each other.
environment() {
  local folder=$bench/$1
  shift
  if [ "$(cat "$folder/installed.txt" 2>/dev/null)" = "$*" ]; then return; fi
  mkdir -p "$bench"
  python3 -m venv --clear "$folder"
  "$folder/bin/pip" install -q --disable-pip-version-check "$@"
  echo "$*" >"$folder/installed.txt"
}
environment python orjson==3.13.0 duckdb==2.0.1 boto3==1.43.106
environment dynamodump dynamodump==1.11.1
environment aws awscli==1.46.3
# The server of the rows on a table.
bash pipelines/servers.sh

exec "$bench/python/bin/python" pipelines/bench/bench.py --folder "$bench" "$@"
