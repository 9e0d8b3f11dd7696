#include "client/cmd/use_print.h"
#include "protocol/base/exit_status.h"
#include "protocol/base/log.h"
#include "protocol/varlink/json_write.h"

#include <errno.h>
#include <stdio.h>
#include <string.h>

#define JSON_MAX ((size_t)1024 * 1024)

static int failed(const struct nix_conf_addition *addition, int rc)
{
	log_error("use: %s: %s", addition->label ? addition->label : "remove",
	          strerror(-rc));
	return EXIT_FAILED;
}

static void put_list(struct buffer *out, const char *key,
                     const struct strings *list)
{
	json_put_key(out, key);
	buffer_append_char(out, '[');
	for (size_t i = 0; i < list->count; i++) {
		json_put_next(out);
		json_put_text(out, bytes_of_text(list->items[i]));
	}
	buffer_append_char(out, ']');
}

int use_print_json(const struct nix_conf_addition *addition,
                   const struct use_place *place, const char *machine,
                   bool changed)
{
	cleanup_buffer struct buffer out;
	const char *text;

	buffer_init(&out, JSON_MAX);
	buffer_append_char(&out, '{');
	json_put_text_member(&out, "file", bytes_of_text(place->nix_conf));
	json_put_key(&out, "changed");
	buffer_append_text(&out, changed ? "true" : "false");
	if (addition->label) {
		json_put_text_member(&out, "label",
		                     bytes_of_text(addition->label));
		put_list(&out, "substituters", &addition->substituters);
		put_list(&out, "publicKeys", &addition->public_keys);
	}
	if (machine[0]) {
		json_put_text_member(&out, "netrcFile",
		                     bytes_of_text(place->netrc));
	}
	buffer_append_text(&out, "}\n");
	text = buffer_text(&out);
	if (!text)
		return failed(addition, -ENOMEM);
	(void)fputs(text, stdout);
	return EXIT_DONE;
}

int use_print_lines(const struct nix_conf_addition *addition,
                    const struct use_place *place, const char *machine)
{
	cleanup_buffer struct buffer text;
	int rc;

	buffer_init(&text, 0);
	rc = nix_conf_edit_print(addition, &text);
	if (rc < 0)
		return failed(addition, rc);
	(void)fwrite(text.data, 1, text.len, stdout);
	if (machine[0]) {
		(void)printf("# and into %s, mode 0600, as its first line:\n"
		             "# machine %s login nixcache password PASSWORD\n",
		             place->netrc, machine);
	}
	return EXIT_DONE;
}
