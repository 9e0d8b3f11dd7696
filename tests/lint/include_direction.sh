#!/bin/bash
# include_direction.sh - no file looks into a room that it may not look into
#
# base <- protocol <- {agent, client} <- tests; the rooms inside agent and
# client, and the one home of each library, are in the two tables below.
set -uo pipefail
cd "$(dirname "$0")/../.." || exit
. tests/lib/tap.sh

# A room, and the rooms it may include beside itself.  "agent" and "client"
# alone are the files that stand in no sub-folder; main.c knows everybody.
rooms='
protocol/base     :
protocol/nix      : protocol/base
protocol/s3       : protocol/base protocol/nix
protocol/varlink  : protocol/base protocol/nix protocol/s3
protocol/audit    : protocol/base protocol/nix protocol/varlink
agent             : protocol agent/seal agent/start
agent/main.c      : protocol agent
agent/start       : protocol agent:files agent/seal
agent/launcher    : protocol agent:files agent/seal agent/start
agent/door        : protocol agent:files agent/seal agent/start agent/door
agent/door/scope  : protocol agent:files agent/door:files
agent/door/witness : protocol agent/door:files
agent/door/audit  : protocol agent:files agent/door:files
agent/vault       : protocol agent:files agent/seal agent/start
agent/seal        : protocol
client            : protocol
client/main.c     : protocol client
client/cmd        : protocol client
client/push       : protocol client:files client/cache client/catalog client/journal client/store client/pack client/transfer client/ui
client/pull       : protocol client:files client/cache client/catalog client/pack client/pipe client/store client/ui
client/serve      : protocol client:files client/cache client/catalog client/pack client/pipe
client/journal    : protocol client:files
client/keygen     : protocol
client/sign       : protocol client:files client/cache client/catalog client/store
client/catalog    : protocol client/cache client/pack client/nixconf
client/survey     : protocol client:files client/cache client/catalog
client/cache      : protocol client:files client/pipe client/transfer
client/nixconf    : protocol
client/store      : protocol
client/pack       : protocol client/pipe
client/pipe       : protocol
client/transfer   : protocol client/pipe
client/ui         : protocol
client/verify     : protocol client:files client/cache client/catalog client/pack client/pipe client/store client/ui
client/audit      : protocol client:files
tests             : protocol agent client
'

# A library's header, and the only places that may include it.  Tests may
# include what they test with.
libraries='
curl/    : client/transfer/
sodium   : agent/vault/ protocol/nix/key.c protocol/nix/key_secret.c protocol/base/text.c protocol/s3/sigv4.c
openssl/ : protocol/base/digest.c protocol/base/sha256.c
seccomp  : agent/seal/
systemd/ : agent/launcher/logind.c
json-c/  : tests/
ini.h    : agent/config
sqlite3  : client/journal/
archive  : client/pack/
brotli/  : client/pack/
microhttpd : client/serve/
zstd     : client/pack/
lzma     : client/pack/
expat    : client/cache/
'

table_row() {
	awk -v key="$2" '$1 == key { sub(/^[^:]*: */, ""); print; found = 1 }
		END { exit !found }' <<<"$1"
}

room_of() {
	case $1 in
	tests/*) echo tests ;;
	*/main.c) echo "$1" ;;
	*) dirname "$1" ;;
	esac
}

# True if a header lies in a place: a folder with all below it, or, with
# ":files", only what stands in the folder itself.
lies_in() {
	case $2 in
	*:files) [[ $(dirname "$1") == "${2%:files}" ]] ;;
	*) [[ $1 == "$2"/* ]] ;;
	esac
}

may_include() {
	local room=$1 header=$2 place
	[[ $(dirname "$header") == "$room" ]] && return
	[[ $room == tests && $header == tests/* ]] && return
	for place in $(table_row "$rooms" "$room"); do
		lies_in "$header" "$place" && return
	done
	return 1
}

project_includes_of() {
	local room file header status=0
	for file in $2; do
		room=$(room_of "$file")
		if ! table_row "$rooms" "$room" >/dev/null; then
			echo "$file: the room $room is not in the table"
			return 1
		fi
		while read -r header; do
			if ! may_include "$room" "$header"; then
				echo "$file: $room may not include $header"
				status=1
			elif [[ ! -f $header ]]; then
				echo "$file: there is no $header"
				status=1
			fi
		done < <(sed -n 's/^# *include "\(.*\)"$/\1/p' "$file")
	done
	return $status
}

library_stays_home() {
	local library=$1 homes=$2 file home status=0
	while IFS= read -r file; do
		for home in $homes; do
			[[ $file == "$home"* ]] && continue 2
		done
		echo "$file: <$library...> belongs to $homes"
		status=1
	done < <(grep -rlE "^# *include <$library" --include='*.[ch]' \
		protocol agent client)
	return $status
}

places=$(find protocol agent client tests -name '*.[ch]' -printf '%h\n' |
	sort -u)
libraries_count=$(grep -c : <<<"$libraries")

for place in $places; do
	check "$place includes only what it may" project_includes_of "$place" \
		"$(find "$place" -maxdepth 1 -name '*.[ch]' | sort)"
done
while read -r library _ homes; do
	[[ ! $library ]] ||
		check "<$library...> stays at home" library_stays_home "$library" "$homes"
done <<<"$libraries"
tap_end
