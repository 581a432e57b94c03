# shellcheck shell=bash
# What the steps share. A spec may have any name, and what it says may come from a stranger.

# Say what ends a step, and end it.
fail() {
  echo "::error title=npuspec::$(escape "$1")"
  exit 2
}

# Escape a text for a workflow command, as a message or as the value of a property.
escape() {
  local text=$1
  text=${text//'%'/%25}
  text=${text//$'\r'/%0D}
  text=${text//$'\n'/%0A}
  text=${text//:/%3A}
  printf %s "${text//,/%2C}"
}

# Run a command whose output is shown as it is: a line of it that looks like a workflow command is none.
shown() {
  local token code=0
  token=$(od -An -N16 -tx1 /dev/urandom | tr -d ' \n')
  echo "::stop-commands::$token"
  "$@" 2>&1 || code=$?
  printf '\n::%s::\n' "$token"
  return "$code"
}

# Set `specs` to the names that find.sh found.
read_specs() {
  specs=()
  local spec
  while IFS= read -r -d '' spec; do
    specs+=("$spec")
  done < "$FOLDER/specs"
}
