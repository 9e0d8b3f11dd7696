/* A Nix daemon that has said all it will say before it was asked: two bytes
 * (version and trust, the question), and its words. */
#include "tests/fuzz/fuzz.h"

#include "client/store/daemon_state.h"

#include <errno.h>
#include <sys/socket.h>
#include <unistd.h>

#define BASE_A "00000000000000000000000000000000-a"
#define BASE_B "11111111111111111111111111111111-b"

/* NOLINTBEGIN(*-non-const-global-variables): a list owns its texts */
static char base_a[] = BASE_A;
static char base_b[] = BASE_B;
static char signature[] =
	"k-1:AAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAA"
	"AAAAAAAAAAAAAAAAAAAA==";
static char *base_items[] = { base_a, base_b };
static char *signature_items[] = { signature };
/* NOLINTEND(*-non-const-global-variables) */

static const struct strings bases = { .items = base_items, .count = 2 };
static const struct strings signatures = { .items = signature_items,
	                                   .count = 1 };

static int query_infos(struct daemon *d, struct daemon_error *error)
{
	struct path_info infos[2];
	int rc = daemon_query_infos(d, &bases, infos, error);

	for (size_t i = 0; rc == 0 && i < 2; i++) {
		const struct path_info *info = &infos[i];

		MUST(info->base[0] == '\0' ||
		     strcmp(info->base, bases.items[i]) == 0);
		path_info_clear(&infos[i]);
	}
	return rc;
}

static int import(struct daemon *d, struct daemon_error *error)
{
	static const uint8_t nar[128];
	struct path_info info = { .base = BASE_A, .nar_size = sizeof(nar) };
	int rc;

	rc = daemon_import_begin(d, &info, error);
	if (rc == 0)
		rc = daemon_import_write(d, (struct bytes){ nar, sizeof(nar) },
		                         error);
	if (rc == 0)
		rc = daemon_import_end(d, error);
	return rc;
}

static int ask(struct daemon *d, unsigned question, struct daemon_error *error)
{
	bool valid[2];

	switch (question % 7) {
	case 0:
		return query_infos(d, error);
	case 1:
		return daemon_query_valid(d, &bases, valid, error);
	case 2:
		return daemon_query_substitutable(d, &bases, valid, error);
	case 3:
		return daemon_add_signatures(d, BASE_A, &signatures, error);
	case 4:
		return daemon_ensure(d, BASE_A, error);
	case 5:
		return import(d, error);
	default:
		return daemon_add_temp_roots(d, &bases, error);
	}
}

static struct daemon *daemon_of(int fd, unsigned byte)
{
	struct daemon *d = calloc(1, sizeof(*d));

	MUST(d);
	MUST(channel_adopt(fd, fd, &d->channel) == 0);
	d->version = WORKER_VERSION_MIN +
	             byte % (WORKER_VERSION - WORKER_VERSION_MIN + 1);
	d->trust = (enum worker_trust)(byte / 32 % 3);
	(void)snprintf(d->name, sizeof(d->name), "nix daemon");
	(void)snprintf(d->store_dir, sizeof(d->store_dir), "/nix/store");
	return d;
}

int LLVMFuzzerTestOneInput(const uint8_t *bytes, size_t len)
{
	struct daemon_error error;
	struct daemon *d;
	int pair[2];

	if (len < 2 || len > 65536)
		return 0;
	MUST(socketpair(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0, pair) == 0);
	MUST(len == 2 ||
	     write(pair[1], bytes + 2, len - 2) == (ssize_t)(len - 2));
	MUST(shutdown(pair[1], SHUT_WR) == 0);
	d = daemon_of(pair[0], bytes[0]);
	for (unsigned i = 0; i < 3; i++) {
		int rc;

		error.text[0] = '\0';
		rc = ask(d, bytes[1] + i * (bytes[1] / 7), &error);
		MUST(rc <= 0);
		fuzz_check_printable(error.text, sizeof(error.text));
		MUST((rc < 0) == (error.text[0] != '\0'));
		if (rc < 0 && d->is_importing)
			break;
	}
	daemon_close(d);
	(void)close(pair[1]);
	return 0;
}
