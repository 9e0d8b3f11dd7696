#include "protocol/varlink/json_read.h"

#include "protocol/varlink/scan.h"

#include <errno.h>
#include <stdlib.h>

/* Of what is asked for in batches; what is said more densely grows the row. */
#define BYTES_A_VALUE 32

struct json_tree {
	unsigned owners;
	size_t text_size;
	uint8_t *text;
	struct json_row row;
};

static void tree_free(struct json_tree *tree)
{
	if (tree->text)
		explicit_bzero(tree->text, tree->text_size);
	free(tree->text);
	free(tree->row.values);
	free(tree);
}

static int tree_new(struct bytes text, struct json_tree **ret_tree)
{
	struct json_tree *tree = calloc(1, sizeof(*tree));

	if (!tree)
		return -ENOMEM;
	tree->owners = 1;
	tree->text_size = text.len + 1;
	tree->text = malloc(tree->text_size);
	tree->row.capacity = text.len / BYTES_A_VALUE + 8;
	tree->row.values = reallocarray(NULL, tree->row.capacity,
	                                sizeof(*tree->row.values));
	if (!tree->text || !tree->row.values) {
		tree_free(tree);
		return -ENOMEM;
	}
	if (text.len > 0)
		memcpy(tree->text, text.data, text.len);
	tree->text[text.len] = '\0';
	*ret_tree = tree;
	return 0;
}

int json_read(struct bytes text, struct json_tree **ret_tree)
{
	struct json_tree *tree;
	int rc;

	if (text.len > SCAN_TEXT_MAX)
		return -EBADMSG;
	rc = tree_new(text, &tree);
	if (rc < 0)
		return rc;
	rc = scan_text(tree->text, text.len, &tree->row);
	if (rc < 0) {
		tree_free(tree);
		return rc;
	}
	*ret_tree = tree;
	return 0;
}

const struct json_value *json_tree_root(const struct json_tree *tree)
{
	return tree->row.values;
}

struct json_tree *json_tree_get(struct json_tree *tree)
{
	if (tree)
		tree->owners++;
	return tree;
}

void json_tree_put(struct json_tree *tree)
{
	if (tree && --tree->owners == 0)
		tree_free(tree);
}
