#!/bin/bash
# sign.sh - signatures from the agent, on paths of the store, as stock Nix
# checks them
#
# usage: sign.sh [BUILD-FOLDER]
. "$(dirname "$0")/../lib/flow.sh"
flow_begin "$@"

flow_clean_up() {
	[[ ! ${daemon:-} ]] || kill "$daemon" 2>/dev/null
}

key_make one-1
one_public=$key_public
agent_config "$(agent_file_cache main "$W/cache")"
agent_start
top=$(nix_make_closure 6) || exit
count=$(nix_paths "$top" | wc -l)
lone=$(nix_paths "$top" | head -n 1)

sign() {
	"$client" sign --store "$nix_root" "$@"
}

# How many paths of top's closure stock Nix finds signed by that key.
signed_by() {
	(
		nix_configure "trusted-public-keys = $1"
		for path in $(nix_paths "$top"); do
			nix store verify --store "$nix_root" --no-contents \
				--sigs-needed 1 "$path" 2>/dev/null && echo yes
		done | grep -c yes
	)
}

sigs_of() {
	nix path-info --store "$nix_root" --sigs "$1"
}

check_status 'one path is signed' 0 sign "$lone"
check_says 'and counted' '^1 signed, 0 had the signature, 0 failed'
check 'stock Nix shows the signature' grep -q ' one-1:' <(sigs_of "$lone")
check_same 'it holds, and only that path has one' 1 "$(signed_by "$one_public")"
check_status 'the closure follows with -r' 0 sign -r "$top"
check_says 'and what was signed is only counted' \
	"^$((count - 1)) signed, 1 had the signature, 0 failed"
check_same 'all of them hold' "$count" "$(signed_by "$one_public")"
served=$(status_field signatures)
check 'a second time succeeds' sign -q -r "$top"
check_same 'and says nothing' '' "$tap_out"
check_same 'nor asks the agent for signatures' "$served" \
	"$(status_field signatures)"
check 'a store that wants signatures takes the closure' nix_pull \
	"$nix_root" "$top" "$one_public"

# A second key, and a forgery that bears its name.
key_make two-1
two_public=$key_public
sed -i "s|^signing-key.*|&\nsigning-key = file:$key_file|
	s|^public-key.*|&\npublic-key = $key_public|" "$agent_conf"
agent_stop
agent_start
forged=$(nix_key two-1)
nix store sign --store "$nix_root" --key-file <(printf %s "$forged") "$lone"
check_status 'only the key that is named signs' 0 \
	sign --key two-1 --json "$lone" "$top"
check_says 'with one object an event' '"event":"signed".*"signatures":\["two-1:'
check_says 'and a sum at the end' \
	'"event":"end","signed":2,"present":0,"failed":0'
check_same 'a forged signature was not taken for one' 2 \
	"$(signed_by "$two_public")"
check_same 'nor replaced' 3 "$(sigs_of "$lone" | grep -oE '(one|two)-1:' | wc -l)"
check_status 'a key that the cache lacks is an error' 1 sign --key three-1 "$lone"
check_says 'which names those it has' 'no key three-1; it has one-1, two-1'
check_status 'without --key all keys sign' 0 sign -r "$top"
check_says 'those paths that lack one' "^$((count - 2)) signed, 2 had"
check_same 'and all hold' "$count" "$(signed_by "$two_public")"

# Where no public key is configured, it is known once the secrets are there.
sed -i '/^public-key/d' "$agent_conf"
agent_stop
agent_start
check_same 'an agent that does not know its keys is asked to fetch them' locked \
	"$(agent_state)"
check 'and what was signed is still known' grep -q '"signed":0,"present":2,' \
	<(sign --json "$lone" "$top")

# What fails is named, and the rest is done.
fresh=$(nix_seed=1 nix_make_closure 2)
gone=/nix/store/00000000000000000000000000000000-gone
check_status 'a path that is not there fails' 1 \
	sign "$gone" /etc/passwd "$fresh"
check_says 'is named' "$gone: not a valid path"
check_says '... also one outside of the store' '/etc/passwd: not in the Nix store'
check_says 'and the others are signed' '^1 signed, 0 had the signature, 2 failed'
check 'from standard input too' grep -q '"signed":[1-9]' \
	<(nix_paths "$fresh" | sign --stdin --json)
check_status 'nothing to do is no error' 0 sign --stdin </dev/null
check_status 'no path at all is wrong usage' 64 sign
check_status 'an unknown cache fails' 1 sign --cache nobody "$lone"
check_status 'so does a store that is not there' 1 \
	"$client" sign --store "$W/nowhere" "$lone"

# A daemon of before Nix 2.17 lets only trusted users sign.
more=$(nix_seed=2 nix_make_closure 1)
NIX_DAEMON_SOCKET_PATH=$W/d.sock nix-daemon --store "$nix_root" \
	--option trusted-users nobody-at-all 2>/dev/null &
daemon=$!
wait_for 10 test -S "$W/d.sock"
if [[ $(nix --version) =~ \ 2\.([0-9]|1[0-6])\. ]]; then
	check_status 'an old daemon refuses those whom it does not trust' 1 \
		"$client" sign --store "unix://$W/d.sock" "$more"
	check_says 'in a sentence that says what to do' 'trusted-users'
else
	skip 'an old daemon refuses those whom it does not trust' 'Nix is newer'
fi
agent_stop
check_status 'without an agent nothing is signed' 2 sign "$more"
check_fails 'and nothing was' grep -q ' one-1:' <(sigs_of "$more")
tap_end
