#include "agent/config_build.h"

#include <ini.h>

/* Debian builds inih with these as variables.  Three more than the line: CR,
 * LF and NUL. */
void config_allow_long_lines(void)
{
	ini_max_line = CONFIG_LINE_MAX + 3;
}
