#!/usr/bin/env bash
# Says whether NEW holds, under new keys, exactly what RULES makes of OLD; prints = - + * per item. Status 76: it does not.
# With --all the items that no rule concerns are compared too, with --gone nothing may stand under old keys in NEW.
#
#   verify.sh OLD NEW RULES [--all] [--gone]
#   verify.sh backups/plan_backup_20261123_211500 dynamodb:algoitny_main plan-structure.yaml
set -euo pipefail

[ $# -ge 3 ] || { echo "usage: $0 OLD NEW RULES [--all] [--gone]" >&2; exit 64; }
exec "${REKEY:-rekey}" verify "$1" "$2" --rules "$3" --diff "${@:4}"
