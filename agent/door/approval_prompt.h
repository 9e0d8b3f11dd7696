/* approval_prompt.h - the sentence that a person says yes or no to */
#pragma once

#include "agent/door/approval.h"

/* One line of plain ASCII.  What a process may have chosen itself, the name of
 * its program and what it asks for, can neither end its quotes nor be read as
 * markup, an escape sequence or a line of its own.  window: seconds that a yes
 * is good for, 0: for this call alone. */
void approval_prompt(const struct approval_question *question,
                     const struct config *config, uint32_t window,
                     char ret_text[ERRAND_TEXT_MAX]);
