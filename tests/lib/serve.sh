# serve.sh - servers of the tests, and what may be asked of them
#
#	serve_start [OPTION...]      sets serve_url, serve_pid; says into serve_log
#	serve_stop                   by SIGTERM; the status is the server's
#	http STATUS [CURL-OPTION...] URL
#	nix_substitute URL TOP KEY   as a build would, with signatures required

serve_log=
serve_pid=

serve_listens() {
	kill -0 "$serve_pid" 2>/dev/null || return
	serve_url=$(grep -oE 'http://[^/ ]+:[0-9]+' "$serve_log" | head -n 1)
	[[ $serve_url ]]
}

serve_start() {
	serve_log=$W/serve.$RANDOM
	http_head=$W/http.head http_body=$W/http.body
	"$client" serve --listen 127.0.0.1:0 "$@" >"$serve_log" 2>&1 &
	serve_pid=$!
	wait_for 10 serve_listens || { cat "$serve_log" >&2; return 1; }
	serve_listens
}

# Kills one that does not end within its five seconds.
serve_stop() {
	local rc
	[[ $serve_pid ]] || return 0
	kill "$serve_pid" 2>/dev/null
	wait_for 5 gone "$serve_pid" || kill -KILL "$serve_pid"
	wait "$serve_pid"
	rc=$?
	serve_pid=
	return $rc
}

# The answer has that status; its headers are then in http_head, its body in
# http_body.
http() {
	local want=$1 got
	shift
	got=$(curl -s --max-time 60 -o "$http_body" -D "$http_head" \
		-w '%{http_code}' "$@")
	[[ $got == "$want" ]] && return
	echo "$got instead of $want: $*"
	head -n 20 "$http_head" "$http_body"
	return 1
}

# http_field NAME: of the last answer.
http_field() {
	sed -n "s/^$1: *//Ip" "$http_head" | tr -d '\r'
}

# url_of TOP [PREFIX]: what its narinfo says, below the server.
nar_url() {
	local name
	name=$(basename "$1")
	curl -s "$serve_url/${2:-}${name:0:32}.narinfo" |
		sed -n "s,^URL: ,$serve_url/${2:-},p"
}

narinfo_url() {
	local name
	name=$(basename "$1")
	echo "$serve_url/${2:-}${name:0:32}.narinfo"
}

# Into a store that is new each time.
nix_substitute() {
	local url=$1 top=$2
	shift 2
	if [[ -e $nix_work/substituted ]]; then
		chmod -R u+w "$nix_work/substituted" &&
			rm -rf "$nix_work/substituted" || return
	fi
	mkdir "$nix_work/substituted" || return
	(
		XDG_CACHE_HOME=$nix_work/substituted/cache
		nix_configure "substituters = $url
trusted-public-keys = $*
require-sigs = true"
		nix-store --store "$nix_work/substituted/root" -r "$top" &&
			nix store verify --store "$nix_work/substituted/root" \
				-r --sigs-needed 1 "$top"
	)
}
