#!/usr/bin/env bash
# Installs what the tests need, checks the format, builds, and runs all tests; further arguments go to `swift test`.
#
#   pipelines/test.sh
#   pipelines/test.sh --filter ItemsTests
set -euo pipefail
cd "$(dirname "$0")/.."
# shellcheck source=pipelines/packages.sh
. pipelines/packages.sh

install_missing zlib1g-dev libcurl4-openssl-dev libsqlite3-dev jq gzip fish mandoc zsh
require_swift
swift format lint --strict -r Sources Tests Package.swift
export REKEY_TEST_SERVERS=${REKEY_TEST_SERVERS:-$PWD/.build/servers}
bash pipelines/servers.sh
swift build --build-tests
exec swift test "$@"
