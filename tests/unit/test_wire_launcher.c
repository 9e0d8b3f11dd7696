#include "tests/lib/test.h"

#include "agent/wire.h"
#include "protocol/base/fd.h"

#include <errno.h>
#include <fcntl.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

struct line {
	int launcher, door;
};

static struct line line_open(void)
{
	int ends[2] = { -1, -1 };

	CHECK(socketpair(AF_UNIX, SOCK_SEQPACKET | SOCK_CLOEXEC, 0, ends) == 0);
	return (struct line){ ends[0], ends[1] };
}

static void line_close(struct line line)
{
	CHECK(line.launcher < 0 || close(line.launcher) == 0);
	CHECK(close(line.door) == 0);
}

static void launcher_packets_come_in_order(void)
{
	static const enum launcher_type types[] = {
		LAUNCHER_FETCH,
		LAUNCHER_RENEW,
		LAUNCHER_LOADED,
		LAUNCHER_QUIT,
	};
	struct line line = line_open();
	struct launcher_packet packet;

	for (size_t i = 0; i < sizeof(types) / sizeof(*types); i++)
		CHECK(wire_send_launcher(line.door, types[i], -1) == 0);
	for (size_t i = 0; i < sizeof(types) / sizeof(*types); i++) {
		CHECK(wire_receive_launcher(line.launcher, &packet) == 1);
		CHECK(packet.type == types[i] && packet.fd == -1);
	}
	CHECK(close(line.door) == 0);
	line.door = line.launcher;
	line.launcher = -1;
	CHECK(wire_receive_launcher(line.door, &packet) == 0);
	line_close(line);
}

static void a_vault_comes_with_its_descriptor_and_nothing_else_does(void)
{
	struct line line = line_open();
	struct launcher_packet packet = { .type = LAUNCHER_QUIT, .fd = -2 };
	int before = dup(line.door), after;

	CHECK(close(before) == 0);
	CHECK(wire_send_launcher(line.launcher, LAUNCHER_FETCH, line.door) ==
	      0);
	CHECK(wire_receive_launcher(line.door, &packet) == -EBADMSG);
	CHECK(wire_send_vault(line.launcher, LOCK_SLEEP, -1) == 0);
	CHECK(wire_receive_launcher(line.door, &packet) == -EBADMSG);
	CHECK(packet.type == LAUNCHER_QUIT && packet.fd == -2);

	/* The descriptor that was refused has been closed. */
	after = dup(line.door);
	CHECK(after == before && close(after) == 0);

	CHECK(wire_send_launcher(line.launcher, LAUNCHER_VAULT, line.door) ==
	      0);
	CHECK(wire_receive_launcher(line.door, &packet) == -EBADMSG);
	CHECK(wire_send_vault(line.launcher, LOCK_REASON_LAST + 1, line.door) ==
	      0);
	CHECK(wire_receive_launcher(line.door, &packet) == -EBADMSG);

	CHECK(wire_send_vault(line.launcher, LOCK_SLEEP, line.door) == 0);
	CHECK(wire_receive_launcher(line.door, &packet) == 1);
	CHECK(packet.type == LAUNCHER_VAULT && packet.reason == LOCK_SLEEP);
	CHECK(fcntl(packet.fd, F_GETFD) == FD_CLOEXEC);
	CHECK(close(packet.fd) == 0);
	line_close(line);
}

static void an_outcome_comes_back_as_it_went(void)
{
	struct line line = line_open();
	struct fetch_outcome want = {
		.failure = SOURCE_FAILED,
		.retry_after = 4000000000U,
	};
	struct launcher_packet packet;

	memset(want.detail, 'd', sizeof(want.detail) - 1);
	CHECK(wire_send_outcome(line.launcher, LAUNCHER_FETCHED, &want) == 0);
	CHECK(wire_receive_launcher(line.door, &packet) == 1);
	CHECK(packet.type == LAUNCHER_FETCHED && packet.fd == -1);
	CHECK(!packet.outcome.is_ok && packet.outcome.failure == SOURCE_FAILED);
	CHECK(packet.outcome.retry_after == 4000000000U);
	CHECK(strcmp(packet.outcome.detail, want.detail) == 0);

	want = (struct fetch_outcome){ .is_ok = true };
	CHECK(wire_send_outcome(line.launcher, LAUNCHER_FETCHED, &want) == 0);
	CHECK(wire_receive_launcher(line.door, &packet) == 1);
	CHECK(packet.outcome.is_ok && packet.outcome.detail[0] == '\0');
	line_close(line);
}

static void a_measure_comes_as_it_went(void)
{
	struct line line = line_open();
	struct agent_measure want = { .name = "n", .state = MEASURE_WEAKER };
	struct launcher_packet packet;

	memset(want.process, 'p', sizeof(want.process) - 1);
	memset(want.detail, 'd', sizeof(want.detail) - 1);
	CHECK(wire_send_measure(line.launcher, &want) == 0);
	CHECK(wire_receive_launcher(line.door, &packet) == 1);
	CHECK(packet.type == LAUNCHER_MEASURE && packet.fd == -1);
	CHECK(packet.measure.state == MEASURE_WEAKER);
	CHECK(strcmp(packet.measure.name, want.name) == 0);
	CHECK(strcmp(packet.measure.process, want.process) == 0);
	CHECK(strcmp(packet.measure.detail, want.detail) == 0);
	line_close(line);
}

static int receive_raw(const struct line *line, const void *bytes, size_t len)
{
	struct launcher_packet packet;

	CHECK(fd_send(line->launcher, bytes, len, -1) == 0);
	return wire_receive_launcher(line->door, &packet);
}

static void broken_packets_are_refused(void)
{
	static const uint8_t outcome[] = {
		LAUNCHER_FETCHED, 1, 0, 0, 0, 0, 0, 0, 2, 'o', 'k'
	};
	struct line line = line_open();
	uint8_t packet[WIRE_PACKET_MAX + 1] = { 0 };

	for (size_t len = 1; len <= sizeof(outcome); len++) {
		CHECK(receive_raw(&line, outcome, len) ==
		      (len == sizeof(outcome) ? 1 : -EBADMSG));
	}
	memcpy(packet, outcome, sizeof(outcome));
	CHECK(receive_raw(&line, packet, sizeof(outcome) + 1) == -EBADMSG);
	packet[1] = 2;
	CHECK(receive_raw(&line, packet, sizeof(outcome)) == -EBADMSG);
	packet[1] = 0;
	packet[2] = SOURCE_FAILED + 1;
	CHECK(receive_raw(&line, packet, sizeof(outcome)) == -EBADMSG);
	packet[2] = SOURCE_FAILED;
	CHECK(receive_raw(&line, packet, sizeof(outcome)) == 1);

	packet[0] = 0;
	CHECK(receive_raw(&line, packet, 1) == -EBADMSG);
	packet[0] = LAUNCHER_FETCHED + 1;
	CHECK(receive_raw(&line, packet, 1) == -EBADMSG);
	packet[0] = LAUNCHER_QUIT;
	CHECK(receive_raw(&line, packet, 1) == 1);
	CHECK(receive_raw(&line, packet, 2) == -EBADMSG);
	CHECK(receive_raw(&line, packet, sizeof(packet)) == -EMSGSIZE);
	line_close(line);
}

int main(void)
{
	static const struct test tests[] = {
		{ "launcher packets come in order",
		  launcher_packets_come_in_order },
		{ "a vault comes with its descriptor and nothing else does",
		  a_vault_comes_with_its_descriptor_and_nothing_else_does },
		{ "a measure comes as it went", a_measure_comes_as_it_went },
		{ "an outcome comes back as it went",
		  an_outcome_comes_back_as_it_went },
		{ "broken packets are refused", broken_packets_are_refused },
	};

	return test_main(tests, sizeof(tests) / sizeof(tests[0]));
}
