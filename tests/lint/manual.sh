#!/bin/bash
# manual.sh - the man pages are well formed, and --help says the same options
#
# usage: manual.sh [BUILD-FOLDER]
# needs: build
set -uo pipefail
cd "$(dirname "$0")/../.." || exit
. tests/lib/tap.sh
build=${1:-build}

# --help itself stands once in a page, and in each help.
but_help() {
	grep -vx -e -- -e -h -e --help | sort -u
}

# The options that a page's list items describe below one heading (.Sh or
# .Ss), one a line: -q, --json.
page_options() {
	awk -v heading="$2" '
		/^\.S[hs] / {
			title = $0
			sub(/^\.S[hs] /, "", title)
			inside = title == heading
		}
		inside && /^\.It Fl/ {
			for (i = 2; i < NF; i++)
				if ($i == "Fl") {
					option = $(i + 1)
					sub(/,$/, "", option)
					print "-" option
				}
		}' "$1" | but_help
}

# What --help lists: a line that begins with an option, before its words.
help_options() {
	"$@" --help 2>&1 | sed -n 's/^ *\(-.*\)$/\1/p' | sed 's/  .*//' |
		grep -oE -- '(^|[ ,|[])-{1,2}[A-Za-z][A-Za-z-]*' |
		sed 's/^[^-]*//' | but_help
}

same_options() {
	local page=$1 heading=$2
	shift 2
	diff <(page_options "$page" "$heading") <(help_options "$@") ||
		{ echo "(< the man page, > --help)"; return 1; }
}

help_fits() {
	local text
	text=$("$@" --help) || return
	[[ $text ]] && ! awk 'length > 80 { print; bad = 1 } END { exit !bad }' \
		<<<"$text"
}

held_against_help() {
	local page=$1 heading=$2
	shift 2
	if [[ -x $1 ]]; then
		check "$(basename "$*") --help and its man page list the same options" \
			same_options "$page" "$heading" "$@"
		check "$(basename "$*") --help fits into 80 columns" help_fits "$@"
	else
		skip "$(basename "$*") --help and its man page" 'not built'
		skip "$(basename "$*") --help fits into 80 columns" 'not built'
	fi
}

agent=$build/agent/nixcache-agent client=$build/client/nixcache

for page in agent/nixcache-agent.1 client/nixcache.1; do
	check "$page has no finding" mandoc -Tlint -W warning "$page"
done
held_against_help agent/nixcache-agent.1 OPTIONS "$agent"
for command in push pull serve use sign verify ls info url keygen \
	audit status lock unlock; do
	held_against_help client/nixcache.1 "$command" "$client" "$command"
done
held_against_help client/nixcache.1 'audit verify' "$client" audit verify
held_against_help client/nixcache.1 OPTIONS "$client"
tap_end
