/* exit_status.h - how the programs end; the man pages list the same */
#pragma once

enum exit_status {
	EXIT_DONE = 0,
	EXIT_FAILED = 1,
	EXIT_NO_AGENT = 2,
	EXIT_LOCKED = 3,
	EXIT_POLICY = 4,
	EXIT_SOURCE = 5,
	EXIT_USAGE = 64,
	EXIT_UNSAFE = 71,
	EXIT_CANNOT_EXECUTE = 126,
	EXIT_NOT_FOUND = 127,
};
