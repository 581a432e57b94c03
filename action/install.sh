#!/usr/bin/env bash
# Install this checkout of npuspec, unless an earlier step of the job has installed one: that is then the one to use.
set -euo pipefail
. "$GITHUB_ACTION_PATH/common.sh"

if command -v npuspec > /dev/null; then
  npuspec --version
  exit
fi
command -v cargo > /dev/null || fail "npuspec is built with Rust, and there is no cargo: install Rust in an earlier step"

# A virtual environment: the system's Python may refuse packages, and the job's own is left as it is.
# -I: files of the pull request, in the current folder, are no modules of Python's.
venv=$RUNNER_TEMP/npuspec-venv
python3 -I -m venv "$venv"
# A lock names the versions of what calibrates too.
[[ $LOCKED == true ]] && extra='[quantize]' || extra=
"$venv/bin/pip" install --quiet --disable-pip-version-check "$GITHUB_ACTION_PATH/..$extra"
"$venv/bin/npuspec" --version

mkdir "$venv/only"
ln -s ../bin/npuspec "$venv/only/npuspec"
echo "$venv/only" >> "$GITHUB_PATH"
