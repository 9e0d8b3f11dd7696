#include "agent/launcher/op.h"

#include "protocol/base/cleanup.h"
#include "protocol/base/env.h"
#include "protocol/base/fd.h"

#include <errno.h>
#include <sys/mman.h>

#define TEMPLATE_MAX ((size_t)WIRE_SLOTS_MAX * (CONFIG_SOURCE_MAX + 128))

bool op_is_needed(const struct config *config)
{
	for (size_t i = 0; i < config->slot_count; i++) {
		if (config->slots[i].source == SECRET_OP)
			return true;
	}
	return false;
}

static int make_template(const struct config *config, const struct feed *feed,
                         int *ret_fd)
{
	cleanup_close int fd = memfd_create("template", MFD_CLOEXEC);
	cleanup_buffer struct buffer text;
	int rc;

	buffer_init(&text, TEMPLATE_MAX);
	if (fd < 0)
		return -errno;
	for (size_t i = 0; i < config->slot_count; i++) {
		if (config->slots[i].source != SECRET_OP)
			continue;
		buffer_append_format(&text, "%s %zu\n{{ %s }}\n", feed->mark, i,
		                     config->slots[i].spec);
	}
	buffer_append_format(&text, "%s end\n", feed->mark);
	rc = buffer_end(&text);
	if (rc == 0)
		rc = fd_write_full(fd, text.data, text.len);
	if (rc < 0)
		return rc;

	*ret_fd = take_fd(&fd);
	return 0;
}

int op_run(struct child *child, const char *path, const struct config *config,
           const struct feed *feed, const char *token)
{
	static const char *const argv[] = { "op", "inject", "--in-file",
		                            "/dev/fd/3", NULL };
	cleanup_close int template = -1;
	struct env env;
	int rc;

	rc = make_template(config, feed, &template);
	if (rc < 0)
		return rc;

	env_init_child(&env);
	env_add_op(&env, token);
	return child_run(child, &(struct child_start){
					.path = path,
					.argv = argv,
					.envp = env.entries,
					.out = feed->out,
					.input = template,
					.has_pty = true,
				});
}
