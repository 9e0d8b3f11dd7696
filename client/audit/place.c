#include "client/audit/place.h"

#include "protocol/base/exit_status.h"
#include "protocol/base/state_path.h"

#include <errno.h>
#include <stdio.h>
#include <string.h>
#include <sys/stat.h>

/* False where none answers; *error says why. */
static bool ask_agent(struct place *place, struct agent_error *error)
{
	struct agent *agent = NULL;
	int rc = agent_open(NULL, &agent, error);

	if (rc == 0)
		rc = agent_get_status(agent, &place->status, error);
	agent_close(agent);
	return rc == 0;
}

static bool is_same_file(const char *a, const char *b)
{
	struct stat of_a, of_b;

	return strcmp(a, b) == 0 ||
	       (stat(a, &of_a) == 0 && stat(b, &of_b) == 0 &&
	        of_a.st_dev == of_b.st_dev && of_a.st_ino == of_b.st_ino);
}

static int copy_path(struct place *place, const char *path, char *why)
{
	int len = snprintf(place->path, sizeof(place->path), "%s", path);

	if (len >= 0 && (size_t)len < sizeof(place->path))
		return EXIT_DONE;
	(void)snprintf(why, PLACE_WHY_SIZE, "the path is too long");
	return EXIT_FAILED;
}

static int find_by_agent(struct place *place, char *why)
{
	if (!place->status.audit.path) {
		(void)snprintf(why, PLACE_WHY_SIZE,
		               "the agent keeps no log (audit = none in its "
		               "configuration); for another one name its PATH");
		return EXIT_FAILED;
	}
	place->is_live = true;
	return copy_path(place, place->status.audit.path, why);
}

static int find_usual(struct place *place, const struct agent_error *error,
                      char *why)
{
	const struct state_path_env env = state_path_read_env();
	struct stat st;

	if (state_path_usual(&env, STATE_PATH_AUDIT, place->path) < 0) {
		(void)snprintf(why, PLACE_WHY_SIZE,
		               "%s; and there is no home to look for its log "
		               "in: name its PATH",
		               error->text);
		return error->exit_status;
	}
	if (stat(place->path, &st) < 0 && errno == ENOENT) {
		(void)snprintf(why, PLACE_WHY_SIZE,
		               "%s; and there is no log at %.400s: name its "
		               "PATH",
		               error->text, place->path);
		return error->exit_status;
	}
	return EXIT_DONE;
}

int place_find(const char *path, struct place *ret_place,
               char ret_why[PLACE_WHY_SIZE])
{
	struct place place = { .path = "" };
	struct agent_error error = { .exit_status = EXIT_DONE };
	int rc;

	place.has_agent = ask_agent(&place, &error);
	if (path) {
		rc = copy_path(&place, path, ret_why);
		place.is_live = place.has_agent && place.status.audit.path &&
		                is_same_file(path, place.status.audit.path);
	} else if (place.has_agent) {
		rc = find_by_agent(&place, ret_why);
	} else {
		rc = find_usual(&place, &error, ret_why);
	}
	if (rc != EXIT_DONE) {
		place_clear(&place);
		return rc;
	}
	*ret_place = place;
	return EXIT_DONE;
}

void place_clear(struct place *place)
{
	if (place->has_agent)
		agent_status_clear(&place->status);
	place->has_agent = false;
}
