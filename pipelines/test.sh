#!/usr/bin/env bash
# Installs what the tests need, checks the format, builds, and runs all tests; further arguments go to `swift test`.
#
#   pipelines/test.sh                          everything in its short form
#   pipelines/test.sh --long                   the long forms: more kills, fuzzing guided by coverage, a soak of 200,000 items, Spark
#   pipelines/test.sh --sanitize address       everything, built with the address (or thread) sanitizer in .build-address
#   pipelines/test.sh --fuzz 3600              fuzzes each target for so many seconds before the tests
#   pipelines/test.sh --filter ItemsTests      some tests
set -euo pipefail
cd "$(dirname "$0")/.."
# shellcheck source=pipelines/packages.sh
. pipelines/packages.sh

usage() { sed -n '2,/^set /{/^set /d;s/^# \{0,1\}//;p;}' "$0" >&2; exit 64; }
long="" sanitizer="" fuzz=""
while [ $# -gt 0 ]; do
  case $1 in
    --long) long=1; shift ;;
    --sanitize) case ${2:-} in address | thread) sanitizer=$2 ;; *) usage ;; esac; shift 2 ;;
    --fuzz) [[ ${2:-} =~ ^[0-9]+$ ]] || usage; fuzz=$2; shift 2 ;;
    *) break ;;
  esac
done
fuzz=${fuzz:-$([ -n "$long" ] && echo 120 || echo 0)}

install_missing zlib1g-dev libcurl4-openssl-dev libsqlite3-dev jq gzip procps fish mandoc zsh fonts-nanum
# Reports are opened in it. Ubuntu has it as a snap alone; any Chromium or Chrome on the path will do.
command -v chromium chromium-browser google-chrome >/dev/null || install_missing chromium
require_swift
swift format lint --strict -r Sources Tests Package.swift
export REKEY_TEST_SERVERS=${REKEY_TEST_SERVERS:-$PWD/.build/servers}
bash pipelines/servers.sh
[ -z "$long" ] || export REKEY_LONG=1

build=()
if [ -n "$sanitizer" ]; then
  export REKEY_SANITIZER=$sanitizer
  build=(--scratch-path ".build-$sanitizer" --sanitize "$sanitizer")
  # Without it a crash may wait for the backtracer for ever.
  export SWIFT_BACKTRACE=enable=no
  export ASAN_OPTIONS=${ASAN_OPTIONS:-detect_leaks=0:abort_on_error=1:malloc_context_size=4}
  # By itself the thread sanitizer waits a second at the end of each program, and there are thousands.
  export TSAN_OPTIONS=${TSAN_OPTIONS:-halt_on_error=1:exitcode=66:atexit_sleep_ms=20}
  export REKEY_FAULT_SERVER=${REKEY_FAULT_SERVER:-$PWD/.build-$sanitizer/debug/rekey-fault-server}
fi
swift build --build-tests ${build[@]+"${build[@]}"}
if [ "$sanitizer" = thread ] && [ "$(uname)" = Linux ]; then
  clang -shared -fPIC -O1 -o .build-thread/mutex_order.so Tests/Sanitizers/mutex_order.c -ldl
  export LD_PRELOAD=$PWD/.build-thread/mutex_order.so
fi
[ "$fuzz" = 0 ] || bash Tests/FuzzTests/fuzz.sh "$fuzz"
# Some minutes and 400 MB; under a sanitizer there would be nothing new in it.
[ -z "$long" ] || [ -n "$sanitizer" ] || bash pipelines/spark/test.sh
swift test ${build[@]+"${build[@]}"} "$@"
if [ -n "$long" ] && [ -z "$sanitizer" ] && [ $# -eq 0 ]; then pipelines/soak.sh 200000; fi
