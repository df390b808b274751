#!/usr/bin/env bash
# Fuzzes every target with libFuzzer, guided by coverage and under the address sanitizer, from the corpus of the repository.
#
#   Tests/FuzzTests/fuzz.sh SECONDS [TARGET…]     so long each; all targets unless some are named
#   Tests/FuzzTests/fuzz.sh minimize [TARGET…]    takes into Corpus what SECONDS have found, as small as it gets
#
# What is found stays in .build-fuzz/corpus, so that the next run goes on from there. Status 1: a crash, a hang, or more memory than
# allowed; the input is named. Then: make it a plain test, and mend the fault.
set -euo pipefail
cd "$(dirname "$0")/../.."

here=Tests/FuzzTests
build=.build-fuzz
largest=4096

usage() { sed -n '2,/^set /{/^set /d;s/^# \{0,1\}//;p;}' "$0" >&2; exit 64; }
[[ ${1:-} =~ ^[0-9]+$ || ${1:-} = minimize ]] || usage
seconds=$1
shift
targets=("$@")
[ $# -gt 0 ] || targets=(records lines gzip rules manifests ledger answers configuration)

export SWIFT_BACKTRACE=enable=no
export ASAN_OPTIONS=detect_leaks=0:abort_on_error=1:detect_stack_use_after_return=0
# @testable in an optimised build; -parse-as-library, because the file with the entry point has no main.
REKEY_FUZZ=1 swift build -c release --scratch-path "$build" --product rekey-fuzz --sanitize address --sanitize fuzzer \
  -Xswiftc -enable-testing -Xswiftc -parse-as-library
program=$PWD/$build/release/rekey-fuzz

# unpack TARGET FOLDER   The corpus: a line an input, in base64.
unpack() {
  local number=0 line
  mkdir -p "$2"
  while read -r line; do
    number=$((number + 1))
    base64 -d <<<"$line" >"$2/seed-$number"
  done <"$here/Corpus/$1.txt"
}

work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT
for target in "${targets[@]}"; do
  seeds=$work/$target
  found=$build/corpus/$target
  mkdir -p "$found"
  unpack "$target" "$seeds"
  export REKEY_FUZZ_TARGET=$target TMPDIR=$work
  if [ "$seconds" = minimize ]; then
    mkdir "$work/least"
    "$program" -merge=1 -max_len=600 -rss_limit_mb=1024 "$work/least" "$seeds" "$found" 2>/dev/null
    for file in "$seeds"/* $(ls -Sr "$work"/least/* | head -n 40); do base64 -w 0 "$file"; echo; done |
      awk '!seen[$0]++' >"$work/corpus.txt"
    cp "$work/corpus.txt" "$here/Corpus/$target.txt"
    rm -r "$work/least"
    continue
  fi
  echo "fuzzing $target for $seconds s"
  # timeout: one input may not take longer than this; malloc_limit: no single piece of memory may be larger.
  "$program" -max_total_time="$seconds" -max_len="$largest" -timeout=10 -rss_limit_mb=1024 -malloc_limit_mb=256 \
    -print_final_stats=1 -verbosity=0 -artifact_prefix="$build/$target-" "$found" "$seeds" >"$work/log" 2>&1 || {
    tail -n 60 "$work/log" >&2
    echo "$target: the input stands in the file named above; REKEY_FUZZ_TARGET=$target $program FILE repeats it" >&2
    exit 1
  }
  awk '/number_of_executed_units|peak_rss_mb/ {print "  " $1, $2}' "$work/log"
done
