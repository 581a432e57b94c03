#!/usr/bin/env bash
# Write the names of the specs, each ended by NUL, into a folder that the next steps read.
set -euo pipefail
. "$GITHUB_ACTION_PATH/common.sh"

patterns=()
while read -r pattern; do
  [[ -z $pattern ]] || patterns+=(":(glob)$pattern")
done <<< "$SPECS"
(( ${#patterns[@]} )) || fail "the input specs is empty: name a pattern, such as specs/**/*.toml"

folder=$(mktemp -d "$RUNNER_TEMP/npuspec.XXXXXX")
git ls-files -z -- "${patterns[@]}" > "$folder/specs"
[[ -s $folder/specs ]] || fail "git tracks no file that matches the input specs: $SPECS"
echo "folder=$folder" >> "$GITHUB_OUTPUT"
