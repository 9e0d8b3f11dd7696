# newer_nix.sh - the newest stock Nix that Debian has, in a folder of its own
#
#	newer_nix_begin [SUITE]      forky, or trixie; sets newer_nix_bin (to put
#	                             before PATH), newer_nix_version; or fails
#	                             with a reason in newer_nix_why
#	newer_nix COMMAND...         runs it, or a function, with that Nix:
#	                             newer_nix nix_pull URL TOP KEY
#	newer_nix_copy FOLDER        a copy that every user may run (newer_nix_bin
#	                             is then in there)
#
# A flow test with "# needs: newer-nix" in its head finds it made.  Made once:
# later runs take what lies in NIXCACHE_NEWER_NIX (default: below the caller's
# cache folder); remove that to get a newer one.
#
# The packages come from the mirror that this machine's apt uses, through apt
# with a state of its own and Debian's key ring; of their contents only Nix and
# the libraries that it loads are kept.  They run by their own dynamic linker:
# no root, no chroot, nothing installed.

newer_nix_keyring=/usr/share/keyrings/debian-archive-keyring.gpg

newer_nix_begin() {
	local suite=${1:-forky} said=${NIXCACHE_TEST_NEWER_NIX:-} folder
	newer_nix_why='' newer_nix_bin='' newer_nix_version=''
	# tests/run has made it already, or says here why it could not.
	if [[ $said && $suite == forky ]]; then
		newer_nix_take "$said" && return
		newer_nix_why=$said
		return 1
	fi
	folder=$(newer_nix_folder "$suite")
	newer_nix_take "$folder" && return
	newer_nix_why=$(newer_nix_make "$suite" "$folder" 2>&1 | tail -n 1)
	newer_nix_take "$folder" || return 1
	newer_nix_why=''
}

newer_nix() {
	(PATH=$newer_nix_bin:$PATH; "$@")
}

newer_nix_copy() {
	cp -r --reflink=auto "${newer_nix_bin%/bin}/." "$1" &&
		chmod -R a+rX "$1" && newer_nix_bin=$1/bin
}

newer_nix_folder() {
	local home=${XDG_CACHE_HOME:-${HOME:-/tmp}/.cache}
	echo "${NIXCACHE_NEWER_NIX:-$home/nixcache-tests/newer-nix}/$1"
}

# Sets the variables if what is in a folder runs.
newer_nix_take() {
	newer_nix_version=$("$1/bin/nix" --version 2>/dev/null) || return
	newer_nix_version=${newer_nix_version##* } newer_nix_bin=$1/bin
}

# newer_nix_make SUITE FOLDER: a failure's last line of output says why.
newer_nix_make() {
	local suite=$1 folder=$2 work
	command -v apt-get >/dev/null && command -v dpkg-deb >/dev/null ||
		{ echo "no Debian here to fetch a newer Nix with"; return 1; }
	[[ -r $newer_nix_keyring ]] ||
		{ echo "no key ring of Debian in $newer_nix_keyring"; return 1; }
	mkdir -p "${folder%/*}" && work=$(mktemp -d "$folder.XXXXXX") ||
		{ echo "no room for a newer Nix in ${folder%/*}"; return 1; }
	if newer_nix_fetch "$suite" "$work" && newer_nix_unpack "$work"; then
		# Who else has made one meanwhile has made the same.
		rm -rf "$folder"
		chmod 755 "$work/done" && mv -T "$work/done" "$folder" 2>/dev/null
		rm -rf "$work"
		return 0
	fi
	echo "no newer Nix: Debian $suite from $newer_nix_mirror:" \
		"$(grep -m 1 '^[EW]:' "$work/log" || tail -n 1 "$work/log")"
	rm -rf "$work"
	return 1
}

# Where apt gets Debian itself from.
newer_nix_find_mirror() {
	# shellcheck disable=SC2016 # apt fills these in
	newer_nix_mirror=$(apt-get indextargets \
		--format '$(LABEL)|$(REPO_URI)' 'Created-By: Packages' 2>/dev/null |
		sed -n -e 's/^Debian|//p' -e 's/^|\(.*\/debian\/*\)$/\1/p' |
		head -n 1)
	newer_nix_mirror=${newer_nix_mirror:-http://deb.debian.org/debian}
}

# The whole closure of nix-bin as .deb files into WORK/archives.
newer_nix_fetch() {
	local suite=$1 work=$2
	newer_nix_find_mirror
	mkdir -p "$work"/{state/lists/partial,archives/partial}
	echo "deb [arch=$(dpkg --print-architecture) target=Packages" \
		"signed-by=$newer_nix_keyring] $newer_nix_mirror $suite main" \
		>"$work/sources.list"
	# Nothing counts as installed, and no hook of this machine's is run.
	cat >"$work/apt.conf" <<-END
		Dir::State "$work/state";
		Dir::State::status "/dev/null";
		Dir::Cache "$work";
		Dir::Etc::sourcelist "$work/sources.list";
		Dir::Etc::sourceparts "/dev/null";
		Dir::Etc::preferences "/dev/null";
		Dir::Etc::preferencesparts "/dev/null";
		APT::Default-Release "";
		APT::Install-Recommends "false";
		APT::Sandbox::User "";
		APT::Update::Error-Mode "any";
		Acquire::Languages "none";
		Acquire::PDiffs "false";
		Acquire::Retries "2";
		Acquire::http::Timeout "30";
		#clear APT::Update::Pre-Invoke;
		#clear APT::Update::Post-Invoke;
		#clear APT::Update::Post-Invoke-Success;
		#clear DPkg::Pre-Invoke;
		#clear DPkg::Post-Invoke;
	END
	newer_nix_apt "$work" update &&
		newer_nix_apt "$work" --download-only install nix-bin
}

newer_nix_apt() {
	local work=$1
	shift
	DEBIAN_FRONTEND=noninteractive apt-get -c "$work/apt.conf" -q -y "$@" \
		>>"$work/log" 2>&1 </dev/null
}

# Of all that, WORK/done: lib with Nix and what it loads, bin with wrappers.
newer_nix_unpack() {
	local work=$1 all=$1/all loader name libraries
	mkdir -p "$all" "$work/done"/{bin,lib}
	# shellcheck disable=SC2016 # for the inner shell
	printf '%s\0' "$work"/archives/{lib*,nix-bin*}.deb |
		grep -zv '/libperl\|-perl_' |
		xargs -0 -n 1 -P 2 sh -c 'dpkg-deb -x "$2" "$1"' unpack "$all" \
			>>"$work/log" 2>&1 || return
	loader=$(find "$all" -type f -name 'ld-linux*' | head -n 1)
	libraries=$(dirname "$loader")
	cp "$loader" "$work/done/lib/ld.so" &&
		cp "$all/usr/bin/nix" "$work/done/lib/nix" || return
	# A library may have its own: --list tells all, by their full names.
	"$loader" --library-path "$libraries" --list "$all/usr/bin/nix" |
		sed -n 's/.* => \(\/.*\) (0x.*/\1/p' |
		xargs -d '\n' cp -L -t "$work/done/lib" >>"$work/log" 2>&1 || return
	for name in "$all"/usr/bin/nix*; do
		newer_nix_wrapper >"$work/done/bin/${name##*/}" || return
	done
	chmod 755 "$work/done/bin/"*
	"$work/done/bin/nix" --version >>"$work/log" 2>&1
}

# Nix goes by the name that it was called by, and looks for itself in
# NIX_BIN_DIR when it starts a helper.
newer_nix_wrapper() {
	cat <<-'END'
		#!/bin/sh
		here=$(cd "${0%/*}/.." && pwd) || exit
		NIX_BIN_DIR=$here/bin
		export NIX_BIN_DIR
		exec "$here/lib/ld.so" --library-path "$here/lib" \
			--argv0 "$here/bin/${0##*/}" "$here/lib/nix" "$@"
	END
}
