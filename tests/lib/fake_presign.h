/* fake_presign.h - agent_presign() without an agent: URLs of a loopback server
 *
 * A program that links this has no other agent_presign().  The path of a URL
 * is the operation's name and the key, as in /PutObject/nix-cache-info.
 */
#pragma once

#include "client/agent_call.h"

#define FAKE_PRESIGN_SECRET    "X-Amz-Signature=5ec5e7"
#define FAKE_PRESIGN_ASKED_MAX 256

/* What a test wants to know of a request afterwards. */
struct fake_asked {
	enum s3_operation operation;
	char key[128];
	char prefix[64];
	char key_marker[128];
	char upload_id[64];
	char upload_id_marker[64];
	char token[64];
	char start_after[64];
	uint32_t max_keys;
	uint64_t content_length;
	uint8_t content_md5[S3_MD5_LEN];
	uint32_t part_number;
	bool has_content_md5;
	bool if_none_match;
};

struct fake_presign {
	unsigned port;
	enum agent_outcome outcome; /* of every call */
	const char *refused_key;    /* AGENT_E_POLICY; NULL: none */
	unsigned expired_count;     /* so many URLs are too old already */
	struct agent_pace pace;     /* of every answer */

	unsigned calls;
	struct agent_pressure told; /* all together */
	unsigned told_count;        /* calls with a pressure */
	size_t asked_count;
	struct fake_asked asked[FAKE_PRESIGN_ASKED_MAX];
};

struct fake_presign *fake_presign_new(unsigned port);
void fake_presign_free(struct fake_presign *fake);

/* To be given to a function that asks an agent. */
struct agent *fake_presign_use(struct fake_presign *fake);
