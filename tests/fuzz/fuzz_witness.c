/* What a Nix daemon says to a witness with two clients.  The first byte: bit 0,
 * that the greeting is said for it; bit 1, that a client goes in the middle;
 * the rest, how many bytes come at a time.  Nobody waits for ever, and nothing
 * passes that the daemon has not said. */
#include "tests/fuzz/fuzz.h"

#include "tests/lib/witness_rig.h"

#define VERSION     0x123
#define CLIENTS     2
#define CONNECTS    16
#define STEP_MAX    64
#define FLAG_GREETS 1U
#define FLAG_LEAVES 2U

struct scene {
	struct witness_rig rig;
	struct rig_client clients[CLIENTS];
	bool is_there[CLIENTS];
	bool waits[CLIENTS];
	const uint8_t *bytes;
	size_t len;
};

static bool was_said(const struct scene *s, const void *text, size_t len)
{
	return memmem(s->bytes, s->len, text, len) != NULL;
}

/* All that the first path of a client has was said by the daemon. */
static void check_passed(const struct scene *s, const struct rig_client *client)
{
	const struct sign_path *path = &client->paths[0];
	uint8_t size[8];

	for (size_t i = 0; i < sizeof(size); i++)
		size[i] = (uint8_t)(path->nar_size >> 8 * i);
	MUST(was_said(s, WITNESS_RIG_HASH, strlen(WITNESS_RIG_HASH)));
	MUST(was_said(s, size, sizeof(size)));
	for (size_t i = 0; i < path->references.count; i++) {
		MUST(was_said(s, path->references.items[i],
		              strlen(path->references.items[i])));
	}
}

static void check_client(struct scene *s, size_t i)
{
	struct rig_client *client = &s->clients[i];
	int rc;

	if (!s->is_there[i] || !s->waits[i])
		return;
	rc = rig_client_again(&s->rig, client);
	MUST(rc == GATE_PASSED || rc == GATE_REFUSED || rc == GATE_WAITS);
	s->waits[i] = rc == GATE_WAITS;
	if (rc == GATE_PASSED)
		check_passed(s, client);
	if (rc == GATE_REFUSED) {
		MUST(client->error.error == ERROR_NOT_IN_STORE ||
		     client->error.error == ERROR_POLICY_DENIED);
		fuzz_check_printable(client->error.text,
		                     sizeof(client->error.text));
	}
}

static void check_clients(struct scene *s)
{
	for (size_t i = 0; i < CLIENTS; i++)
		check_client(s, i);
}

static void leave(struct scene *s, size_t i)
{
	if (s->is_there[i])
		rig_client_close(&s->rig, &s->clients[i]);
	s->is_there[i] = false;
}

/* The input goes on over another connection where one was lost. */
static void talk(struct scene *s, unsigned flags)
{
	size_t step = (flags >> 2) + 1, at = 0;
	uint8_t room[STEP_MAX];

	for (int connects = 0; connects < CONNECTS;) {
		struct buffer words;

		if (witness_fd(s->rig.witness) < 0) {
			bool is_up =
				flags & FLAG_GREETS
					? witness_rig_greet(&s->rig, VERSION)
					: witness_rig_connect(&s->rig);

			if (!is_up)
				return;
			connects++;
		}
		if (at >= s->len)
			return;
		buffer_wrap(&words, room, sizeof(room));
		buffer_append(&words, s->bytes + at,
		              s->len - at < step ? s->len - at : step);
		at += words.len;
		if (witness_rig_say(&s->rig, &words))
			check_clients(s);
		if ((flags & FLAG_LEAVES) && at > s->len / 2)
			leave(s, 0);
	}
}

int LLVMFuzzerTestOneInput(const uint8_t *bytes, size_t len)
{
	static struct scene s;

	if (len == 0)
		return 0;
	s = (struct scene){ .bytes = bytes + 1, .len = len - 1 };
	witness_rig_open(&s.rig);
	for (unsigned i = 0; i < CLIENTS; i++) {
		rig_client_open(&s.rig, &s.clients[i], i, 2 - i);
		MUST(rig_client_ask(&s.rig, &s.clients[i]) == GATE_WAITS);
		s.is_there[i] = s.waits[i] = true;
	}
	talk(&s, bytes[0]);
	/* Nothing more comes: time passes, and no store can be had. */
	for (int i = 0; i < CONNECTS; i++) {
		s.rig.now_ms += WITNESS_TIMEOUT_MS;
		(void)witness_rig_step(&s.rig);
		if (witness_wants_store(s.rig.witness))
			witness_take_store(s.rig.witness, -1, "gone");
		check_clients(&s);
	}
	for (size_t i = 0; i < CLIENTS; i++) {
		MUST(!s.is_there[i] || !s.waits[i]);
		leave(&s, i);
	}
	witness_rig_close(&s.rig);
	return 0;
}
