#!/bin/bash
# serve.sh - stock Nix substitutes from the server, by redirect and by proxy
#
# usage: serve.sh [BUILD-FOLDER]
# needs: s3
# needs: newer-nix
# timeout: 300
. "$(dirname "$0")/../lib/flow.sh"
. "$(dirname "$0")/../lib/serve.sh"
flow_begin "$@"
flow_s3 serve
flow_clean_up() {
	serve_stop
}

# Fetches the secret only when it may.
secret_later() {
	cat >"$W/h/bin/later" <<-END
	#!/bin/sh
	while [ ! -e '$W/go-on' ]; do sleep 0.05; done
	cat '$W/h/keys/secret'
	END
	chmod 700 "$W/h/bin/later"
}

key_make serve-1
secret_later
touch "$W/go-on"
agent_config "$(agent_s3_cache main "$store_uri" |
	sed "s,^secret-access-key = .*,secret-access-key = command:$W/h/bin/later,")" \
	"$(agent_file_cache disk "$W/disk")"
agent_start
top=$(nix_seed=1 nix_make_closure 12) || exit
second=$(nix_seed=2 nix_make_closure 3) || exit
"$client" push -q --to main --store "$nix_root" "$top" &&
	"$client" push -q --to disk --store "$nix_root" "$second" || exit

newer_nix_begin || :

# newer_substitutes WHAT: the newest stock Nix does the same, and refuses the
# same.
newer_substitutes() {
	if [[ ! $newer_nix_bin ]]; then
		skip "$1 by the newest Nix" "$newer_nix_why"
		return
	fi
	check "Nix $newer_nix_version $1" newer_nix \
		nix_substitute "$serve_url" "$top" "$key_public"
	check_fails 'but not for a reader who trusts another key' newer_nix \
		nix_substitute "$serve_url" "$top" "$other_public"
}

says_nothing_secret() {
	! grep -rqi -e 'X-Amz' -e "$S3_KEY" "$W"/serve.[0-9]*
}

# Redirects: one cache.
serve_start --cache main || exit
check 'nix-cache-info is the server'\''s own' http 200 "$serve_url/nix-cache-info"
check_same 'and says what it is' 'StoreDir: /nix/store
WantMassQuery: 1
Priority: 50' "$(cat "$http_body")"
check 'stock Nix substitutes a closure by redirects' \
	nix_substitute "$serve_url" "$top" "$key_public"
other_public=$(nix_public_key "$(nix_key serve-1)")
check_fails 'but not for a reader who trusts another key' \
	nix_substitute "$serve_url" "$top" "$other_public"
newer_substitutes 'substitutes it by redirects'
check 'nix copy takes it, too' nix_pull "$serve_url" "$top" "$key_public"
check 'with the same bytes' nix_pulled_same "$top"
check 'and below the cache'\''s name' \
	nix_substitute "$serve_url/main" "$top" "$key_public"
check 'a narinfo is there' http 200 "$(narinfo_url "$top")"
check_same 'with its media type' text/x-nix-narinfo "$(http_field Content-Type)"
check_same 'and no encoding' '' "$(http_field Content-Encoding)"
check 'its signature is the one in the bucket' grep -qxF \
	"$(s3 get "$bucket" "nix/cache/$(basename "$(narinfo_url "$top")")" |
		grep '^Sig: ')" "$http_body"
check 'HEAD says the same' http 200 -I "$(narinfo_url "$top")"
check 'HTTP 1.0 is spoken' http 200 --http1.0 "$(narinfo_url "$top")"
nar=$(nar_url "$top")
check 'a NAR is a redirect' http 307 "$nar"
check 'to the S3 server' grep -q "^$S3_ENDPOINT/$bucket/.*X-Amz-Signature=" \
	<(http_field Location)
check 'HEAD of a NAR says its size' http 200 -I "$nar"
check_same 'which is the object'\''s' \
	"$(s3 get "$bucket" "nix/cache/${nar#"$serve_url/"}" | wc -c)" \
	"$(http_field Content-Length)"

# Misses.
missing=00000000000000000000000000000000
check 'what is not there is 404' http 404 "$serve_url/$missing.narinfo"
check 'so is a listing' http 404 "$serve_url/$missing.ls"
check 'so is what no cache may hold' http 404 "$serve_url/etc/passwd"
check 'also when it is dressed up' \
	http 404 --path-as-is "$serve_url/nar/..%2f..%2fx"
check 'a cache that is not served is 404' \
	http 404 "$serve_url/disk/nix-cache-info"
check 'nothing is taken' http 405 -T /dev/null \
	"$serve_url/$missing.narinfo"
check 'nor deleted' http 405 -X DELETE "$serve_url/$missing.narinfo"

# A fresh push is visible soon.
fresh=$(nix_seed=3 nix_make_closure 2) || exit
check 'before a push there is nothing' http 404 "$(narinfo_url "$fresh")"
"$client" push -q --to main --store "$nix_root" "$fresh"
check 'after it there is' wait_for 5 http 200 "$(narinfo_url "$fresh")"

# What else lies in a bucket.
put_object() {
	curl -sf -o /dev/null -T "$1" "${@:3}" \
		"$(s3 presign PUT "$bucket" "nix/cache/$2")"
}
log_name=$missing-a+b=c.drv
echo 'it was built' | gzip >"$W/log.gz"
put_object "$W/log.gz" "log/$log_name" -H 'Content-Encoding: gzip'
check 'a log comes decoded' http 200 "$serve_url/log/$missing-a%2Bb%3Dc.drv"
check_same 'as it was written' 'it was built' "$(cat "$http_body")"
check_same 'without an encoding' '' "$(http_field Content-Encoding)"
check 'its name may be raw, too' http 200 "$serve_url/log/$log_name"
# as_stored WHAT KEY [ASKED]: comes as it lies in the bucket.
as_stored() {
	echo "{\"$1\": 1}" >"$W/object"
	put_object "$W/object" "$2"
	check "$1 comes" http 200 "$serve_url/${3:-$2}"
	check_same 'as it was written' "$(cat "$W/object")" "$(cat "$http_body")"
}
zeros=$(printf '0%.0s' {1..64})
as_stored 'a listing' "$missing.ls"
as_stored 'a realisation' "realisations/sha256:$zeros!out.doi"
as_stored 'a realisation by its encoded name' "realisations/sha256:$zeros!lib.doi" \
	"realisations/sha256%3A$zeros%21lib.doi"
as_stored 'a build trace' "build-trace-v2/$missing-a.drv/out.doi"
as_stored 'debug information' "debuginfo/${zeros:0:40}.debug"
packed=$(basename "$(narinfo_url "$top")")
s3 get "$bucket" "nix/cache/$packed" | gzip >"$W/narinfo.gz"
put_object "$W/narinfo.gz" "$packed" -H 'Content-Encoding: gzip'
serve_stop
serve_start --cache main || exit
check 'a narinfo that was stored with gzip is read' \
	http 200 "$serve_url/$packed"
check 'and comes plain' grep -q "^StorePath: $top\$" "$http_body"
echo 'StorePath: nonsense' >"$W/broken"
put_object "$W/broken" "$missing.narinfo"
check 'a broken narinfo is trouble, not a miss' \
	http 502 "$serve_url/$missing.narinfo"
check 'and named in the log' grep -q "main: .*$missing.narinfo" "$serve_log"
{
	echo "StorePath: /nix/store/$missing-x"
	echo 'URL: https://example.org/x.nar'
	s3 get "$bucket" "nix/cache/$packed" | gunzip |
		grep -E '^(Compression|NarHash|NarSize|References)'
} >"$W/foreign"
put_object "$W/foreign" "$missing.narinfo"
check 'so is one whose NAR lies elsewhere' \
	http 502 "$serve_url/$missing.narinfo"
s3 delete "$bucket" "nix/cache/$missing.narinfo"

# Fifty at once.
all_answered() {
	local line status=0 count=0
	while read -r line; do
		count=$((count + 1))
		[[ $line == 200 ]] || { echo "$line"; status=1; }
	done < <(nix_paths "$top" | while read -r path; do
		for ((i = 0; i < 20; i++)); do
			printf 'url = "%s"\noutput = "/dev/null"\n' \
				"$(narinfo_url "$path")"
		done
	done | curl -s --parallel --parallel-max 50 --parallel-immediate \
		-w '%{http_code}\n' -K -)
	((count == $(nix_paths "$top" | wc -l) * 20)) || status=1
	return $status
}
serve_stop
serve_start --cache main || exit
check 'fifty clients at once get what they ask for' all_answered

# A locked agent: trouble that passes.
nar=$(nar_url "$top")
"$client" lock -q
rm "$W/go-on"
check 'a locked agent does not matter for what is in memory' \
	http 200 "$serve_url/$packed"
check 'what needs it is answered with 503' http 503 "$nar"
check 'and when to come again' test "$(http_field Retry-After)" -gt 0
check 'the log says so once' test \
	"$(grep -c 'agent is locked' "$serve_log")" = 1
check 'the fetch was started' wait_for 10 is_state unlocking
touch "$W/go-on"
check 'and when it is done, it works' wait_for 10 http 307 "$nar"

# No agent, and another one.
agent_stop
check 'without an agent it is 503' http 503 "$nar"
check 'not a miss' http 503 "$serve_url/$missing.narinfo"
agent_start
check 'with a new one it works again' wait_for 10 http 307 "$nar"
serve_stop
check_same 'a signal ends it' 0 $?

# Through the server: both caches.
serve_start --proxy || exit
check 'the server says what it serves' \
	grep -q 'main, disk at http://127.0.0.1' "$serve_log"
check 'a closure comes through it' \
	nix_substitute "$serve_url" "$top" "$key_public"
newer_substitutes 'takes it through the server'
check 'one from a folder, too' \
	nix_substitute "$serve_url" "$second" "$key_public"
check 'nix copy as well' nix_pull "$serve_url" "$second" "$key_public"
check 'with the same bytes' nix_pulled_same "$second"
check 'behind one root a narinfo names its cache' \
	grep -q "^$serve_url/disk/nar/" <(nar_url "$second")
check 'a cache has only its own' http 404 "$(narinfo_url "$second" main/)"
check 'and gives its own under its name' \
	nix_substitute "$serve_url/disk" "$second" "$key_public"

for cache in main disk; do
	case $cache in main) path=$top ;; *) path=$second ;; esac
	nar=$(nar_url "$path" "$cache/")
	check "$cache: a NAR comes whole" http 200 "$nar"
	check_same "$cache: ranges are offered" bytes \
		"$(http_field Accept-Ranges)"
	cp "$http_body" "$W/whole"
	size=$(wc -c <"$W/whole")
	check "$cache: its bytes are the object's" test "$(case $cache in
	main) s3 get "$bucket" "nix/cache/${nar#"$serve_url/main/"}" | sha256sum ;;
	disk) sha256sum <"$W/disk/${nar#"$serve_url/disk/"}" ;;
	esac)" = "$(sha256sum <"$W/whole")"
	check "$cache: a part comes with 206" http 206 -r 10-19 "$nar"
	check_same "$cache: and says which" "bytes 10-19/$size" \
		"$(http_field Content-Range)"
	check "$cache: it is the right one" cmp "$http_body" \
		<(tail -c +11 "$W/whole" | head -c 10)
	head -c 100 "$W/whole" >"$W/part"
	check "$cache: curl resumes" curl -sf -C - -o "$W/part" "$nar"
	check "$cache: and has the whole then" cmp "$W/part" "$W/whole"
	check "$cache: the end comes as well" http 206 -r -5 "$nar"
	check "$cache: beyond it there is nothing" http 416 -r "$size-" "$nar"
	check "$cache: two ranges are answered with the whole" \
		http 200 -r 0-1,3-4 "$nar"
	check "$cache: HEAD knows the size" http 200 -I "$nar"
	check_same "$cache: and says it" "$size" "$(http_field Content-Length)"
	check "$cache: a NAR that is not there is 404" \
		http 404 "${nar%/*}/$(printf '0%.0s' {1..52}).nar.zst"
done
check 'a NAR may be asked for at the root' http 200 \
	"$serve_url/nar/${nar##*/}"
serve_stop

# How it is started.
check_status 'an unknown cache is refused' 1 "$client" serve --cache none
check_says 'and named' 'none.*main, disk'
check_status 'other machines need a password' 1 \
	"$client" serve --listen 0.0.0.0:0
check_says 'which is said' 'password-file'
check_status 'an address is an address' 1 "$client" serve --listen nonsense
secret_file "$W/password" 'open sesame'
serve_start --cache disk --priority 7 --password-file "$W/password" || exit
check 'the priority can be chosen' grep -qx 'Priority: 7' \
	<(curl -s -u "me:open sesame" "$serve_url/nix-cache-info")
check 'without the password there is nothing' \
	http 401 "$serve_url/nix-cache-info"
check 'and it is asked for' grep -q Basic <(http_field WWW-Authenticate)
check 'with it there is' \
	http 200 -u "me:open sesame" "$serve_url/nix-cache-info"
check 'a web page gets nothing' http 403 -u "me:open sesame" \
	-H 'Origin: http://example.org' "$serve_url/nix-cache-info"
check 'nor does who calls it by another name' http 403 \
	-u "me:open sesame" -H 'Host: example.org' "$serve_url/nix-cache-info"
check 'the log says who was refused' grep -q 'uid .* refused' "$serve_log"
check_status 'a port that is taken is refused' 1 \
	"$client" serve --cache disk --listen "${serve_url#http://}"
check_says 'with what to do' 'another port'
serve_stop

# A socket from the service manager.
activated() {
	exec /usr/bin/python3 -c '
import os, socket, sys
s = socket.socket()
s.bind(("127.0.0.1", 0))
s.listen()
os.dup2(s.fileno(), 3)
os.set_inheritable(3, True)
os.environ.update(LISTEN_PID=str(os.getpid()), LISTEN_FDS="1")
os.execv(sys.argv[1], sys.argv[1:])' "$client" serve --cache disk
}
serve_log=$W/serve.activated
activated >"$serve_log" 2>&1 &
serve_pid=$!
wait_for 10 serve_listens && serve_listens
check 'a socket may be passed in' http 200 "$serve_url/nix-cache-info"
serve_stop

agent_stop
check_status 'without an agent it does not start' 2 "$client" serve
check_says 'and says how to start one' 'nixcache-agent'
check 'no URL with a signature was logged' says_nothing_secret
tap_end
