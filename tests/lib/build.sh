# build.sh - the builds that the tests run on, made when the first one asks
#
# Needs: root, and suite.sh for the counting.

# Where the build of that kind is.
build_folder() {
	echo "$root/build-tests/$1"
}

build_options() {
	case $1 in
	plain) echo --werror ;;
	# Sanitizers need system calls and memory that sealing takes away.
	asan) echo --werror -Db_sanitize=address,undefined -Dsealing=false \
		-Dhardening=false ;;
	fuzz) echo -Dfuzz=true -Db_sanitize=address,undefined \
		-Db_lundef=false -Dsealing=false -Dhardening=false \
		-Dc_args=-fsanitize=fuzzer-no-link ;;
	esac
}

build_compile() {
	local folder options
	folder=$(build_folder "$1")
	read -ra options <<<"$(build_options "$1")"
	local target=()
	if [[ $1 == fuzz ]]; then
		local -x CC=clang
		target=(fuzzers)
	fi

	if [[ ! -f $folder/build.ninja ]]; then
		rm -rf "$folder"
		meson setup "$folder" "$root" "${options[@]}" || return
	fi
	ninja -C "$folder" "${target[@]}"
}

declare -A build_state=()

# Builds once a run; 1 if that does not work, which counts as one failure.
build_ensure() {
	if [[ ! ${build_state[$1]:-} ]]; then
		suite_run_command "build/$1" build_compile "$1"
		build_state[$1]=$?
	fi
	return "${build_state[$1]}"
}

# The C tests of a build: suite, name, working folder and shell-quoted command,
# separated by tabs.
build_c_tests() {
	local folder
	folder=$(build_folder "$1")
	[[ -f $folder/build.ninja ]] || return 0
	meson introspect --tests "$folder" | "$python" -c '
import json, shlex, sys
for t in json.load(sys.stdin):
    print(t["suite"][0].split(":")[-1], t["name"],
          shlex.join(t["cmd"]), sep="\t")'
}
