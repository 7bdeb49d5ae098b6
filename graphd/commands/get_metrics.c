#include "common/metrics.h"
#include "graphd/dispatcher.h"
#include "graphd/sessions.h"

static struct metric sessions = {
	.name = "graphd_sessions", .help = "Sessions there are, in memory or not.", .type = "gauge"
};
static struct metric clients = {
	.name = "graphd_clients", .help = "Live clients of all sessions.", .type = "gauge"
};

enum error
cmd_get_metrics(struct call *c, const struct get_metrics_args *a)
{
	struct json_out text = { 0 };

	(void)a;
	sessions.value = (int64_t)sessions_count(c->dispatcher->sessions);
	clients.value = (int64_t)clients_count(c->dispatcher->clients);
	metrics_add(&sessions);
	metrics_add(&clients);
	metrics_print(&text);
	json_out_key(c->result, "metrics");
	json_out_text(c->result, json_out_span(&text));
	json_out_fini(&text);
	return OK;
}
