/* nix_samples.h - what Nix 2.8 wrote and signed, with keys made for this */
#pragma once

/* A path that refers to itself and to two others. */
#define GAMMA     "iccjyqk6fpkd70vm3jh11n3fq25y1fy6-gamma+x"
#define ALPHA     "v4zy06q1cx3a14wj8c29lmg50gc1gqzd-alpha"
#define BETA      "vgkh1nzf07az4j7p44m2hr79603wdggp-beta-1.0"
#define GAMMA_NAR "1gmxz7z5c5w022n8lmw6z403w17r659cnjpp43nmnpkibrx73bgz"

#define KEY_NAME "nixcache-test-1"
#define KEY64    "nVSqP7blLm0tkLnXqsffc1pCk2WALi9uNsZNmgpHjZ4="
#define KEY_1    KEY_NAME ":" KEY64
#define KEY_2    "other-key-2:cbZW9xy/a7sby44J6jcN/HAAeOvXCuAsE5AH1pQc+Bg="

#define SIG64                                                           \
	"KmN9xkICIDHpGO5nPWs6dmul5yW4QC8mdrOM0ZP010m4rqGQSmM+wyjX0oMRO" \
	"j8Tvjpph+zPpVJ/n8Hd25kKBQ=="
#define SIGNATURE_1 KEY_NAME ":" SIG64
#define SIGNATURE_2                                                    \
	"other-key-2:SezOEA5sjPU4tjY0RyJRCXgsUXBj5nCVc85KO1I33R7cqPws" \
	"fGFE7auctoABJXuMeXmrqYkpnsWDobj1tkahDg=="

#define FINGERPRINT                                                         \
	"1;/nix/store/" GAMMA ";sha256:" GAMMA_NAR ";272;/nix/store/" GAMMA \
	",/nix/store/" ALPHA ",/nix/store/" BETA

/* The lines of its narinfo. */
#define STORE_PATH  "StorePath: /nix/store/" GAMMA "\n"
#define FILE_DIGITS "12gbxzwnh7bdylvxz5xz76c135vwgkv1npzsi291yjrl9pxn9cmk"
#define URL         "URL: nar/" FILE_DIGITS ".nar.zst\n"
#define COMPRESSION "Compression: zstd\n"
#define FILE_HASH   "FileHash: sha256:" FILE_DIGITS "\n"
#define FILE_SIZE   "FileSize: 208\n"
#define NAR_HASH    "NarHash: sha256:" GAMMA_NAR "\n"
#define NAR_SIZE    "NarSize: 272\n"
#define REFERENCES  "References: " GAMMA " " ALPHA " " BETA "\n"
#define DERIVER     "Deriver: zgqgbdxrpak9m17hsprnz98hbzmql7di-gamma+x.drv\n"
#define SIG_1       "Sig: " SIGNATURE_1 "\n"
#define SIG_2       "Sig: " SIGNATURE_2 "\n"

#define HEAD STORE_PATH URL COMPRESSION FILE_HASH FILE_SIZE NAR_HASH NAR_SIZE
#define FULL HEAD REFERENCES DERIVER SIG_1 SIG_2

/* A narinfo without references, with a content address. */
#define HELLO_NAR  "04zwf782yjwnh3q6hz5izfd6jyip8kgw6g6yj43fiqhbyhdd0dqw"
#define HELLO_FILE "17gd6zzlkx90irc6qawagdkgh1d7qvlnq46yjf7xiqw9ycz7zq4a"
#define HELLO                                                                \
	"StorePath: /nix/store/i9pmrzmpshapij2kin22pff6fc2adavx-hello.txt\n" \
	"URL: nar/" HELLO_FILE ".nar.xz\n"                                   \
	"Compression: xz\n"                                                  \
	"FileHash: sha256:" HELLO_FILE "\n"                                  \
	"FileSize: 128\n"                                                    \
	"NarHash: sha256:" HELLO_NAR "\n"                                    \
	"NarSize: 120\n"                                                     \
	"References: \n"                                                     \
	"CA: fixed:r:sha256:" HELLO_NAR "\n"
