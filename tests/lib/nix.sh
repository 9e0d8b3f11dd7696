# nix.sh - a private Nix store, real paths in it, and stock Nix as the judge
#
#	nix_begin FOLDER             nix_root is then a store of our own
#	nix_make_closure 10 [MIB]    prints the top path; needs no network
#	nix_make_texts 300           likewise, small files and no building
#	nix_paths TOP                its closure, one a line
#	nix_facts PATH...            hash, size and references of each
#	nix_pull URL TOP KEY...      fetches it into a fresh store and verifies it
#	nix_public_key SECRET        of a secret key from nix_key NAME
#
# They run the Nix that comes first in PATH; with another one:
#	newer_nix nix_pull URL TOP KEY...      see newer_nix.sh
#
# A chroot store keeps its files below nix_root and calls them /nix/store/...:
# no root, no daemon, no /nix on this machine.

nix_lib=$(cd "$(dirname "${BASH_SOURCE[0]}")" && pwd)

nix_begin() {
	mkdir -p "$1/cache" || return
	nix_work=$1 nix_root=$1/root
	export XDG_CACHE_HOME=$1/cache
	nix_configure
}

# Nothing of the machine's configuration counts, and nobody is asked for
# substitutes; builds see the machine's tools.
nix_configure() {
	export NIX_CONF_DIR=$nix_work/conf NIX_USER_CONF_FILES=
	export NIX_CONFIG="experimental-features = nix-command
substituters =
sandbox = true
sandbox-fallback = false
sandbox-paths = /bin? /usr /lib? /lib64?
build-users-group =
max-jobs = 2
$*"
}

# Nix's sandbox wants namespaces, which some containers do not give.
nix_can_build() {
	unshare --user --mount true 2>/dev/null ||
		unshare --mount true 2>/dev/null
}

nix_make_closure() {
	local count=$1 mib=${2:-0} built=true log=$nix_work/build.log
	if ! nix_can_build; then
		built=false
		((mib == 0)) || return
	fi
	if [[ $built == true ]]; then
		nix-build "$nix_lib/closure.nix" --store "$nix_root" --no-out-link \
			--arg n "$count" --arg bigMiB "$mib" \
			--argstr seed "${nix_seed:-0}" 2>"$log"
	else
		nix_make_texts "$count" 2>"$log"
	fi || { cat "$log" >&2; return 1; }
}

# The same without building anything: hundreds in a second.
nix_make_texts() {
	nix-instantiate --eval --json "$nix_lib/closure.nix" \
		--store "$nix_root" --read-write-mode --arg n "$1" \
		--argstr seed "${nix_seed:-0}" --arg isBuilt false |
		tr -d '"' && nix_forget_addresses
}

# A text's name follows from its content, so that it needs no signature and is
# no use where signatures are judged.  A dump of the database has no content
# addresses: loaded again, the paths are as if they had been built.
nix_forget_addresses() {
	nix-store --store "$nix_root" --dump-db >"$nix_work/db" &&
		nix-store --store "$nix_root" --load-db <"$nix_work/db"
}

nix_paths() {
	nix-store --store "$nix_root" -qR "$1"
}

# The file that a store path is on disk.
nix_file() {
	echo "$nix_root$1"
}

nix_key() {
	nix key generate-secret --key-name "$1"
}

nix_public_key() {
	nix key convert-secret-to-public <<<"$1"
}

# Fetches with signatures required, into a store that is new each time, and
# then lets Nix check contents and signatures.
nix_pull() {
	local url=$1 top=$2
	shift 2
	if [[ -e $nix_work/pulled ]]; then
		chmod -R u+w "$nix_work/pulled" && rm -rf "$nix_work/pulled" ||
			return
	fi
	mkdir "$nix_work/pulled" || return
	(
		# What Nix remembers of an earlier look would be no judgement.
		XDG_CACHE_HOME=$nix_work/pulled/cache
		nix_configure "trusted-public-keys = $*
require-sigs = true"
		nix copy --from "$url" --to "$nix_work/pulled/root" "$top" &&
			nix store verify --store "$nix_work/pulled/root" -r \
				--sigs-needed 1 "$top"
	)
}

# The same bytes in both stores, after nix_pull.
nix_pulled_same() {
	local path
	while read -r path; do
		cmp <(nix-store --store "$nix_root" --dump "$nix_root$path") \
			<(nix-store --store "$nix_work/pulled/root" \
				--dump "$nix_work/pulled/root$path") || return
	done < <(nix_paths "$1")
}

# What a store says of paths, a line each: path, hash, size and references, with
# tabs between them.
nix_facts() {
	local path
	for path; do
		printf '%s\t%s\t%s\t%s\n' "$path" \
			"$(nix-store --store "$nix_root" -q --hash "$path")" \
			"$(nix-store --store "$nix_root" -q --size "$path")" \
			"$(nix-store --store "$nix_root" -q --references "$path" |
				tr '\n' ' ')"
	done
}
