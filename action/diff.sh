#!/usr/bin/env bash
# Say in the job's summary what has become of every spec's plan since BASE.
set -euo pipefail
. "$GITHUB_ACTION_PATH/common.sh"
read_specs

if [[ -z $BASE ]]; then
  echo "there is no base to compare with"
  { echo "changes=false"; echo "diff-file="; } >> "$GITHUB_OUTPUT"
  exit
fi

# A checkout has often the one commit that is built and no other.
if ! base=$(git rev-parse --verify --quiet --end-of-options "$BASE^{commit}"); then
  depth=()
  [[ $(git rev-parse --is-shallow-repository) == false ]] || depth=(--depth=1)
  git fetch --quiet --no-tags "${depth[@]}" --end-of-options origin "$BASE" ||
    fail "git finds no revision \"$BASE\" here, and can't fetch it from origin"
  base=$(git rev-parse --verify 'FETCH_HEAD^{commit}')
fi

changes=false
markdown=$FOLDER/diff.md
for spec in "${specs[@]}"; do
  code=0
  npuspec diff --base "$base" --format markdown --exit-code -- "$spec" > "$FOLDER/one.md" 2> "$FOLDER/log" || code=$?
  shown cat "$FOLDER/log"
  case $code in
    0) ;;
    5) changes=true ;;
    *)
      # A faulty spec at the base is no fault of the change that mends it.
      changes=true
      echo "::warning file=$(escape "$spec"),title=npuspec diff::not compared with the base%3A the log says why"
      name=$(printf %s "$spec" | LC_ALL=C tr -c 'A-Za-z0-9/.-' '?')
      printf '### npuspec: <code>%s</code>\n\n**not compared**: the log says why.\n' "$name" > "$FOLDER/one.md"
      ;;
  esac
  { cat "$FOLDER/one.md"; echo; } >> "$markdown"
done

cat "$markdown" >> "$GITHUB_STEP_SUMMARY"
{ echo "changes=$changes"; echo "diff-file=$markdown"; } >> "$GITHUB_OUTPUT"
