#include "protocol/nix/path_info.h"

#include <stdlib.h>

void path_info_clear(struct path_info *info)
{
	strings_clear(&info->references);
	strings_clear(&info->signatures);
	free(info->content_address);
	*info = (struct path_info){ .base = "" };
}
