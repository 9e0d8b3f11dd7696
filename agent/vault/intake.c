#include "agent/vault/intake.h"

#include "agent/vault/vault.h"

#include <errno.h>
#include <string.h>
#include <unistd.h>

#define END_LABEL  "end"
#define DIGITS_MAX 5 /* of a slot number */

void intake_init(struct intake *intake, void *memory, size_t size)
{
	*intake = (struct intake){ .data = memory, .size = size };
}

void intake_wipe(struct intake *intake)
{
	explicit_bzero(intake->data, intake->size);
	intake->len = 0;
	intake->has_overflowed = false;
}

/* When there is too much, the pipe is still emptied, so that its writer comes
 * to an end, but nothing of it will be taken. */
int intake_read(struct intake *intake, int fd)
{
	ssize_t n;

	if (intake->len == intake->size) {
		intake_wipe(intake);
		intake->has_overflowed = true;
	}

	n = read(fd, intake->data + intake->len, intake->size - intake->len);
	if (n < 0 && errno == EINTR)
		return 1;
	if (n < 0)
		return errno == EAGAIN ? 0 : -errno;
	if (n == 0)
		return -EPIPE;

	intake->len += (size_t)n;
	return 1;
}

/* The texts of one run: what is left of it, and its mark. */
struct run {
	const uint8_t *next;
	size_t left;
	const uint8_t *mark;
};

static bool is_space(uint8_t c)
{
	return c == ' ' || c == '\n' || c == '\r' || c == '\t';
}

static bool is_mark(const uint8_t *at)
{
	const size_t prefix = sizeof(VAULT_MARK_PREFIX) - 1;

	if (memcmp(at, VAULT_MARK_PREFIX, prefix) != 0)
		return false;
	for (size_t i = prefix; i < VAULT_MARK_LEN; i++) {
		if (!(at[i] >= '0' && at[i] <= '9') &&
		    !(at[i] >= 'a' && at[i] <= 'f'))
			return false;
	}
	return true;
}

/* The last line says which run is the last: "<mark> end". */
static bool find_run(const struct intake *intake, struct run *ret_run)
{
	const size_t tail = VAULT_MARK_LEN + sizeof(" " END_LABEL) - 1;
	const uint8_t *mark, *first;
	size_t len = intake->len;

	while (len > 0 && is_space(intake->data[len - 1]))
		len--;
	if (len < tail)
		return false;

	mark = intake->data + len - tail;
	if (!is_mark(mark) || memcmp(mark + VAULT_MARK_LEN, " " END_LABEL,
	                             sizeof(" " END_LABEL) - 1) != 0)
		return false;

	first = memmem(intake->data, len, mark, VAULT_MARK_LEN);
	*ret_run = (struct run){
		.next = first,
		.left = len - (size_t)(first - intake->data),
		.mark = mark,
	};
	return true;
}

/* A line "<mark> <label>"; the label is returned.  The newline after the last
 * one has been stripped. */
static struct bytes take_header(struct run *run)
{
	const uint8_t *label = run->next + VAULT_MARK_LEN + 1;
	const uint8_t *end;
	size_t len;

	if (run->left < VAULT_MARK_LEN + 1 || label[-1] != ' ')
		return (struct bytes){ NULL, 0 };

	run->left -= VAULT_MARK_LEN + 1;
	end = memchr(label, '\n', run->left);
	len = end ? (size_t)(end - label) : run->left;
	run->left -= end ? len + 1 : len;
	run->next = end ? end + 1 : label + len;
	return (struct bytes){ label, len };
}

/* All up to the next line that begins with the mark, without its newline. */
static bool take_section(struct run *run, struct bytes *ret_section)
{
	const uint8_t *end =
		memmem(run->next, run->left, run->mark, VAULT_MARK_LEN);
	size_t len;

	if (!end || end == run->next || end[-1] != '\n')
		return false;

	len = (size_t)(end - run->next);
	*ret_section = (struct bytes){ run->next, len - 1 };
	run->next = end;
	run->left -= len;
	return true;
}

static bool parse_slot(struct bytes label, size_t slot_count, size_t *ret_slot)
{
	size_t slot = 0;

	if (label.len == 0 || label.len > DIGITS_MAX)
		return false;
	for (size_t i = 0; i < label.len; i++) {
		if (label.data[i] < '0' || label.data[i] > '9')
			return false;
		slot = slot * 10 + (size_t)(label.data[i] - '0');
	}
	*ret_slot = slot;
	return slot < slot_count;
}

/* NULL, or what is wrong. */
static const char *parse_run(struct run *run, struct bytes *sections,
                             size_t slot_count)
{
	for (;;) {
		struct bytes label = take_header(run);
		size_t slot;

		if (bytes_equal(label, bytes_of_text(END_LABEL)) &&
		    run->left == 0)
			return NULL;
		if (!parse_slot(label, slot_count, &slot))
			return "a slot number is wrong";
		if (sections[slot].data)
			return "a secret came twice";
		if (!take_section(run, &sections[slot]))
			return "a secret does not end with a line of its own";
	}
}

enum vault_outcome intake_parse(const struct intake *intake,
                                struct bytes *sections, size_t slot_count,
                                struct vault_fault *ret_fault)
{
	struct vault_fault fault = { 0, NULL };
	struct run run;

	for (size_t i = 0; i < slot_count; i++)
		sections[i] = (struct bytes){ NULL, 0 };

	if (intake->has_overflowed) {
		fault.detail = "more came than fits";
	} else if (!find_run(intake, &run)) {
		fault.detail = "the last line is missing";
	} else {
		fault.detail = parse_run(&run, sections, slot_count);
	}

	for (size_t i = 0; i < slot_count && !fault.detail; i++) {
		if (!sections[i].data) {
			fault.slot = (uint16_t)i;
			fault.detail = "it did not come";
		}
	}
	if (!fault.detail)
		return OUTCOME_DONE;

	*ret_fault = fault;
	return OUTCOME_INTAKE_BROKEN;
}
