#include "tests/lib/closure_stage.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

void closure_stage_name(size_t index, char ret_base[STORE_PATH_BASE_SIZE])
{
	(void)snprintf(ret_base, STORE_PATH_BASE_SIZE, "%032zu-p", index);
}

void closure_stage_make(struct closure *closure, size_t count)
{
	*closure = (struct closure){
		.paths = calloc(count + 1, sizeof(*closure->paths)),
		.by_name = calloc(count + 1, sizeof(*closure->by_name)),
		.count = count,
	};
	if (!closure->paths || !closure->by_name)
		abort();
	for (size_t i = 0; i < count; i++) {
		struct path_info *info = &closure->paths[i];

		closure_stage_name(i, info->base);
		info->nar_size = i + 1;
		memcpy(info->nar_hash.sha256, &i, sizeof(i));
		closure->by_name[i] = i; /* as many digits each */
	}
}

void closure_stage_refer(struct closure *closure, size_t from, size_t to)
{
	struct strings *references = &closure->paths[from].references;
	char base[STORE_PATH_BASE_SIZE];

	closure_stage_name(to, base);
	if (strings_add(references, base, strlen(base)) < 0)
		abort();
	strings_sort(references);
}
