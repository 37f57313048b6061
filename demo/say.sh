# What the demo prints: chapters, steps with their times, and failures with what was expected.
# shellcheck shell=bash

failures=0
steps=0
if [ -t 1 ]; then bold=$'\e[1m' red=$'\e[31m' green=$'\e[32m' soft=$'\e[2m' plain=$'\e[0m'; else bold='' red='' green='' soft='' plain=''; fi

chapter() { printf '\n%s%s%s\n' "$bold" "$1" "$plain"; }
progress() { printf '%s  %s%s\n' "$soft" "$1" "$plain"; }

now_ms() { date +%s%3N; }

# passed WHAT [DETAIL]
passed() {
  steps=$((steps + 1))
  printf '  %s✓%s %s%s\n' "$green" "$plain" "$1" "${2:+ $soft– $2$plain}"
}

# failed WHAT EXPECTED SEEN
failed() {
  steps=$((steps + 1))
  failures=$((failures + 1))
  printf '  %s✗ %s%s\n      expected: %s\n      seen:     %s\n' "$red" "$1" "$plain" "$2" "$(printf '%s' "$3" | head -c 600 | tr '\n' ' ')"
}

# expect WHAT PATTERN COMMAND...: the command's output must match the pattern.
expect() {
  local what=$1 pattern=$2 output start
  shift 2
  start=$(now_ms)
  output=$("$@" 2>&1) || true
  if printf '%s' "$output" | grep -Eq -- "$pattern"; then
    passed "$what" "$(($(now_ms) - start)) ms"
  else
    failed "$what" "output matching /$pattern/" "$output"
  fi
}

# until_matches WHAT PATTERN SECONDS COMMAND...: waits for it and tells how long it took.
until_matches() {
  local what=$1 pattern=$2 seconds=$3 output start
  shift 3
  start=$(now_ms)
  while :; do
    output=$("$@" 2>&1) || true
    if printf '%s' "$output" | grep -Eq -- "$pattern"; then
      took=$(($(now_ms) - start))
      passed "$what" "after $took ms"
      return
    fi
    if [ $(($(now_ms) - start)) -gt $((seconds * 1000)) ]; then
      failed "$what" "output matching /$pattern/ within $seconds s" "$output"
      return
    fi
    sleep 0.01
  done
}
