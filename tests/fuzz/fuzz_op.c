/* What op says on standard error; the first byte is its exit status. */
#include "tests/fuzz/fuzz.h"

#include "agent/launcher/failure.h"
#include "protocol/base/cleanup.h"

int LLVMFuzzerTestOneInput(const uint8_t *bytes, size_t len)
{
	struct fetch_outcome outcome;
	cleanup_free char *said = NULL;
	char line[64];

	if (len == 0)
		return 0;
	/* Without the NUL: op's words have none. */
	said = malloc(len);
	MUST(said);
	memcpy(said, bytes + 1, len - 1);

	memset(&outcome, 0xff, sizeof(outcome));
	op_failure_read(&outcome, bytes[0], said, len - 1);
	MUST(!outcome.is_ok && outcome.failure <= SOURCE_FAILED);
	MUST(outcome.retry_after <= 604800);
	MUST(outcome.retry_after == 0 ||
	     outcome.failure == SOURCE_RATE_LIMITED);
	MUST(outcome.detail[0] != '\0');
	fuzz_check_printable(outcome.detail, sizeof(outcome.detail));

	failure_last_line(said, len - 1, line, sizeof(line));
	fuzz_check_printable(line, sizeof(line));
	return 0;
}
