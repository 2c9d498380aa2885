#!/bin/sh
# expect_status.sh N COMMAND...: runs the command, and succeeds when its exit status is N.
wanted=$1
shift
"$@"
status=$?
if [ "$status" != "$wanted" ]; then
  echo "exit status $status, expected $wanted: $*" >&2
  exit 1
fi
