/* words.h - from the words of the interface's enums to ours */
#pragma once

#include "protocol/base/bytes.h"
#include "protocol/varlink/agent_api.h"

/* 0, or -EINVAL for a word that is not in the enum. */
must_check int words_find_state(struct bytes word, enum agent_state *ret_state);
must_check int words_find_source_failure(struct bytes word,
                                         enum source_failure *ret_failure);
must_check int words_find_measure_state(struct bytes word,
                                        enum measure_state *ret_state);
must_check int words_find_sign_policy(struct bytes word,
                                      enum sign_policy *ret_sign_policy);
must_check int words_find_confirmation(struct bytes word,
                                       enum confirmation *ret_confirmation);
must_check int words_find_permission(struct bytes word,
                                     enum permission *ret_permission);
