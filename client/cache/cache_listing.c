/* cache_listing.c - a page of names, whoever made it */
#include "client/cache/cache.h"

#include <stdlib.h>

void cache_listing_free(struct cache_listing *listing)
{
	if (!listing)
		return;
	for (size_t i = 0; i < listing->count; i++)
		free(listing->objects[i].key);
	free(listing->objects);
	free(listing->token);
	free(listing);
}
