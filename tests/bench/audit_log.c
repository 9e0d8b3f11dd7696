/* Writes an audit log of COUNT signatures to standard output, sealed every 256
 * lines, and the public key of its signing key to standard error. */
#include "tests/lib/audit_rig.h"

#include <stdio.h>
#include <stdlib.h>

#define SEAL_EVERY 256

static void flush(struct audit_rig *rig)
{
	if (fwrite(rig->log.data, 1, rig->log.len, stdout) != rig->log.len)
		exit(1);
	buffer_rewind(&rig->log);
}

int main(int argc, char **argv)
{
	unsigned long count = argc > 1 ? strtoul(argv[1], NULL, 10) : 1000;
	char key[KEY_PUBLIC_TEXT_SIZE];
	struct audit_rig rig;

	audit_rig_init(&rig, "bench-1");
	public_key_format(&rig.key, key);
	(void)fprintf(stderr, "%s\n", key);
	audit_rig_start(&rig, 100);
	audit_rig_vault(&rig);
	audit_rig_unlocked(&rig);
	for (unsigned long i = 0; i < count; i++) {
		audit_rig_sign(&rig, "allowed");
		if (i % SEAL_EVERY == SEAL_EVERY - 1)
			audit_rig_seal(&rig);
		flush(&rig);
	}
	audit_rig_line(&rig, "end", "");
	audit_rig_seal(&rig);
	flush(&rig);
	audit_rig_clear(&rig);
	return 0;
}
