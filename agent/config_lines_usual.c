#include "agent/config_build.h"

/* This inih was built with a fixed limit; the reader refuses longer lines. */
void config_allow_long_lines(void)
{
}
