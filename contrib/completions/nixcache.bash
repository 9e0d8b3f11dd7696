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
	-t | --to | -f | --from | -c | --cache) words=$(_nixcache_caches) ;;
	--file | --netrc | --password-file)
		mapfile -t COMPREPLY < <(compgen -f -- "$word")
		return
		;;
	-u | --url | -k | --public-key) return ;;
	--compression) words='zstd xz none' ;;
	--level) words='auto' ;;
	--allow-user)
		mapfile -t COMPREPLY < <(compgen -u -- "$word")
		return
		;;
	--store)
		mapfile -t COMPREPLY < <(compgen -d -- "$word")
		return
		;;
	--lines | --since | -j | --jobs | --max-memory | --key | -l | --listen | \
		--priority | --op | --vault | --field | -e | --expires) return ;;
	nixcache)
		words='push pull serve use sign verify ls info url keygen
			audit status lock unlock --help --version'
		;;
	*)
		case ${COMP_WORDS[1]} in
		push | sign)
			if [[ $word != -* ]]; then
				mapfile -t COMPREPLY < <(compgen -f -- "$word")
				return
			fi
			;;
		esac
		case ${COMP_WORDS[1]} in
		push)
			words='--to --store --no-closure --full --recheck --stdin --jobs
				--max-memory --compression --level --dry-run
				--json --quiet --help'
			;;
		pull)
			if [[ $word != -* ]]; then
				mapfile -t COMPREPLY < <(compgen -f -- "$word")
				return
			fi
			words='--from --store --no-closure --stdin --jobs
				--dry-run --json --quiet --help'
			;;
		serve)
			words='--listen --cache --allow-push --allow-user
				--password-file --priority --redirect --proxy
				--help'
			;;
		sign)
			words='--cache --key --recursive --store --stdin --json
				--quiet --help'
			;;
		verify)
			if [[ $word != -* ]]; then
				mapfile -t COMPREPLY < <(compgen -f -- "$word")
				return
			fi
			words='--cache --store --all --deep --ignore-missing
				--stdin --json --quiet --help'
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
		keygen) words='--op --vault --field --help' ;;
		audit)
			if [[ $word != -* && $COMP_CWORD -gt 2 ]]; then
				mapfile -t COMPREPLY < <(compgen -f -- "$word")
				return
			fi
			words='verify --follow --lines --since --json --help'
			[[ ${COMP_WORDS[2]} != verify ]] ||
				words='--public-key --json --help'
			;;
		status) words='--json --hardening --help' ;;
		use)
			words="--url --direct --public-key --password-file
				--netrc --file --write --remove --json --quiet
				--help $(_nixcache_caches)"
			;;
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
	--watch) mapfile -t COMPREPLY < <(compgen -W "$(ps -A -o pid=)" -- "$word") ;;
	--scope) mapfile -t COMPREPLY < <(compgen -W 'owner push pull' -- "$word") ;;
	--allow-weak) mapfile -t COMPREPLY < <(compgen -W 'memory namespace
		trace confinement' -- "$word") ;;
	*)
		mapfile -t COMPREPLY < <(compgen -W '--sh --csh --fish --socket
			--foreground --debug --kill --lifetime --idle --config
			--prefetch --scope --confine --watch --allow-weak --quiet
			--help --version --' -- "$word")
		;;
	esac
}

complete -o filenames -F _nixcache nixcache
complete -o filenames -F _nixcache_agent nixcache-agent
