#!/usr/bin/env bash
set -euo pipefail
cd "$(dirname "$0")/.."
swift build --build-tests && swift test
