# pull.sh - pulls into a store of their own, with Nix as the judge
#
#	fresh                        the store $pulled is new and empty
#	pull ARGUMENT...             nixcache pull into it
#	pull_list LINES              likewise, from standard input
#	valid PATH                   the store has it
#	whole TOP [OPTION...]        contents and signatures of its closure
#	leaf_of TOP                  a path that refers to no other

fresh() {
	pulled=$nix_work/pulled/root
	if [[ -e $nix_work/pulled ]]; then
		chmod -R u+w "$nix_work/pulled" && rm -rf "$nix_work/pulled" ||
			return
	fi
	mkdir -p "${pulled:?}"
}

pull() {
	"$client" pull --store "${pulled:?}" "$@"
}

pull_list() {
	"$client" pull --store "${pulled:?}" --from main --stdin --no-closure <<<"$1"
}

valid() {
	nix-store --store "${pulled:?}" --check-validity "$@"
}

whole() {
	local top=$1
	shift
	(($#)) || set -- --sigs-needed 1
	(
		nix_configure "trusted-public-keys = ${key_public:-}"
		nix store verify --store "${pulled:?}" -r "$@" "$top"
	)
}

leaf_of() {
	local path
	while read -r path; do
		[[ $(nix-store --store "$nix_root" -q --references "$path" |
			grep -vxc "$path") != 0 ]] || { echo "$path"; return; }
	done < <(nix_paths "$1")
	return 1
}
