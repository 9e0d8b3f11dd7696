#include "client/agent_call.h"
#include "tests/lib/fake_agent.h"
#include "tests/lib/test.h"

#include <string.h>

#define MANY 600

static void requests_go_in_batches_and_come_back_in_order(void)
{
	const struct fake_script script = { NULL, 3, 3 };
	static struct s3_object_request requests[MANY];
	static struct agent_signed_request responses[MANY];
	static char keys[MANY][8];
	const struct presign_order order = { .cache = "dev",
		                             .requests = requests,
		                             .count = MANY,
		                             .pressure = { .slow_downs = 5 } };
	struct agent_pace pace = { .in_flight = 9 };
	struct agent_error error;
	struct agent *agent = NULL;
	struct fake_agent fake;

	for (size_t i = 0; i < MANY; i++) {
		(void)snprintf(keys[i], sizeof(keys[i]), "key%zu", i);
		requests[i] = (struct s3_object_request){
			.operation = S3_GET_OBJECT,
			.key = bytes_of_text(keys[i])
		};
	}
	fake_agent_start(&fake, &script);
	CHECK(agent_open(fake.path, &agent, &error) == AGENT_OK);
	CHECK(agent_presign(agent, &order, responses, &pace, &error) ==
	      AGENT_OK);
	/* The pressure goes with the first batch. */
	CHECK(pace.in_flight == 0);
	agent_close(agent);
	CHECK(fake_agent_stop(&fake));
	for (size_t i = 0; i < MANY; i++) {
		CHECK(responses[i].url &&
		      strcmp(responses[i].url, keys[i]) == 0);
		agent_signed_request_clear(&responses[i]);
	}
}

#define KEY_URL                                                               \
	"{\"parameters\":{\"responses\":[{\"method\":\"GET\",\"url\":\"key\"" \
	",\"headers\":{},\"expiresAt\":1}]}}"
#define REFUSED(field)                                                        \
	"{\"error\":\"org.varlink.service.InvalidParameter\",\"parameters\":" \
	"{\"parameter\":\"" field "\"}}"

/* Presigns the same twice, after one plea to slow down each time.  The outcome
 * of the first that fails; *ret_pace is the last. */
static int presign_twice(const char *const *replies, size_t count,
                         struct agent_pace *ret_pace)
{
	const struct fake_script script = { replies, count, count };
	const struct s3_object_request request = {
		.operation = S3_GET_OBJECT, .key = bytes_of_text("key")
	};
	const struct presign_order order = { .cache = "dev",
		                             .requests = &request,
		                             .count = 1,
		                             .pressure = { .slow_downs = 7 } };
	struct agent_signed_request response = { .url = NULL };
	struct agent *agent = NULL;
	struct agent_error error;
	struct fake_agent fake;
	int rc = AGENT_OK;

	fake_agent_start(&fake, &script);
	CHECK(agent_open(fake.path, &agent, &error) == AGENT_OK);
	for (unsigned i = 0; i < 2 && rc == AGENT_OK; i++) {
		rc = agent_presign(agent, &order, &response, ret_pace, &error);
		agent_signed_request_clear(&response);
	}
	agent_close(agent);
	CHECK(fake_agent_stop(&fake));
	return rc;
}

static void an_agent_learns_of_pressure_and_says_a_pace(void)
{
	static const char *const replies[] = { NULL, NULL };
	struct agent_pace pace = { .in_flight = 0 };

	CHECK(presign_twice(replies, 2, &pace) == AGENT_OK);
	CHECK(pace.in_flight == 7);
}

static void an_older_agent_is_told_no_pressure_and_asked_once(void)
{
	static const char *const older[] = { REFUSED("pressure"), KEY_URL,
		                             NULL };
	static const char *const other[] = { REFUSED("requests") };
	struct agent_pace pace = { .in_flight = 9 };

	/* The third would say a pace if it had heard of pressure. */
	CHECK(presign_twice(older, 3, &pace) == AGENT_OK);
	CHECK(pace.in_flight == 0);
	CHECK(presign_twice(other, 1, &pace) == AGENT_E_REFUSED);
}

int main(void)
{
	static const struct test tests[] = {
		{ "requests go in batches and come back in order",
		  requests_go_in_batches_and_come_back_in_order },
		{ "an agent learns of pressure and says a pace",
		  an_agent_learns_of_pressure_and_says_a_pace },
		{ "an older agent is told no pressure, and asked once",
		  an_older_agent_is_told_no_pressure_and_asked_once },
	};

	return test_main(tests, sizeof(tests) / sizeof(tests[0]));
}
