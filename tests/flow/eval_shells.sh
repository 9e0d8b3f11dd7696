#!/bin/bash
# eval_shells.sh - what the agent prints can be evaluated by five shells
#
# usage: eval_shells.sh [BUILD-FOLDER]
# shellcheck disable=SC2016 # other shells expand these words
. "$(dirname "$0")/../lib/flow.sh"
flow_begin "$@"
export AGENT=$agent

# Every character here means something to one of the shells.
awkward="$W/r it's \"a\" \$HOME !x ; z & (q) \`w\` # t"
mkdir -p "$awkward" && chmod 700 "$awkward"
export XDG_RUNTIME_DIR=$awkward
agent_socket=$awkward/nixcache/agent.sock

key_make shells-1
agent_config "$(agent_file_cache shells "$W/cache")"

# No parent but the shell itself says which shell it is.
export SHELL=/bin/false

# What a child of the shell sees after the shell evaluated the agent's words.
# No option says which shell it is: the agent sees who starts it.
start_in() {
	case $1 in
	fish) fish --no-config -c 'eval ($AGENT -q); printenv NIXCACHE_AGENT_SOCK' ;;
	source) fish --no-config -c '$AGENT -q | source; printenv NIXCACHE_AGENT_SOCK' ;;
	tcsh) tcsh -f -c 'eval `$AGENT:q -q`; printenv NIXCACHE_AGENT_SOCK' ;;
	zsh) zsh -f -c 'eval $("$AGENT" -q); printenv NIXCACHE_AGENT_SOCK' ;;
	*) "$1" -c 'eval $("$AGENT" -q); printenv NIXCACHE_AGENT_SOCK' ;;
	esac
}

# The same with an option.
pid_in() {
	case $1 in
	fish) fish --no-config -c 'eval ($AGENT --fish -q); printenv NIXCACHE_AGENT_PID' ;;
	source) fish --no-config -c '$AGENT --fish -q | source; printenv NIXCACHE_AGENT_PID' ;;
	tcsh) tcsh -f -c 'eval `$AGENT:q -c -q`; printenv NIXCACHE_AGENT_PID' ;;
	zsh) zsh -f -c 'eval $("$AGENT" -s -q); printenv NIXCACHE_AGENT_PID' ;;
	*) "$1" -c 'eval $("$AGENT" -s -q); printenv NIXCACHE_AGENT_PID' ;;
	esac
}

# Both variables are gone after the shell evaluated what -k prints.
kill_in() {
	local left
	case $1 in
	fish) left=$(fish --no-config -c 'eval ($AGENT --fish -q); eval ($AGENT --fish -k -q); printenv | grep "^NIXCACHE_AGENT"') ;;
	source) left=$(fish --no-config -c '$AGENT --fish -q | source; $AGENT --fish -k -q | source; printenv | grep "^NIXCACHE_AGENT"') ;;
	tcsh) left=$(tcsh -f -c 'eval `$AGENT:q -c -q`; eval `$AGENT:q -c -k -q`; printenv | grep "^NIXCACHE_AGENT"') ;;
	zsh) left=$(zsh -f -c 'eval $("$AGENT" -s -q); eval $("$AGENT" -s -k -q); printenv | grep "^NIXCACHE_AGENT"') ;;
	*) left=$("$1" -c 'eval $("$AGENT" -s -q); eval $("$AGENT" -s -k -q); printenv | grep "^NIXCACHE_AGENT"') ;;
	esac
	[[ ! $left ]] && ! [[ -S $agent_socket ]]
}

# Started by something that is no shell.
printed_for() {
	SHELL=$1 /usr/bin/python3 -c '
import os, subprocess
subprocess.run([os.environ["AGENT"], "-q"], check=True)'
}

shells='dash bash zsh tcsh fish source'

for shell in $shells; do
	name=$shell
	[[ $shell != source ]] || name='fish, by source,'
	check_same "$name gets the path of the socket unharmed" \
		"$agent_socket" "$(start_in "$shell" 2>&1)"
	check_same "$name gets the pid of the agent that listens" \
		"$(NIXCACHE_AGENT_SOCK=$agent_socket status_field pid)" \
		"$(pid_in "$shell" 2>&1)"
	check "$name forgets both after -k" kill_in "$shell"
done

agent_start
check 'started by no shell, with $SHELL a bash the words are for sh' \
	grep -q '^NIXCACHE_AGENT_SOCK=.*export NIXCACHE_AGENT_SOCK;' \
	<(printed_for /bin/bash)
check 'started by no shell, with $SHELL a tcsh they are for csh' \
	grep -q '^setenv NIXCACHE_AGENT_SOCK .*;' <(printed_for /bin/tcsh)
check 'started by no shell, with $SHELL a fish they are for fish' \
	grep -q '^set -gx NIXCACHE_AGENT_SOCK .*;' <(printed_for /usr/bin/fish)
check 'without -q it tells a person the pid' \
	grep -q "^echo .*$NIXCACHE_AGENT_PID" <("$agent" -s)
check_fails 'with -q it does not' grep -q '^echo' <("$agent" -s -q)
tap_end
