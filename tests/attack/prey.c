#include "tests/attack/prey.h"

#include "protocol/base/cleanup.h"
#include "protocol/base/fd.h"
#include "protocol/base/text.h"
#include "tests/attack/needles.h"

#include <sodium.h>

#include <fcntl.h>
#include <grp.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/prctl.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

/* A number that survives the exec; the shell and meson use the low ones. */
#define TOOLS_FD 100
#define NOBODY   65534

#define BINARY_WINDOW 8
#define TEXT_WINDOW   16
#define NEEDLES_TEXT  (NEEDLES_MAX * (NEEDLE_NAME_MAX + 2 * 64UL))

int prey_open_tools(const char *directory, char *program)
{
	char *argv[] = { program, NULL };
	const char *name;
	int fd = open(directory, O_PATH | O_DIRECTORY);

	if (fd < 0 || dup2(fd, TOOLS_FD) < 0)
		return -1;
	(void)close(fd);
	if (!program || geteuid() != 0)
		return 0;

	name = strrchr(program, '/');
	if (setgroups(0, NULL) < 0 || setgid(NOBODY) < 0 || setuid(NOBODY) < 0)
		return -1;
	(void)execveat(TOOLS_FD, name ? name + 1 : program, argv, environ, 0);
	return -1;
}

int prey_start_plain(const struct vault_rig *rig)
{
	char ready;
	int fds[2];
	pid_t pid;

	if (pipe2(fds, O_CLOEXEC) < 0)
		return -1;
	pid = fork();
	if (pid == 0) {
		struct vault_rig *copy = malloc(sizeof(*copy));

		(void)prctl(PR_SET_PDEATHSIG, SIGKILL);
		/* So that Yama, where it is on, lets the attack in. */
		(void)prctl(PR_SET_PTRACER, PR_SET_PTRACER_ANY);
		if (!copy)
			_exit(1);
		memcpy(copy, rig, sizeof(*copy));
		if (fd_write_full(fds[1], "", 1) < 0)
			_exit(1);
		for (;;)
			(void)pause();
	}

	(void)close(fds[1]);
	if (pid > 0 && fd_read_full(fds[0], &ready, 1) != 1)
		pid = -1;
	(void)close(fds[0]);
	return pid;
}

int prey_kill(int pid, int signal)
{
	int status;

	if (kill(pid, signal) < 0 || waitpid(pid, &status, 0) != pid ||
	    !WIFSIGNALED(status))
		return -1;
	return WTERMSIG(status);
}

bool prey_status_has(int pid, const char *line)
{
	static char status[8192];
	char path[64], wanted[128];
	FILE *file;
	size_t len;

	(void)snprintf(path, sizeof(path), "/proc/%d/status", pid);
	file = fopen(path, "re");
	if (!file)
		return false;
	len = fread(status, 1, sizeof(status) - 1, file);
	(void)fclose(file);
	status[len] = '\0';
	(void)snprintf(wanted, sizeof(wanted), "\n%s\n", line);
	return strstr(status, wanted) != NULL;
}

bool prey_has(const struct vault_rig *rig, const char *name,
              enum measure_state state)
{
	for (size_t i = 0; i < rig->measure_count; i++) {
		if (strcmp(rig->measures[i].name, name) == 0)
			return rig->measures[i].state == state;
	}
	return false;
}

int prey_use_vault(struct vault_rig *rig, size_t count)
{
	struct buffer request;
	struct wire_frame frame;
	int rc = 0;

	buffer_init(&request, (size_t)WIRE_FRAME_MAX);
	for (size_t i = 0; i < count && rc == 0; i++) {
		vault_rig_put_sign(&request, i, (uint16_t)(i % 2));
		if (!vault_rig_ask(rig, &request, &frame) ||
		    frame.type != VAULT_SIGNED)
			rc = -1;
		vault_rig_put_presign(&request, i, 0);
		if (!vault_rig_ask(rig, &request, &frame) ||
		    frame.type != VAULT_URL)
			rc = -1;
	}
	buffer_clear(&request);
	return rc;
}

/* Any part of it that long gives the whole away, or nearly. */
static void put_windows(struct buffer *out, const char *name,
                        struct bytes secret, size_t window)
{
	char hex[2 * TEXT_WINDOW + 1];

	for (size_t i = 0; i + window <= secret.len; i++) {
		text_hex(secret.data + i, window, hex);
		buffer_append_format(out, "%s+%zu %s\n", name, i, hex);
	}
}

/* What ed25519 makes of the seed: the scalar and the prefix of the nonce. */
static void put_signing_key(struct buffer *out, const struct vault_rig *rig,
                            size_t slot)
{
	uint8_t expanded[crypto_hash_sha512_BYTES];
	const struct bytes seed = { rig->seeds[slot], VAULT_RIG_SEED_LEN };
	const char *base64 = strchr(rig->texts[slot], ':') + 1;
	/* The text of the first half; the second is the public key. */
	const struct bytes text = { (const uint8_t *)base64,
		                    VAULT_RIG_SEED_LEN * 4 / 3 };

	(void)crypto_hash_sha512(expanded, seed.data, seed.len);
	put_windows(out, "expanded", (struct bytes){ expanded, 64 },
	            BINARY_WINDOW);
	expanded[0] &= 248;
	expanded[31] = (uint8_t)((expanded[31] & 127) | 64);
	put_windows(out, "scalar", (struct bytes){ expanded, 32 },
	            BINARY_WINDOW);
	put_windows(out, "seed", seed, BINARY_WINDOW);
	put_windows(out, "base64", text, TEXT_WINDOW);
}

/* The key of the day, as two states of SHA-256, which begin with their eight
 * words. */
static void put_day_key(struct buffer *out, const struct vault_rig *rig)
{
	char date[SIGV4_DATE_LEN + 1];
	struct sigv4_key key;

	sigv4_format_date(time(NULL) - 30, date);
	sigv4_key_derive(&key, bytes_of_text(rig->texts[2]), date,
	                 "eu-central-1", "s3");
	put_windows(out, "day-key-inner",
	            (struct bytes){ key.mac.inner.state, SHA256_LEN },
	            BINARY_WINDOW);
	put_windows(out, "day-key-outer",
	            (struct bytes){ key.mac.outer.state, SHA256_LEN },
	            BINARY_WINDOW);
}

static void put_needles(struct buffer *out, const struct vault_rig *rig)
{
	for (size_t i = 0; i < VAULT_RIG_SLOTS; i++) {
		if (rig->slots[i].kind == SECRET_SIGNING_KEY) {
			put_signing_key(out, rig, i);
			continue;
		}
		put_windows(out, "s3", bytes_of_text(rig->texts[i]),
		            TEXT_WINDOW);
	}
	put_day_key(out, rig);
}

static void run(const char *program, int pid, const int fds[2])
{
	char name[64], pid_text[16];
	char *argv[] = { name, pid_text, NULL };

	(void)snprintf(name, sizeof(name), "%s", program);
	(void)snprintf(pid_text, sizeof(pid_text), "%d", pid);
	if (dup2(fds[0], STDIN_FILENO) < 0 || dup2(fds[1], STDOUT_FILENO) < 0)
		_exit(126);
	(void)execveat(TOOLS_FD, program, argv, environ, 0);
	_exit(127);
}

static void print_comment(const char *program, const char *text)
{
	const char *end;

	for (; (end = strchr(text, '\n')); text = end + 1)
		(void)printf("# %s: %.*s\n", program, (int)(end - text), text);
}

int prey_attack(const char *program, int pid, const struct vault_rig *rig,
                char *text)
{
	int in[2], out[2], status;
	struct buffer needles;
	ssize_t len;
	pid_t child;

	if (pipe2(in, O_CLOEXEC) < 0 || pipe2(out, O_CLOEXEC) < 0)
		return -1;
	child = fork();
	if (child < 0)
		return -1;
	if (child == 0)
		run(program, pid, (int[]){ in[0], out[1] });

	(void)close(in[0]);
	(void)close(out[1]);
	buffer_init(&needles, NEEDLES_TEXT);
	if (rig)
		put_needles(&needles, rig);
	if (fd_write_full(in[1], needles.data, needles.len) < 0)
		(void)printf("# %s: reads no needles\n", program);
	buffer_clear(&needles);
	(void)close(in[1]);
	len = fd_read_full(out[0], text, PREY_OUTPUT_MAX - 1);
	(void)close(out[0]);
	if (waitpid(child, &status, 0) != child || len < 0)
		return -1;

	text[len] = '\0';
	print_comment(program, text);
	return WIFEXITED(status) ? WEXITSTATUS(status) : -1;
}

long prey_hits(const char *text, const char *route)
{
	unsigned long long bytes;
	char head[64];
	const char *at;
	long hits;

	(void)snprintf(head, sizeof(head), "route %s: ", route);
	at = strstr(text, head);
	/* NOLINTNEXTLINE(cert-err34-c): our own program wrote it */
	if (!at || sscanf(at + strlen(head), "%llu bytes, %ld hits", &bytes,
	                  &hits) != 2)
		return -1;
	return bytes > 0 ? hits : -1;
}
