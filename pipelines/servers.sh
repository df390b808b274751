#!/usr/bin/env bash
# The servers of the tests: DynamoDB, S3, STS and CloudWatch on this machine (ministack, moto), and boto3.
#
#   pipelines/servers.sh                             puts them into .build/servers; does nothing where they are there
#   pipelines/servers.sh with ministack -- COMMAND   runs COMMAND beside a server of its own, and ends it afterwards
#   pipelines/servers.sh with ministack -- pipelines/servers.sh with fault --throttle 0.1 -- COMMAND
#   pipelines/servers.sh serve KIND FILE             as the tests do: FILE gets the port, the end of stdin ends it
#
# KIND is ministack, ministack-auth (checks signatures), moto, or fault FLAGS (rekey-fault-server, which must be built;
# in front of MINISTACK_ENDPOINT unless it is told --upstream). COMMAND sees the address in MINISTACK_ENDPOINT,
# MOTO_ENDPOINT or FAULT_ENDPOINT and in AWS_ENDPOINT_URL, an AWS account that no other command has, and nobody's own
# AWS settings. REKEY_TEST_SERVERS is the folder to use in place of .build/servers.
set -euo pipefail

here=$(cd "$(dirname "$0")" && pwd)
servers=${REKEY_TEST_SERVERS:-$(dirname "$here")/.build/servers}

# install   Makes the Python virtual environment with exactly what servers.txt names.
install() {
  if cmp -s "$here/servers.txt" "$servers/installed.txt" && "$servers/bin/python" -c '' 2>/dev/null; then return; fi
  # shellcheck source=pipelines/packages.sh
  . "$here/packages.sh"
  python3 -c 'import ensurepip, venv' 2>/dev/null || install_missing python3 python3-venv
  if ! python3 -c 'import sys; sys.exit(sys.version_info < (3, 10))'; then
    echo "The test servers need Python 3.10 or later; found: $(python3 --version 2>&1)." >&2
    return 69
  fi
  if [ -n "$(ls -A "$servers" 2>/dev/null)" ] && [ ! -f "$servers/pyvenv.cfg" ]; then
    echo "$servers holds something else; set REKEY_TEST_SERVERS to a folder for the test servers alone." >&2
    return 73
  fi
  echo "Installing the test servers ($(grep -E '^(ministack|moto|boto3)==' "$here/servers.txt" | paste -sd ' ' -)) into $servers"
  rm -f "$servers/installed.txt"
  python3 -m venv --clear "$servers"
  "$servers/bin/pip" install -q --disable-pip-version-check -r "$here/servers.txt"
  cp "$here/servers.txt" "$servers/installed.txt"
}

require_installed() {
  [ -f "$servers/installed.txt" ] || { echo "The test servers are not in $servers; run pipelines/servers.sh" >&2; exit 69; }
}

# launch KIND PORT [FLAGS]   Becomes the server.
launch() {
  local kind=$1 port=$2 program
  shift 2
  # No listener but the one that is asked for, on this machine only.
  local ministack=(BIND_HOST=127.0.0.1 "GATEWAY_PORT=$port" LOG_LEVEL=WARNING IOT_MTLS_ENABLED=0)
  case $kind in
    ministack) exec env "${ministack[@]}" AUTH=false "$servers/bin/ministack" ;;
    ministack-auth) exec env "${ministack[@]}" AUTH=true "$servers/bin/ministack" ;;
    moto) exec "$servers/bin/moto_server" -H 127.0.0.1 -p "$port" ;;
    fault) program=$(fault_server) && exec "$program" --port "$port" ${MINISTACK_ENDPOINT:+--upstream "$MINISTACK_ENDPOINT"} "$@" ;;
  esac
}

# fault_server   The newest built rekey-fault-server.
fault_server() {
  local file newest=""
  local build=${here%/*}/.build
  for file in "${REKEY_FAULT_SERVER:-$build/debug/rekey-fault-server}" "$build/release/rekey-fault-server"; do
    if [ -x "$file" ] && { [ -z "$newest" ] || [ "$file" -nt "$newest" ]; }; then newest=$file; fi
  done
  [ -n "$newest" ] || { echo "rekey-fault-server is not built; run swift build --product rekey-fault-server" >&2; return 69; }
  echo "$newest"
}

# answers KIND PORT   True where an HTTP server answers there.
answers() {
  local line="" path=/_ministack/health
  # One that the faults do not count.
  [ "$1" != fault ] || path=/_fault/counts
  exec 4<>"/dev/tcp/127.0.0.1/$2" || return 1
  printf 'GET %s HTTP/1.0\r\nHost: 127.0.0.1\r\n\r\n' "$path" >&4
  # No line is no answer, which the last test here says.
  read -r -t 5 line <&4 || line=""
  exec 4>&-
  [[ $line == HTTP/1.* ]]
}

# serve KIND FILE [FLAGS]   Runs a server until stdin ends, so that none outlives its user however that one ends.
serve() {
  local kind=$1 file=$2 port server="" log=$2.log
  shift 2
  require_installed
  exec 3<&0
  # It may have ended by itself, and one that was killed ends with the signal's status.
  trap 'kill $server 2>/dev/null && wait $server || true; rm -f "$file" "$log"' EXIT
  trap 'exit 143' HUP INT TERM
  # Between the choice of a port and its use another program may take it.
  for _ in 1 2 3; do
    port=$("$servers/bin/python" -c 'import socket; s = socket.socket(); s.bind(("127.0.0.1", 0)); print(s.getsockname()[1])')
    (launch "$kind" "$port" "$@") </dev/null >"$log" 2>&1 3<&- &
    server=$!
    for _ in {1..600}; do
      if ! kill -0 "$server" 2>/dev/null; then break; fi
      if (answers "$kind" "$port") 2>/dev/null && kill -0 "$server" 2>/dev/null; then
        echo "$port" >"$file.new" && mv "$file.new" "$file"
        cat <&3 >/dev/null &
        # The end of stdin is what is waited for, however `cat` ends.
        wait $! || true
        exit 0
      fi
      sleep 0.05
    done
    # One that could not start has ended already.
    kill "$server" 2>/dev/null || true
    grep -qi 'address already in use\|already in use by' "$log" || break
  done
  echo "$kind did not start; its last words:" >&2
  tail -n 20 "$log" >&2
  exit 70
}

# with KIND [FLAGS] -- COMMAND...
with() {
  local kind=$1 flags=() folder file endpoint name supervisor status=0
  shift
  while [ $# -gt 0 ] && [ "$1" != -- ]; do
    flags+=("$1")
    shift
  done
  [ $# -gt 1 ] || usage
  shift
  require_installed
  folder=$(mktemp -d)
  file=$folder/port
  exec 9> >((serve "$kind" "$file" ${flags[@]+"${flags[@]}"} >&2) || touch "$folder/failed")
  supervisor=$!
  until [ -f "$file" ]; do
    if [ -f "$folder/failed" ]; then
      rm -rf "$folder"
      return 70
    fi
    sleep 0.02
  done
  endpoint=http://127.0.0.1:$(cat "$file")
  case $kind in
    ministack*) name=MINISTACK ;;
    moto) name=MOTO ;;
    fault) name=FAULT ;;
  esac
  local settings=("${name}_ENDPOINT=$endpoint" "AWS_ENDPOINT_URL=$endpoint" "PYTHON=$servers/bin/python")
  # A server in front of another one keeps its account.
  [ "$kind" = fault ] || settings+=(
    "AWS_ACCESS_KEY_ID=$(printf '%04d%04d%04d' $((RANDOM % 9000 + 1000)) $((RANDOM % 10000)) $((RANDOM % 10000)))"
    AWS_SECRET_ACCESS_KEY=test AWS_REGION=us-east-1 AWS_DEFAULT_REGION=us-east-1 AWS_EC2_METADATA_DISABLED=true
    AWS_CONFIG_FILE=/dev/null AWS_SHARED_CREDENTIALS_FILE=/dev/null)
  env -u AWS_PROFILE -u AWS_SESSION_TOKEN "${settings[@]}" "$@" 9>&- || status=$?
  exec 9>&-
  # How the server ends says nothing of the command, whose status is returned.
  wait "$supervisor" 2>/dev/null || true
  rm -rf "$folder"
  return "$status"
}

usage() {
  sed -n '2,/^set /{/^set /d;s/^# \{0,1\}//;p;}' "$0" >&2
  exit 64
}

kind_or_usage() { case ${1:-} in ministack | ministack-auth | moto | fault) ;; *) usage ;; esac; }

case ${1:-install} in
  install) install ;;
  serve) kind_or_usage "${2:-}"; [ $# -ge 3 ] || usage; shift; serve "$@" ;;
  with) kind_or_usage "${2:-}"; shift; with "$@" ;;
  *) usage ;;
esac
