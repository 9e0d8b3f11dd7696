/* Theory of Operation
 *
 * Forked by the launcher, the vault makes itself small in an order that
 * matters: it maps every byte it will use, gives up its privileges, works once
 * so that no library has a first time later, tells the door what holds, closes
 * every descriptor but two, and loads the filter.  From there on it runs on a
 * stack in secret memory and makes five system calls.
 *
 * The loop waits for the door and, until it is loaded, for the intake:
 *
 *   empty    intake bytes pile up in secret memory; every question is refused.
 *            Ends with a VAULT_COMMIT whose secrets are all whole and right.
 *   loaded   the intake is no longer looked at.  Ends with the process: a lock
 *            is a new vault.
 *
 * Requests are read in gulps, all whole frames are answered in their order,
 * and the answers leave in one write.
 *
 * Should: die when the door is gone, a frame is none, or the launcher dies.
 * Mustn't: allocate, print, open, or free after seal_vault(): each of these
 * may end in a system call that kills.
 *
 * Signals are blocked but for SIGTERM, whose default ends the process: what a
 * terminal sends is for the launcher, and a write to a door that is gone is an
 * error like any other.
 */
#include "agent/vault/vault.h"

#include "agent/seal/seal.h"
#include "agent/seal/surroundings.h"
#include "agent/vault/commit.h"
#include "agent/vault/memory.h"
#include "agent/vault/presign.h"
#include "agent/vault/sign.h"
#include "protocol/audit/audit_text.h"
#include "protocol/base/exit_status.h"
#include "protocol/base/fd.h"
#include "protocol/base/log.h"

#include <sodium.h>

#include <errno.h>
#include <poll.h>
#include <signal.h>
#include <string.h>
#include <sys/random.h>
#include <time.h>
#include <unistd.h>

#define DRAIN_READS_MAX 256 /* of a pipe that holds at most 1 MiB */
#define HELLO_MAX       (REPORT_MAX * (sizeof(struct agent_measure) + 8) + 64)

enum vault_event {
	VAULT_DOOR,
	VAULT_INTAKE,
	VAULT_EVENT_COUNT,
};

struct vault {
	struct desk desk;
	struct intake intake;
	struct buffer requests;
	struct buffer replies;
	int door;
	int intake_fd;
	bool has_intake; /* still worth looking at */
	int status;      /* what vault_run() will return */
};

/* 0 or -errno.  The door may have made its socket non-blocking. */
static int flush(struct vault *vault)
{
	struct buffer *replies = &vault->replies;
	struct pollfd door = { .fd = vault->door, .events = POLLOUT };
	size_t done = 0;

	while (done < replies->len) {
		ssize_t n = write(vault->door, replies->data + done,
		                  replies->len - done);

		if (n >= 0) {
			done += (size_t)n;
			continue;
		}
		if (errno != EAGAIN && errno != EINTR)
			return -errno;
		if (errno == EAGAIN && ppoll(&door, 1, NULL, NULL) < 0 &&
		    errno != EINTR)
			return -errno;
	}

	explicit_bzero(replies->data, replies->len);
	buffer_rewind(replies);
	return 0;
}

/* The one place where outcomes become words of the wire. */
static void refuse(struct vault *vault, uint64_t tag,
                   enum vault_outcome outcome, const struct vault_fault *fault)
{
	static const enum vault_refusal refusals[] = {
		[OUTCOME_NOT_LOADED] = VAULT_NOT_LOADED,
		[OUTCOME_BAD_REQUEST] = VAULT_BAD_REQUEST,
		[OUTCOME_NO_SUCH_SECRET] = VAULT_NO_SUCH_SECRET,
		[OUTCOME_MALFORMED] = VAULT_MALFORMED,
		[OUTCOME_KEY_MISMATCH] = VAULT_KEY_MISMATCH,
		[OUTCOME_INTAKE_BROKEN] = VAULT_INTAKE_BROKEN,
	};

	wire_put_refused(&vault->replies, tag, refusals[outcome], fault->slot,
	                 fault->detail);
}

/* The pipe's writer has ended, so all it wrote is there to be read, also what
 * is too much: it must not stand before the next run.  Bounded, should the
 * writer go on all the same. */
static void drain_intake(struct vault *vault)
{
	int rc = vault->has_intake ? 1 : 0;

	for (size_t i = 0; i < DRAIN_READS_MAX && rc == 1; i++)
		rc = intake_read(&vault->intake, vault->intake_fd);
	if (rc < 0)
		vault->has_intake = false;
}

static enum vault_outcome commit(struct vault *vault,
                                 const struct wire_frame *frame,
                                 struct vault_fault *ret_fault)
{
	enum vault_outcome outcome;

	drain_intake(vault);
	outcome = commit_answer(&vault->desk, &vault->intake, frame,
	                        &vault->replies, ret_fault);
	if (vault->desk.keyring->is_loaded)
		vault->has_intake = false;
	return outcome;
}

static enum vault_outcome seal(struct vault *vault,
                               const struct wire_frame *frame,
                               struct vault_fault *ret_fault)
{
	struct vault_sealed sealed;
	struct vault_seal wanted;

	if (wire_get_seal(frame->body, &wanted) < 0) {
		ret_fault->detail = "not a line of the audit log";
		return OUTCOME_BAD_REQUEST;
	}
	audit_key_seal(vault->desk.audit_key, &wanted, &sealed);
	wire_put_sealed(&vault->replies, frame->tag, &sealed);
	return OUTCOME_DONE;
}

/* 0, or -EBADMSG for a frame that no door sends. */
static int answer(struct vault *vault, const struct wire_frame *frame)
{
	struct vault_fault fault = { 0, "" };
	enum vault_outcome outcome = OUTCOME_DONE;

	switch (frame->type) {
	case VAULT_SIGN:
		outcome = sign_answer(&vault->desk, frame, &vault->replies,
		                      &fault);
		break;
	case VAULT_PRESIGN:
		outcome = presign_answer(&vault->desk, frame, &vault->replies,
		                         &fault);
		break;
	case VAULT_COMMIT:
		outcome = commit(vault, frame, &fault);
		break;
	case VAULT_SEAL:
		outcome = seal(vault, frame, &fault);
		break;
	case VAULT_HELLO:
	case VAULT_SIGNED:
	case VAULT_URL:
	case VAULT_LOADED:
	case VAULT_SEALED:
	case VAULT_REFUSED:
		return -EBADMSG;
	}

	if (outcome != OUTCOME_DONE)
		refuse(vault, frame->tag, outcome, &fault);
	return buffer_end(&vault->replies);
}

static bool has_room(const struct vault *vault, const struct wire_frame *frame)
{
	const struct buffer *replies = &vault->replies;

	if (frame->type == VAULT_COMMIT)
		return replies->len == 0;
	return replies->max - replies->len >= VAULT_REPLY_MAX;
}

/* Every whole frame that has come.  0 or -errno. */
static int answer_all(struct vault *vault)
{
	struct buffer *requests = &vault->requests;
	size_t done = 0;

	for (;;) {
		struct wire_frame frame;
		int rc = wire_next((struct bytes){ requests->data + done,
		                                   requests->len - done },
		                   &frame);

		if (rc == 0)
			break;
		if (rc > 0 && !has_room(vault, &frame))
			rc = flush(vault);
		if (rc >= 0)
			rc = answer(vault, &frame);
		if (rc < 0)
			return rc;
		done += frame.size;
	}

	buffer_consume(requests, done);
	return flush(vault);
}

/* 0; -EPIPE when the door is gone; -errno. */
static int hear(struct vault *vault)
{
	struct buffer *requests = &vault->requests;
	ssize_t n = read(vault->door, requests->data + requests->len,
	                 requests->max - requests->len);

	if (n < 0 && (errno == EINTR || errno == EAGAIN))
		return 0;
	if (n <= 0)
		return n < 0 ? -errno : -EPIPE;

	requests->len += (size_t)n;
	return answer_all(vault);
}

/* One wait and what it brings.  0; -EPIPE when the door is gone; -errno. */
static int step(struct vault *vault)
{
	struct pollfd events[VAULT_EVENT_COUNT] = {
		[VAULT_DOOR] = { .fd = vault->door, .events = POLLIN },
		[VAULT_INTAKE] = { .fd = vault->intake_fd, .events = POLLIN },
	};
	nfds_t count = vault->has_intake ? VAULT_EVENT_COUNT : VAULT_INTAKE;

	secret_memory_wipe_registers();
	if (ppoll(events, count, NULL, NULL) < 0)
		return errno == EINTR ? 0 : -errno;
	/* One read a turn: a source without end cannot keep the door waiting. */
	if (events[VAULT_INTAKE].revents != 0 && vault->has_intake &&
	    intake_read(&vault->intake, vault->intake_fd) < 0)
		vault->has_intake = false;
	return events[VAULT_DOOR].revents != 0 ? hear(vault) : 0;
}

/* On the secret stack. */
static void serve(void *argument)
{
	struct vault *vault = argument;
	int rc = 0;

	while (rc == 0)
		rc = step(vault);

	vault->status = rc == -EPIPE ? EXIT_DONE : EXIT_FAILED;
	keyring_clear(vault->desk.keyring);
	audit_key_wipe(vault->desk.audit_key);
	intake_wipe(&vault->intake);
	explicit_bzero(vault->replies.data, vault->replies.max);
}

static void block_signals(void)
{
	sigset_t all;

	(void)signal(SIGTERM, SIG_DFL);
	(void)sigfillset(&all);
	(void)sigdelset(&all, SIGTERM);
	(void)sigprocmask(SIG_SETMASK, &all, NULL);
}

/* Everything the loop calls in a library, once, with a key that is public. */
static int warm_up(void)
{
	uint8_t seed[crypto_sign_SEEDBYTES] = { 0 };
	uint8_t pair[crypto_sign_SECRETKEYBYTES], half[KEY_PUBLIC_LEN];
	uint8_t signature[crypto_sign_BYTES];
	char text[AUDIT_TEXT_MAX];
	struct sigv4_key key;
	struct timespec now;
	size_t len;

	if (sodium_init() < 0)
		return -EIO;
	(void)crypto_sign_seed_keypair(half, pair, seed);
	(void)crypto_sign_detached(signature, NULL, half, sizeof(half), pair);
	(void)sodium_base642bin(half, sizeof(half), "AAAA", 4, "\r\n", &len,
	                        NULL, sodium_base64_VARIANT_ORIGINAL);
	(void)crypto_auth_hmacsha256(signature, seed, sizeof(seed), seed);
	(void)audit_seal_text(UINT64_MAX, seed, half, text);
	sigv4_key_derive(&key, bytes_of_text("warm-up"), "19700101", "", "s3");
	return clock_gettime(CLOCK_REALTIME, &now) < 0 ? -errno : 0;
}

static void init_seal_key(void *argument)
{
	struct audit_key *key = argument;

	audit_key_init(key);
	secret_memory_wipe_registers();
}

/* The kernel writes the seed into secret memory; all that is made of it stays
 * on the secret stack. */
static int make_seal_key(const struct vault_memory *memory)
{
	struct audit_key *key = memory->audit_key;
	ssize_t n = getrandom(key->seed, sizeof(key->seed), 0);

	if (n != (ssize_t)sizeof(key->seed))
		return n < 0 ? -errno : -EIO;
	secret_memory_call(&memory->stack, init_seal_key, key);
	return 0;
}

/* Not inlined: its buffer and the report would make one large frame. */
__attribute__((__noinline__)) static int
say_hello(int door, const struct report *report,
          const struct audit_key *audit_key)
{
	uint8_t memory[HELLO_MAX];
	struct buffer hello;
	int rc;

	buffer_wrap(&hello, memory, sizeof(memory));
	wire_put_hello(&hello, report->measures, report->count,
	               audit_key->first);
	rc = buffer_end(&hello);
	return rc < 0 ? rc : fd_write_full(door, hello.data, hello.len);
}

static int close_range_of(unsigned int first, unsigned int last)
{
	if (first > last)
		return 0;
	return close_range(first, last, 0) < 0 ? -errno : 0;
}

/* Also standard error: what is said from here on, is said to the door. */
static int close_others(int door, int intake)
{
	unsigned int low = (unsigned int)(door < intake ? door : intake);
	unsigned int high = (unsigned int)(door < intake ? intake : door);
	int rc = 0;

	if (low > 0)
		rc = close_range_of(0, low - 1);
	if (rc == 0)
		rc = close_range_of(low + 1, high - 1);
	if (rc == 0)
		rc = close_range_of(high + 1, ~0U);
	return rc;
}

static int fail(const char *what, int rc)
{
	log_error("vault: %s: %s", what, strerrordesc_np(-rc));
	return EXIT_UNSAFE;
}

static int fail_memory(int rc)
{
	(void)fail("secret memory", rc);
	return rc == -EAGAIN || rc == -ENOMEM ? ROLE_EXIT_UNLOCKED
	                                      : EXIT_UNSAFE;
}

/* Up to the filter: what fails here can still be logged.  EXIT_DONE, or the
 * status to end with. */
static int prepare(const struct vault_start *start,
                   struct vault_memory *ret_memory)
{
	struct report report = { .process = "vault" };
	int rc;

	block_signals();
	rc = seal_start(&report);
	if (rc == 0)
		rc = seal_role(start->parent, &report);
	if (rc < 0)
		return fail("seal", rc);

	rc = vault_memory_map(start->config, &report, ret_memory);
	if (rc < 0)
		return fail_memory(rc);

	rc = seal_vault_prepare(&report);
	if (rc < 0)
		return fail("give up privileges", rc);
	rc = warm_up();
	if (rc < 0)
		return fail("warm up", rc);
	rc = make_seal_key(ret_memory);
	if (rc < 0)
		return fail("seal key", rc);

	rc = close_others(start->door, start->intake);
	if (rc < 0)
		return fail("close", rc);

	surroundings_report_descriptors(&report);
	secret_memory_report_stack(&ret_memory->stack, &report);
	seal_vault_report(&report);
	rc = say_hello(start->door, &report, ret_memory->audit_key);
	return rc < 0 ? fail("hello", rc) : EXIT_DONE;
}

static void vault_init(struct vault *vault, const struct vault_start *start,
                       const struct vault_memory *memory)
{
	*vault = (struct vault){
		.desk = {
			.config = start->config,
			.keyring = keyring_init(memory->keyring, start->config),
			.audit_key = memory->audit_key,
			.references = memory->references,
			.fingerprint = memory->fingerprint,
			.fingerprint_size = memory->fingerprint_size,
		},
		.door = start->door,
		.intake_fd = start->intake,
		.has_intake = true,
	};
	intake_init(&vault->intake, memory->intake, memory->intake_size);
	buffer_wrap(&vault->requests, memory->requests, (size_t)WIRE_FRAME_MAX);
	buffer_wrap(&vault->replies, memory->replies, memory->replies_size);
}

int vault_run(const struct vault_start *start)
{
	struct vault_memory memory;
	struct vault vault;
	int status;

	if (fd_set_nonblocking(start->intake) < 0)
		return EXIT_FAILED;
	status = prepare(start, &memory);
	if (status != EXIT_DONE)
		return status;

	vault_init(&vault, start, &memory);
	if (seal_vault(start->door, start->intake) < 0)
		return EXIT_UNSAFE;

	secret_memory_call(&memory.stack, serve, &vault);
	return vault.status;
}
