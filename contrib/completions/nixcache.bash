# bash completion of nixcache and nixcache-agent
# Goes to /usr/share/bash-completion/completions/nixcache (and nixcache-agent).

_nixcache_caches() {
	nixcache status --json 2>/dev/null |
		grep -oE '"name": ?"[^"]*", ?"store"' | cut -d '"' -f 4
}

_nixcache() {
	local word=${COMP_WORDS[COMP_CWORD]} before=${COMP_WORDS[COMP_CWORD - 1]}
	local words=

	case $before in
	-t | --to | --cache) words=$(_nixcache_caches) ;;
	--compression) words='zstd xz none' ;;
	--store)
		mapfile -t COMPREPLY < <(compgen -d -- "$word")
		return
		;;
	-j | --jobs | --max-memory | --level | -e | --expires) return ;;
	nixcache) words='push ls info url status lock unlock --help --version' ;;
	*)
		case ${COMP_WORDS[1]} in
		push)
			if [[ $word != -* ]]; then
				mapfile -t COMPREPLY < <(compgen -f -- "$word")
				return
			fi
			words='--to --store --no-closure --full --stdin --jobs
				--max-memory --compression --level --dry-run
				--json --quiet --help'
			;;
		ls) words='--cache --long --raw --json --help' ;;
		info) words='--cache --no-probe-write --json --help' ;;
		url)
			if [[ $word != -* ]]; then
				mapfile -t COMPREPLY < <(compgen -f -- "$word")
				return
			fi
			words='--cache --expires --narinfo --stdin --json --help'
			;;
		status) words='--json --hardening --help' ;;
		lock | unlock) words='--quiet --help' ;;
		esac
		;;
	esac
	mapfile -t COMPREPLY < <(compgen -W "$words" -- "$word")
}

_nixcache_agent() {
	local word=${COMP_WORDS[COMP_CWORD]} before=${COMP_WORDS[COMP_CWORD - 1]}
	local i

	# After -- it is another command's turn.
	for ((i = 1; i < COMP_CWORD; i++)); do
		if [[ ${COMP_WORDS[i]} == -- ]]; then
			if ((i == COMP_CWORD - 1)); then
				mapfile -t COMPREPLY < <(compgen -c -- "$word")
			else
				mapfile -t COMPREPLY < <(compgen -f -- "$word")
			fi
			return
		fi
	done
	case $before in
	-a | --socket | --config) mapfile -t COMPREPLY < <(compgen -f -- "$word") ;;
	-t | --lifetime | --idle) ;;
	--allow-weak) mapfile -t COMPREPLY < <(compgen -W 'memory namespace
		trace' -- "$word") ;;
	*)
		mapfile -t COMPREPLY < <(compgen -W '--sh --csh --fish --socket
			--foreground --debug --kill --lifetime --idle --config
			--prefetch --allow-weak --quiet --help --version --' -- "$word")
		;;
	esac
}

complete -o filenames -F _nixcache nixcache
complete -o filenames -F _nixcache_agent nixcache-agent
