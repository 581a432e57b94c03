#!/usr/bin/env bash
# Lower every spec to its plan, and with LOCKED hold it against its lock.
set -euo pipefail
. "$GITHUB_ACTION_PATH/common.sh"
read_specs

case $LOCKED in
  true) options=(--locked) ;;
  false) options=() ;;
  *) fail "the input locked is \"true\" or \"false\", not: $LOCKED" ;;
esac

failed=0
for spec in "${specs[@]}"; do
  shown npuspec plan "${options[@]}" -- "$spec" && continue
  failed=1
  # The model is here by now, and what only it shows gets its place in the spec.
  npuspec check --format github -- "$spec" || continue
  echo "::error file=$(escape "$spec"),title=npuspec plan::there is no plan, or not the locked one%3A the log says why"
done
exit "$failed"
