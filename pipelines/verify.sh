#!/usr/bin/env bash
# Says whether NEW holds exactly what RULES makes of OLD; prints = - + * per item that moved. Status 76: it does not.
#
#   verify.sh OLD NEW RULES
#   verify.sh backups/plan_backup_20261123_211500 dynamodb:algoitny_main plan-structure.yaml
set -euo pipefail

[ $# -eq 3 ] || { echo "usage: $0 OLD NEW RULES" >&2; exit 64; }
exec "${REKEY:-rekey}" verify "$1" "$2" --rules "$3" --diff
