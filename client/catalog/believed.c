#include "client/catalog/believed.h"

#include "client/nixconf/nix_conf.h"

_Static_assert(BELIEVED_WHY_MAX >= NIX_CONF_WHY_MAX, "a reason fits");

static int add_keys_of_nix(struct trust *trust, char why[BELIEVED_WHY_MAX])
{
	__attribute__((__cleanup__(
		nix_conf_clear))) struct nix_conf conf = { .netrc_file = NULL };
	size_t skipped;

	why[0] = '\0';
	if (nix_conf_load(&conf, why) < 0)
		return 0;
	return trust_add(trust, &conf.trusted_public_keys, &skipped);
}

int believed_load(const struct agent_cache *cache, struct trust *ret_trust,
                  char why[BELIEVED_WHY_MAX])
{
	size_t skipped;
	int rc = trust_add(ret_trust, &cache->public_keys, &skipped);

	if (rc == 0)
		rc = trust_add(ret_trust, &cache->upstream_keys, &skipped);
	return rc < 0 ? rc : add_keys_of_nix(ret_trust, why);
}
