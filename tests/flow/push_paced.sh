#!/bin/bash
# push_paced.sh - a server that asks to slow down is asked less, by all clients
#
# usage: push_paced.sh [BUILD-FOLDER]
# needs: s3
# timeout: 400
. "$(dirname "$0")/../lib/flow.sh"
flow_begin "$@"
flow_s3 paced
faults_start "$W/proxy" "$S3_ENDPOINT" || exit
s3_store "$faults_endpoint"

key_make paced-1
agent_config "$(agent_s3_cache main "$store_uri")"
agent_start

push() {
	timeout 180 "$client" push -q --store "$nix_root" "$1"
}

# Pushes two closures at the same time; what Status says of the pace meanwhile
# goes into a file.
push_both() {
	local first second status=0
	push "$1" &
	first=$!
	push "$2" &
	second=$!
	: >"$W/paces"
	while kill -0 $first 2>/dev/null || kill -0 $second 2>/dev/null; do
		"$client" status | grep 'slowed down by the server' >>"$W/paces"
	done
	wait $first || status=1
	wait $second || status=1
	return $status
}

# refused_share FROM TO: of the answers logged since mark, those from FROM to TO
# hundredths of them: how many in a hundred were pleas to slow down.
mark() {
	marked=$(faults_log | wc -l)
}
refused_share() {
	faults_log | tail -n +$((marked + 1)) | awk -v from="$1" -v to="$2" '
		{ status[NR] = $3 }
		END {
			for (i = 1; i <= NR; i++) {
				if (i * 100 <= from * NR || i * 100 > to * NR)
					continue
				all++
				refused += status[i] == 503 || status[i] == 429
			}
			print all ? int(refused * 100 / all) : -1
		}'
}
# share_is FROM TO LEAST MOST
share_is() {
	local share
	share=$(refused_share "$1" "$2")
	echo "$share of 100 answers were pleas to slow down"
	(($3 <= share && share <= $4))
}

ask_with_no_ear() {
	curl -s --parallel --parallel-max 48 -o /dev/null \
		"$faults_endpoint/$bucket/nothing?[1-1500]" 2>/dev/null
}

one=$(nix_seed=one nix_make_closure 70) || exit
two=$(nix_seed=two nix_make_closure 70) || exit

# So that the checks below show something.
faults_set rate=100
mark
ask_with_no_ear
check 'who does not listen is refused most of the time' share_is 0 100 50 100

mark
check 'two pushes at once to a server with a limit' push_both "$one" "$two"
check 'the server had to ask for it' share_is 0 25 5 100
check 'and then hardly ever again' share_is 50 100 0 25
check 'meanwhile the status said so' \
	grep -qE 'slowed down by the server: [0-9]+ requests in flight' "$W/paces"
faults_set rate=0
for top in "$one" "$two"; do
	check 'the closure is whole' nix_pull "$store_url" "$top" "$key_public"
done

top=$(nix_seed=most nix_make_closure 3) || exit
faults_set throttled=800
check 'four of five answers are 429, and a push succeeds' push "$top"
faults_set throttled=0
check '... whole' nix_pull "$store_url" "$top" "$key_public"

one=$(nix_seed=three nix_make_closure 6) || exit
two=$(nix_seed=four nix_make_closure 6) || exit
faults_set busy=300
check 'two at once, where one of three is to wait for a second' \
	push_both "$one" "$two"
faults_set busy=0
check 'the cache is whole' s3_is_whole
check 'no upload was left open' test -z "$(s3 list-uploads "$bucket")"
tap_end
