# shellcheck shell=bash
# Taken in by the cases pipe-cut-…, with $signal set.
. "$CASES/helpers.sh"
# Each stage of each script is killed in the middle. The script must fail, say how to go on, leave nothing that looks whole
# and no temporary file; the same command again must end as if nobody had disturbed it.
plans() { for id in $(seq "$1" "$2"); do plan "$id" "Plan $id"; done; }
plans 1 600 > items.ndjson
sample old.db
rekey transform items.ndjson --rules "$RULES" --quiet > moved.ndjson
moved=$(digest moved.ndjson) old=$(digest local:old.db)
rekey snapshot create local:old.db saved --quiet > /dev/null

# In place of rekey: the stage CUT_STAGE gets half of its input, then nothing, and CUT_SIGNAL once it waits for more. A stage that
# reads no stream gets the signal as it begins. The stage before or after is the real one.
cat > cut <<'CUT'
#!/usr/bin/env bash
words="$1 $2"
case $words in "$CUT_STAGE"*) ;; *) exec "$REKEY_WHOLE" "$@" ;; esac
me=$$
asleep() { [ ! -e /proc/$me ] || [ "$(awk '/^State/ {print $2}' /proc/$me/status)" = S ]; }
strike() { touch "$CUT_DONE"; kill "-$CUT_SIGNAL" "$me"; }
case $CUT_STAGE in
  # Its pipe is held open by the writer in front of it, which has no more to give for now.
  extract | "snapshot create") (until asleep && sleep 0.3 && asleep; do sleep 0.02; done; strike) & exec "$REKEY_WHOLE" "$@" ;;
  transform | load | "digest -")
    # The stage before it must see that nobody reads any more.
    exec 3< <(head -n 300; echo "$BASHPID" > "$CUT_DONE.writer"; exec sleep 60 <&-)
    (until asleep && sleep 0.3 && asleep; do sleep 0.02; done; strike) 3<&- &
    exec "$REKEY_WHOLE" "$@" <&3 3<&-
    ;;
  *) (strike) & exec "$REKEY_WHOLE" "$@" ;;
esac
CUT
chmod +x cut
export REKEY_WHOLE=$REKEY CUT_DONE=$PWD/done

# half   Half of the items into a FIFO, which is then held open, so that its reader waits in the middle.
half() {
  rm -f in.ndjson
  mkfifo in.ndjson
  (head -n 300 items.ndjson; exec sleep 60) > in.ndjson &
  feeder=$!
}

# cut STAGE SIGNAL COMMAND...   Prints the status of the cut command, and what it said of how to go on.
cut() {
  rm -f done
  CUT_STAGE=$1 CUT_SIGNAL=$2 REKEY=$PWD/cut "${@:3}" > said 2>&1
  local status=$?
  [ -e done ] || echo "$1 was not cut"
  kill $feeder $(cat done.writer 2> /dev/null) 2> /dev/null
  rm -f done.writer
  echo "$(basename "$3"), $1, $2: $status; $(grep -o 'stopped with status.*' said | sed -E 's/[0-9]{8}_[0-9]{6}/STAMP/')"
  [ -z "$(ls -A "$TMPDIR")" ] || echo "left in TMPDIR: $(ls -A "$TMPDIR")"
}

# What bash says of killed processes has their numbers.
exec 2> /dev/null
for stage in "rules check" extract transform load; do
  rm -f t.db*
  from=items.ndjson
  if [ "$stage" = extract ]; then half; from=in.ndjson; fi
  cut "$stage" $signal "$PIPELINES/extract-transform-load.sh" "$from" "$RULES" local:t.db --execute
  # Nothing is loaded before the whole stream is there; a load that is cut leaves none or some, never other items.
  [ ! -e t.db ] || [ "$stage" = load ] || echo "there is a table"
  "$PIPELINES/extract-transform-load.sh" items.ndjson "$RULES" local:t.db --execute > /dev/null 2>&1
  [ "$(digest local:t.db)" = "$moved" ] || echo "another end than an undisturbed one"
done
for stage in "snapshot create" "snapshot check" "snapshot prune"; do
  rm -rf backups
  from=items.ndjson
  if [ "$stage" = "snapshot create" ]; then half; from=in.ndjson; fi
  cut "$stage" $signal "$PIPELINES/backup.sh" "$from" backups
  # A snapshot that has its name is whole.
  for name in backups/*; do [ ! -e "$name" ] || rekey snapshot check "$name" --read-data > /dev/null || echo "$name is not whole"; done
  [ "$signal" = KILL ] || [ -z "$(find backups -name '.*partial*')" ] || echo "a partial snapshot stays"
done
for stage in "snapshot check" restore "digest -"; do
  rm -f new.db*
  cut "$stage" $signal "$PIPELINES/restore.sh" saved local:new.db --execute
  "$PIPELINES/restore.sh" saved local:new.db --execute > /dev/null 2>&1
  [ "$(digest local:new.db)" = "$old" ] || echo "another end than an undisturbed one"
done
cut verify $signal "$PIPELINES/verify.sh" items.ndjson local:t.db "$RULES"
# A kill in the first moments of a table leaves the file it was being made in; another signal leaves nothing.
ls -A | grep -v "$([ $signal = KILL ] && echo 't.db\..*\.new\|new.db\..*\.new' || echo NOTHING)"
