# A closure of n paths below one top path, built offline.
#
# Each path refers to up to three earlier ones and to itself; the first ones
# hold what an archive can hold: an executable, a symbolic link, an empty file,
# an empty folder, awkward names.  Without user namespaces Nix cannot build in
# a store of one's own; then isBuilt is false and the paths are plain texts
# that refer to each other.
{ n, bigMiB ? 0, seed ? "0", isBuilt ? true }:
let
  mod = a: b: a - (a / b) * b;
  unique = list: map (x: builtins.elemAt all (builtins.fromJSON x))
    (builtins.attrNames (builtins.listToAttrs
      (map (x: { name = toString x; value = x; }) list)));
  references = i:
    if i == 0 then [ ]
    else unique [ (i / 2) (mod (i * 7 + 3) i) (mod (i * 13 + 5) i) ];

  build = name: attributes: script: derivation ({
    inherit name seed;
    system = builtins.currentSystem;
    builder = "/bin/sh";
    PATH = "/usr/bin:/bin";
    args = [ "-euc" script ];
  } // attributes);

  # From a line to some ten thousand; words from a counter compress as text.
  built = i: build "package-${toString i}-1.${toString (mod i 9)}" {
    references = references i;
    lines = toString (8 + mod (i * i * 37) 4000);
  } ''
    mkdir -p $out/bin $out/share/empty
    i=0
    while [ $i -lt $lines ]; do
      echo "$seed line $i of ${toString i}"
      i=$((i + 1))
    done >$out/share/text
    echo "$references" >$out/share/references
    echo "exec $out/share/text" >$out/bin/run
    chmod +x $out/bin/run
    ln -s ../share/text $out/bin/link
    : >$out/share/void
    ${if i > 1 then "" else ''
      mkdir -p "$out/a b" $out/z
      echo 1 >"$out/a b/quote'\"\$and;more"
      echo 2 >"$out/z/$(printf 'caf\303\251')"
      echo 3 >$out/z.txt
      echo 4 >$out/z-txt
    ''}
  '';
  text = i: builtins.toFile "package-${toString i}"
    "${seed} ${toString i} ${toString (references i)}";
  all = builtins.genList (if isBuilt then built else text) n;

  big = if bigMiB == 0 then [ ] else [
    (build "big-${toString bigMiB}" { mib = toString bigMiB; } ''
      mkdir $out
      head -c ''${mib}M /dev/urandom >$out/big
    '')
  ];
in
if isBuilt
then build "top" { all = all ++ big; } ''
  mkdir $out
  for p in $all; do echo $p; done >$out/all
''
else builtins.toFile "top" (toString all)
