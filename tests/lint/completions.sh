#!/bin/bash
# completions.sh - the completions can be read, and know every option
set -uo pipefail
cd "$(dirname "$0")/../.." || exit
. tests/lib/tap.sh
folder=contrib/completions

# Every option of both man pages, as -x or --long.
options() {
	sed -n '/^\.It Fl/s/^\.It //p' agent/nixcache-agent.1 client/nixcache.1 |
		grep -oE 'Fl -?[A-Za-z][A-Za-z-]*' | sed 's/^Fl /-/' | sort -u
}

# How a shell's completion writes an option.
written_for() {
	case $1:$2 in
	fish:--*) echo "-l ${2#--}" ;;
	fish:*) echo "-s ${2#-}" ;;
	*) echo "$2" ;;
	esac
}

knows_all() {
	local option status=0
	while read -r option; do
		# For bash the long names are enough.
		[[ $1 == bash && $option == -[a-zA-Z] ]] && continue
		if ! grep -qE -- "(^|[^-a-z])$(written_for "$1" "$option")([^-a-zA-Z]|\$)" \
			"$2"; then
			echo "$2: no $option"
			status=1
		fi
	done < <(options)
	return $status
}

check 'bash can read its completion' bash -n $folder/nixcache.bash
check 'zsh can read its own' zsh -n $folder/_nixcache
check 'fish can read its own' fish -n $folder/nixcache.fish
check 'the completion for bash knows every option' \
	knows_all bash $folder/nixcache.bash
check 'the one for zsh' knows_all zsh $folder/_nixcache
check 'the one for fish' knows_all fish $folder/nixcache.fish
tap_end
