#!/bin/bash
# use.sh - Nix heeds what use puts into nix.conf, and all that was there before
#
# usage: use.sh [BUILD-FOLDER]
# needs: newer-nix
. "$(dirname "$0")/../lib/flow.sh"
flow_begin "$@"
mkdir "$W/cache" "$W/other"
key_make use-1
main=$key_public
main_cache=$(agent_file_cache main "$W/cache")
key_make use-2
other=$key_public
other_cache=$(agent_file_cache other "$W/other")
serve=http://127.0.0.1:7757

# Nix as it finds its files itself: nothing of ours in NIX_CONFIG.
unset NIX_CONFIG NIX_USER_CONF_FILES
export NIX_CONF_DIR=$W/etc XDG_CONFIG_DIRS=$W/none
mkdir "$W/etc"
if ((EUID == 0)); then
	conf=$W/etc/nix.conf
else
	conf=$XDG_CONFIG_HOME/nix/nix.conf
	mkdir "${conf%/*}"
fi

# settings [NAME]: one a line, as Nix sees them.
settings() {
	nix --extra-experimental-features nix-command show-config 2>"$W/err" |
		grep -E "^${1:-[a-z]}" | grep -v '^experimental-features'
}

# said SETTING WORD: Nix takes the word as one of that setting.
said() {
	[[ " $(settings "$1 =") " == *" $2 "* ]]
}

others() {
	settings | grep -vE '^(substituters|trusted-public-keys|netrc-file) ='
}

# Every word that was there before is there, and ours.
heeds() {
	local name words word
	said substituters "$serve" && said trusted-public-keys "$main" ||
		{ settings; cat "$W/err" "$conf"; return 1; }
	for name in substituters trusted-public-keys; do
		words=$(sed -n "s/^$name = //p" <<<"$before")
		for word in $words; do
			said "$name" "$word" || { echo "no $word"; return 1; }
		done
	done
	diff <(grep -vE '^(substituters|trusted-public-keys) =' <<<"$before" |
		grep -v ^netrc-file) <(others)
}

use() {
	"$client" use "$@"
}

# judge WHAT TEXT: put in, put in again, looked at by Nix, taken out.
judge() {
	local what=$1
	printf '%b' "$2" >"$conf"
	cp "$conf" "$W/before"
	before=$(settings)
	check "$what: it is put in" use --write
	cp "$conf" "$W/once"
	check "$what: and again" use --write
	check "$what: which changes nothing" cmp "$W/once" "$conf"
	check "$what: Nix heeds it and the rest" heeds
	if [[ $newer_nix_bin ]]; then
		before=$(cp "$W/before" "$conf"; newer_nix settings)
		cp "$W/once" "$conf"
		check "$what: so does Nix $newer_nix_version" newer_nix heeds
	else
		skip "$what: so does the newer Nix" "$newer_nix_why"
	fi
	check "$what: it is taken out" use --remove
	check "$what: to the byte" cmp "$W/before" "$conf"
}

newer_nix_begin
agent_config "$main_cache"
agent_start

check 'without --write it is printed' use
check_says 'the substituter' "^extra-substituters = $serve "
check_says 'the key' "^extra-trusted-public-keys = ${main//+/.} "
check 'and no file is made' test ! -e "$conf"

judge 'an empty file' ''
judge 'other settings' 'max-jobs = 3\n# mine\nsubstituters = https://a.example\n'
judge 'no newline at the end' 'trusted-public-keys = k-1:AAAA\nmax-jobs = 3'
judge 'CRLF' 'max-jobs = 3\r\nextra-substituters = https://a.example\r\n'
printf 'substituters = https://b.example\n' >"${conf%/*}/more.conf"
judge 'an include' 'include more.conf\n!include nowhere.conf\n'

rm "$conf"
check 'a file that is not there is made' use --write --json
check_says 'and the JSON says so' '"changed":true'
check_same 'readable by all' 644 "$(stat -c %a "$conf")"
check 'JSON again' use --write --json
check_says 'says that nothing changed' '"changed":false'
check 'the lines go with their label' use --remove main
check_same 'and nothing is left' '' "$(cat "$conf")"
check 'another label is not there' use --remove other
check_says 'which is no failure' 'nothing to change'

# Links, modes and owners.
mkdir "$W/dots"
printf 'max-jobs = 2\n' >"$W/dots/nix.conf"
chmod 640 "$W/dots/nix.conf"
((EUID != 0)) || chown 1:2 "$W/dots/nix.conf"
owner=$(stat -c '%u:%g %a' "$W/dots/nix.conf")
ln -sf "$W/dots/nix.conf" "$conf"
check 'behind a link it is put in' use --write
check 'the link stays' test -L "$conf"
check 'and leads to it' grep -q "$serve" "$W/dots/nix.conf"
check_same 'mode and owner stay' "$owner" \
	"$(stat -c '%u:%g %a' "$W/dots/nix.conf")"
check_same 'nothing lies beside it' nix.conf "$(ls -A "$W/dots")"

# NixOS: the file is a link into the store.
mkdir -p "$W/store/abc-etc"
printf 'max-jobs = 2\n' >"$W/store/abc-etc/nix.conf"
ln -sf "$W/store/abc-etc/nix.conf" "$conf"
NIX_STORE_DIR=$W/store check_status 'a generated file is left alone' 1 \
	use --write
check_says 'with what to put into its source' \
	"nix.settings.extra-substituters = \[ \"$serve\" \];"
check_same 'unchanged' 'max-jobs = 2' "$(cat "$conf")"
rm "$conf"

# What would not be in effect is said.
NIX_CONFIG='substituters = https://c.example' check 'put in, but hidden' \
	use --write
check_says 'which is said' 'not in effect'
printf 'what is this\n' >"$conf"
check_status 'a file that Nix refuses is not touched' 1 use --write
check_says 'and its line named' "nix.conf: line 1"
rm "$conf"

# The password of serve.
secret_file "$W/password" 's3cret-word'
printf 'default login x password y\n' >"${conf%/*}/netrc"
chmod 600 "${conf%/*}/netrc"
check 'a password is put in' use --write --password-file "$W/password"
check_same 'as the first line of the netrc' \
	'machine 127.0.0.1 login nixcache password s3cret-word' \
	"$(head -n 1 "${conf%/*}/netrc")"
check_fails 'and not into nix.conf' grep -q s3cret "$conf"
check 'where Nix looks' said netrc-file "${conf%/*}/netrc"
check 'without --write' use --password-file "$W/password"
check_fails 'it is not printed' grep -q s3cret <<<"$tap_out"
check 'all is taken out' use --remove
check_same 'the password too' 'default login x password y' \
	"$(cat "${conf%/*}/netrc")"
printf 'machine 127.0.0.1 login x password y\n' >"${conf%/*}/netrc"
check_status 'an entry of somebody else is not hidden' 1 \
	use --write --password-file "$W/password"
check_says 'but named' '127.0.0.1 has an entry'
check_fails 'and nothing was put in' grep -q nixcache "${conf%/*}/netrc" "$conf"
chmod 644 "$W/password"
check_status 'a password that others may read is refused' 1 \
	use --write --password-file "$W/password"
rm -f "${conf%/*}/netrc" "$conf"

# By hand, without an agent.
agent_stop
check_status 'without an agent nothing is known' 2 use
check 'but a URL and a key are enough' \
	use --write --url https://cache.example/x --public-key "$main" theirs
check 'for Nix' said substituters https://cache.example/x
check_status 'a key that is none' 64 use --url http://h --public-key nonsense
check_status 'a URL with a space' 64 use --url 'http://h x' -k "$main"
check_status 'two contrary wishes' 64 use --write --remove
check 'taken out by its label' use --remove theirs
check_same 'all of it' '' "$(cat "$conf")"

# Several caches.
agent_config "$main_cache" "$other_cache"
agent_start
check 'of several caches all are meant' use
check_says 'by one URL' "^extra-substituters = $serve #"
check_says 'with all keys' "= ${main//+/.} ${other//+/.} #"
check 'or one' use --write other
check_same 'below its name' "extra-substituters = $serve/other # nixcache use other
extra-trusted-public-keys = $other # nixcache use other" "$(cat "$conf")"
check 'beside the first' use --write main
check 'Nix knows both' said substituters "$serve/main"
check 'the one goes' use --remove other
check_fails 'alone' said substituters "$serve/other"
check 'the other stays' said substituters "$serve/main"
check 'the folder itself' use --direct main
check_says 'by its URL' "^extra-substituters = file://$W/cache #"
check_status 'a cache that is none' 1 use nonsense
tap_end
