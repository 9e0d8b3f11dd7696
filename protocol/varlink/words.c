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

int words_find_sign_policy(struct bytes word, enum sign_policy *ret_sign_policy)
{
	for (int i = SIGN_IN_STORE; i <= SIGN_ANY; i++) {
		enum sign_policy value = (enum sign_policy)i;

		if (bytes_equal(word, bytes_of_text(sign_policy_name(value)))) {
			*ret_sign_policy = value;
			return 0;
		}
	}
	return -EINVAL;
}

int words_find_confirmation(struct bytes word,
                            enum confirmation *ret_confirmation)
{
	for (int i = 0; i <= CONFIRM_COUNT - 1; i++) {
		enum confirmation value = (enum confirmation)i;

		if (bytes_equal(word,
		                bytes_of_text(confirmation_name(value)))) {
			*ret_confirmation = value;
			return 0;
		}
	}
	return -EINVAL;
}

int words_find_permission(struct bytes word, enum permission *ret_permission)
{
	for (int i = 0; i <= PERMIT_COUNT - 1; i++) {
		enum permission value = (enum permission)i;

		if (bytes_equal(word, bytes_of_text(permission_name(value)))) {
			*ret_permission = value;
			return 0;
		}
	}
	return -EINVAL;
}
