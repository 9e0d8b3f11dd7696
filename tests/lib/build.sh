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

# Meson's side of it, which is enough to know which tests there are.  It has
# much to say; that is of interest only when it fails.
build_configure() {
	local folder said options
	folder=$(build_folder "$1")
	if [[ -f $folder/build.ninja ]]; then
		# Anew, if meson.build files have changed.
		said=$(ninja -C "$folder" build.ninja) && return
	else
		read -ra options <<<"$(build_options "$1")"
		[[ $1 != fuzz ]] || local -x CC=clang
		rm -rf "$folder"
		said=$(meson setup "$folder" "$root" "${options[@]}") && return
	fi
	echo "$said"
	return 1
}

build_compile() {
	local targets=()
	build_configure "$1" || return
	[[ $1 != fuzz ]] || mapfile -t targets < <(suite_tests fuzz |
		sed 's,^fuzz/,tests/fuzz/fuzz_,')
	ninja -C "$(build_folder "$1")" "${targets[@]}"
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

# The C tests of a build: suite, name, "tap" or "exitcode", and shell-quoted
# command, separated by tabs.  The build must be configured; meson is asked again when it
# has made its files anew.
build_c_tests() {
	local folder list
	folder=$(build_folder "$1") list=$folder/tests.tsv
	if [[ ! -s $list || $folder/build.ninja -nt $list ]]; then
		meson introspect --tests "$folder" | "$python" -c '
import json, shlex, sys
for t in json.load(sys.stdin):
    print(t["suite"][0].split(":")[-1], t["name"], t["protocol"],
          shlex.join(t["cmd"]), sep="\t")' >"$list" || return
	fi
	cat "$list"
}
