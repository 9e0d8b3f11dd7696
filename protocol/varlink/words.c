#include "protocol/varlink/words.h"

#include <errno.h>

int words_find_state(struct bytes word, enum agent_state *ret_state)
{
	for (int i = AGENT_LOCKED; i <= AGENT_UNLOCKED; i++) {
		enum agent_state state = (enum agent_state)i;

		if (bytes_equal(word, bytes_of_text(agent_state_name(state)))) {
			*ret_state = state;
			return 0;
		}
	}
	return -EINVAL;
}

int words_find_source_failure(struct bytes word,
                              enum source_failure *ret_failure)
{
	for (int i = SOURCE_NOT_SIGNED_IN; i <= SOURCE_FAILED; i++) {
		enum source_failure failure = (enum source_failure)i;

		if (bytes_equal(word,
		                bytes_of_text(source_failure_name(failure)))) {
			*ret_failure = failure;
			return 0;
		}
	}
	return -EINVAL;
}

int words_find_measure_state(struct bytes word, enum measure_state *ret_state)
{
	for (int i = MEASURE_HELD; i <= MEASURE_ABSENT; i++) {
		enum measure_state state = (enum measure_state)i;

		if (bytes_equal(word,
		                bytes_of_text(measure_state_name(state)))) {
			*ret_state = state;
			return 0;
		}
	}
	return -EINVAL;
}
