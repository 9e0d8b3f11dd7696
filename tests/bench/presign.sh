#!/bin/bash
# presign.sh - what a presigned URL costs, beside making it in one process
#
# usage: presign.sh [BUILD-FOLDER]
. "$(dirname "$0")/../lib/bench.sh"
bench_begin "$@"

bench_credentials
key_make bench-1 || exit
agent_config "$(agent_s3_cache main \
	's3://bucket/nix/cache?endpoint=127.0.0.1:9000&scheme=http&region=us-east-1')"
agent_start && "$client" unlock >/dev/null || exit

botocore_rate=$(/usr/bin/python3 "$flow_root/tests/bench/botocore_rate.py")

BENCH_JSON=$bench_out/presign.json \
	"$tools/presign_bench" "$agent_socket" main 127.0.0.1:9000 bucket \
	${botocore_rate:+"$botocore_rate"}
