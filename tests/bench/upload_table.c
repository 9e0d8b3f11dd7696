#include "tests/bench/upload_table.h"

#include "protocol/base/cleanup.h"

#include <errno.h>
#include <inttypes.h>
#include <string.h>
#include <time.h>

#define PART_BEGIN "<PartNumber>"
#define ETAG_BEGIN "<ETag>"
#define TIME_SIZE  32

void upload_table_init(struct upload_table *table)
{
	*table = (struct upload_table){ .lock = PTHREAD_MUTEX_INITIALIZER };
}

static struct upload *find_upload(const struct upload_table *table,
                                  const char *id)
{
	struct upload *u = table->head;

	while (u && strcmp(u->id, id) != 0)
		u = u->next;
	return u;
}

static void free_upload(struct upload *u)
{
	for (size_t i = 0; u->parts && i < UPLOAD_PARTS_MAX; i++)
		free(u->parts[i].body.bytes);
	free(u->parts);
	free(u->key);
	free(u);
}

DEFINE_CLEANUP(struct upload *, free_upload)

static void remove_upload(struct upload_table *table, struct upload *gone)
{
	struct upload **slot = &table->head;

	while (*slot != gone)
		slot = &(*slot)->next;
	*slot = gone->next;
	free_upload(gone);
}

int upload_table_begin(struct upload_table *table, const char *key,
                       char ret_id[UPLOAD_ID_LEN + 1])
{
	cleanup(free_upload_at) struct upload *u = calloc(1, sizeof(*u));

	if (!u)
		return -ENOMEM;
	u->key = strdup(key);
	u->parts = calloc(UPLOAD_PARTS_MAX, sizeof(*u->parts));
	if (!u->key || !u->parts)
		return -ENOMEM;
	(void)pthread_mutex_lock(&table->lock);
	(void)snprintf(u->id, sizeof(u->id), "%0*" PRIx64, UPLOAD_ID_LEN,
	               ++table->ids);
	memcpy(ret_id, u->id, sizeof(u->id));
	u->began = time(NULL);
	u->next = table->head;
	table->head = take_ptr(u);
	(void)pthread_mutex_unlock(&table->lock);
	return 0;
}

static int set_part(const struct upload *u, unsigned number, struct body body,
                    const char *etag)
{
	struct upload_part *part;

	if (!u)
		return -ENOENT;
	if (number < 1 || number > UPLOAD_PARTS_MAX)
		return -EINVAL;
	part = &u->parts[number - 1];
	free(part->body.bytes);
	part->body = body;
	(void)snprintf(part->etag, sizeof(part->etag), "%s", etag);
	return 0;
}

int upload_table_put_part(struct upload_table *table, const char *id,
                          unsigned number, struct body body, const char *etag)
{
	int rc;

	(void)pthread_mutex_lock(&table->lock);
	rc = set_part(find_upload(table, id), number, body, etag);
	(void)pthread_mutex_unlock(&table->lock);
	return rc;
}

/* The next part that a completion names; *at moves behind it.  NULL: none;
 * *ret_rc is then 0 at the end, or -EINVAL. */
static const struct upload_part *next_part(const struct upload *u,
                                           const char **at, int *ret_rc)
{
	const char *number = strstr(*at, PART_BEGIN);
	const char *etag = number ? strstr(number, ETAG_BEGIN) : NULL;
	const struct upload_part *part;
	unsigned long n;

	*ret_rc = number ? -EINVAL : 0;
	if (!etag)
		return NULL;
	n = strtoul(number + strlen(PART_BEGIN), NULL, 10);
	etag += strlen(ETAG_BEGIN);
	etag += strncmp(etag, "&quot;", 6) == 0 ? 6 : *etag == '"';
	*at = etag;
	if (n < 1 || n > UPLOAD_PARTS_MAX)
		return NULL;
	part = &u->parts[n - 1];
	return part->etag[0] && strncmp(etag, part->etag, ETAG_LEN) == 0 ? part
	                                                                 : NULL;
}

static int measure_parts(const struct upload *u, const char *completion,
                         uint64_t *ret_size, bool *ret_is_kept)
{
	const struct upload_part *part;
	uint64_t size = 0;
	bool is_kept = true;
	int rc;

	while ((part = next_part(u, &completion, &rc))) {
		size += part->body.size;
		is_kept = is_kept && part->body.bytes;
	}
	*ret_size = size;
	*ret_is_kept = is_kept;
	return rc;
}

static int join_parts(const struct upload *u, const char *completion,
                      struct body *ret_body)
{
	const struct upload_part *part;
	uint64_t size = 0, at = 0;
	uint8_t *bytes = NULL;
	bool is_kept = false;
	int rc = measure_parts(u, completion, &size, &is_kept);

	if (rc < 0)
		return rc;
	if (is_kept) {
		bytes = malloc(size + 1);
		if (!bytes)
			return -ENOMEM;
	}
	while (bytes && (part = next_part(u, &completion, &rc))) {
		memcpy(bytes + at, part->body.bytes, part->body.size);
		at += part->body.size;
	}
	*ret_body = (struct body){ .bytes = bytes, .size = size };
	return 0;
}

int upload_table_complete(struct upload_table *table, const char *id,
                          const char *completion, struct body *ret_body)
{
	struct upload *u;
	int rc = -ENOENT;

	(void)pthread_mutex_lock(&table->lock);
	u = find_upload(table, id);
	if (u)
		rc = join_parts(u, completion, ret_body);
	if (rc == 0)
		remove_upload(table, u);
	(void)pthread_mutex_unlock(&table->lock);
	return rc;
}

void upload_table_abort(struct upload_table *table, const char *id)
{
	struct upload *u;

	(void)pthread_mutex_lock(&table->lock);
	u = find_upload(table, id);
	if (u)
		remove_upload(table, u);
	(void)pthread_mutex_unlock(&table->lock);
}

static void print_upload(const struct upload *u, size_t skip, FILE *out)
{
	char began[TIME_SIZE];
	struct tm parts;

	(void)strftime(began, sizeof(began), "%Y-%m-%dT%H:%M:%S.000Z",
	               gmtime_r(&u->began, &parts));
	(void)fprintf(out,
	              "<Upload><Key>%s</Key><UploadId>%s</UploadId>"
	              "<Initiated>%s</Initiated></Upload>",
	              u->key + skip, u->id, began);
}

void upload_table_print(struct upload_table *table, const char *prefix,
                        size_t skip, FILE *out)
{
	(void)pthread_mutex_lock(&table->lock);
	for (const struct upload *u = table->head; u; u = u->next) {
		if (strncmp(u->key, prefix, strlen(prefix)) == 0)
			print_upload(u, skip, out);
	}
	(void)pthread_mutex_unlock(&table->lock);
}

int upload_table_print_parts(struct upload_table *table, const char *id,
                             FILE *out)
{
	const struct upload *u;

	(void)pthread_mutex_lock(&table->lock);
	u = find_upload(table, id);
	for (unsigned i = 0; u && i < UPLOAD_PARTS_MAX; i++) {
		if (!u->parts[i].etag[0])
			continue;
		(void)fprintf(out,
		              "<Part><PartNumber>%u</PartNumber>"
		              "<ETag>&quot;%s&quot;</ETag><Size>%" PRIu64
		              "</Size></Part>",
		              i + 1, u->parts[i].etag, u->parts[i].body.size);
	}
	(void)pthread_mutex_unlock(&table->lock);
	return u ? 0 : -ENOENT;
}
