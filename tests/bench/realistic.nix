# A closure in the sizes that systems have: many small paths, some of a few
# megabytes, few large ones; each refers to up to three earlier ones and to
# itself.  The same seed makes the same bytes on every machine with this Nix.
#
# Contents are pieces of one pool (fill.py), which zstd shrinks to a third.  A
# giant is one path of that kind, noise one that nothing shrinks, as the layers
# of container images are.
{ small ? 262, medium ? 30, big ? 8, giantMiB ? 0, noiseMiB ? 0, seed ? "0" }:
let
  mod = a: b: a - (a / b) * b;
  count = small + medium + big;
  kib = 1024;
  mib = 1024 * kib;

  # 4 KiB to 100 KiB, most of them small; 1 to 8 MiB; 20 to 100 MiB.
  sizeOf = i:
    if i < small then let k = mod (i * 37) 100; in (4 + k * k / 104) * kib
    else if i < small + medium then (1 + mod (i * 5) 8) * mib
    else (20 + 80 * (i - small - medium) / (if big > 1 then big - 1 else 1))
      * mib;

  unique = list: map (x: builtins.elemAt all (builtins.fromJSON x))
    (builtins.attrNames (builtins.listToAttrs
      (map (x: { name = toString x; value = x; }) list)));
  references = i:
    if i == 0 then [ ]
    else unique [ (i / 2) (mod (i * 7 + 3) i) (mod (i * 13 + 5) i) ];

  build = attributes: script: derivation ({
    system = builtins.currentSystem;
    builder = "/bin/sh";
    PATH = "/usr/bin:/bin";
    fill = ./fill.py;
    args = [ "-euc" script ];
  } // attributes);

  pool = build { name = "pool"; inherit seed; }
    "/usr/bin/python3 -I $fill pool $seed >$out";
  path = name: size: references: build {
    inherit name pool references;
    size = toString size;
  } ''
    /usr/bin/python3 -I $fill path "$name" "$size" "$pool" "$out"
    echo "$references" >$out/share/references
    echo "$out" >$out/share/self
  '';
  all = builtins.genList
    (i: path "package-${toString i}-1.${toString (mod i 9)}" (sizeOf i)
      (references i))
    count;
in
if giantMiB > 0 then path "giant-1.0" (giantMiB * mib) [ ]
else if noiseMiB > 0
then build { name = "noise"; inherit seed; size = toString (noiseMiB * mib); }
  "/usr/bin/python3 -I $fill noise $seed $size $out"
else build { name = "top"; inherit all; } ''
  mkdir $out
  for p in $all; do echo $p; done >$out/all
''
