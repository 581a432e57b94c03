#!/usr/bin/env bash
# Mark the faults of all specs in the pull request.
set -euo pipefail
. "$GITHUB_ACTION_PATH/common.sh"
read_specs

code=0
npuspec check --format github -- "${specs[@]}" || code=$?
if [[ -n $SARIF ]]; then
  # With faults this ends as the first one did, and the log is written.
  npuspec check --format sarif -- "${specs[@]}" > "$SARIF" || (( $? == code ))
fi
exit "$code"
