# fish completion of nixcache and nixcache-agent
# Goes to /usr/share/fish/vendor_completions.d.

function __nixcache_caches
    nixcache status --json 2>/dev/null |
        string match -ra '"name": ?"([^"]*)", ?"store"' |
        string match -v '"*'
end

set -l commands push ls info url status lock unlock
complete -c nixcache -n "not __fish_seen_subcommand_from $commands" -f -a push -d 'Put store paths into a cache'
complete -c nixcache -n "not __fish_seen_subcommand_from $commands" -f -a ls -d 'List what a cache holds'
complete -c nixcache -n "not __fish_seen_subcommand_from $commands" -f -a info -d 'Show what a cache is and can do'
complete -c nixcache -n "not __fish_seen_subcommand_from $commands" -f -a url -d 'Print a URL that is good for a while'
complete -c nixcache -n "not __fish_seen_subcommand_from $commands" -f -a status -d 'Say what the agent holds'
complete -c nixcache -n "not __fish_seen_subcommand_from $commands" -f -a lock -d 'Wipe the secrets'
complete -c nixcache -n "not __fish_seen_subcommand_from $commands" -f -a unlock -d 'Fetch the secrets'
complete -c nixcache -s h -l help -d 'Print the commands or options'
complete -c nixcache -n "not __fish_seen_subcommand_from $commands" -s V -l version -d 'Print the version'

set -l push '__fish_seen_subcommand_from push'
complete -c nixcache -n $push -s t -l to -x -a '(__nixcache_caches)' -d 'Cache to push to'
complete -c nixcache -n $push -l store -x -a '(__fish_complete_directories)' -d 'Store of the paths'
complete -c nixcache -n $push -l no-closure -d 'Only the paths named'
complete -c nixcache -n $push -l full -d 'Also what an upstream signed'
complete -c nixcache -n $push -l stdin -d 'Read paths from standard input'
complete -c nixcache -n $push -s j -l jobs -x -d 'Threads that compress'
complete -c nixcache -n $push -l max-memory -x -d 'For archives in flight'
complete -c nixcache -n $push -l compression -x -a 'zstd xz none'
complete -c nixcache -n $push -l level -x -d 'Of compression'
complete -c nixcache -n $push -s n -l dry-run -d 'Only say what would be pushed'
complete -c nixcache -n $push -l json -d 'One object an event'
complete -c nixcache -n '__fish_seen_subcommand_from push lock unlock' -s q -l quiet -d 'Only errors'

complete -c nixcache -n '__fish_seen_subcommand_from ls info url' -l cache -x -a '(__nixcache_caches)' -d 'Cache'
complete -c nixcache -n '__fish_seen_subcommand_from ls info url' -l json -d 'For a program'
complete -c nixcache -n '__fish_seen_subcommand_from ls' -f -s l -l long -d 'Sizes and times, too'
complete -c nixcache -n '__fish_seen_subcommand_from ls' -f -l raw -d 'Objects by their keys'
complete -c nixcache -n '__fish_seen_subcommand_from info' -f -l no-probe-write -d 'Try nothing that writes'
complete -c nixcache -n '__fish_seen_subcommand_from url' -s e -l expires -x -d 'How long it is good'
complete -c nixcache -n '__fish_seen_subcommand_from url' -l narinfo -d 'Of the narinfo'
complete -c nixcache -n '__fish_seen_subcommand_from url' -l stdin -d 'Read paths from standard input'

set -l status_ '__fish_seen_subcommand_from status'
complete -c nixcache -n $status_ -f -l json -d 'As one object'
complete -c nixcache -n $status_ -f -l hardening -d 'Each protection'

complete -c nixcache-agent -f -s s -l sh -d 'For a Bourne shell'
complete -c nixcache-agent -f -s c -l csh -d 'For csh'
complete -c nixcache-agent -f -l fish -d 'For fish'
complete -c nixcache-agent -s a -l socket -r -d 'Socket'
complete -c nixcache-agent -f -s D -l foreground -d 'Stay in the foreground'
complete -c nixcache-agent -f -s d -l debug -d 'Stay in the foreground, and talk'
complete -c nixcache-agent -f -s k -l kill -d 'End the agent'
complete -c nixcache-agent -x -s t -l lifetime -d 'Longest time'
complete -c nixcache-agent -x -l idle -d 'Time without use'
complete -c nixcache-agent -r -l config -d 'Configuration'
complete -c nixcache-agent -f -l prefetch -d 'Fetch at the start'
complete -c nixcache-agent -f -s q -l quiet -d 'Do not print the pid'
complete -c nixcache-agent -x -l allow-weak -a 'memory namespace trace' -d 'Go on without'
complete -c nixcache-agent -f -s h -l help -d 'Print the options'
complete -c nixcache-agent -f -s V -l version -d 'Print the version'
