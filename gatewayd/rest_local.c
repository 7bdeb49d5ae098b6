#include "gatewayd/rest_inner.h"

#include "common/metrics.h"

/* Health, metrics, indicators and icons: what needs no graphd. */

static const char json_type_text[] = "application/json";

static struct metric build = { .name = "gatewayd_build_info{version=\"" PROJECT_VERSION "\"}",
	.help = "Which version it is.",
	.type = "gauge",
	.value = 1 };
static struct metric ready = {
	.name = "gatewayd_ready", .help = "Whether /readyz says 200.", .type = "gauge"
};

static void
reply(struct rest_call *c, int status, const char *content_type, struct span text)
{
	rest_reply_text(c->rest, c->http, status, content_type, text);
}

void
rest_health(struct rest_call *c)
{
	reply(c, 200, json_type_text, SPAN("{\"status\":\"ok\"}"));
}

void
rest_readyz(struct rest_call *c)
{
	if (c->rest->is_draining)
		reply(c, 503, json_type_text, SPAN("{\"status\":\"draining\"}"));
	else if (!upstream_is_answered(c->rest->settings.upstream))
		reply(c, 503, json_type_text, SPAN("{\"status\":\"waiting for graphd\"}"));
	else if (!upstream_is_ready(c->rest->settings.upstream))
		reply(c, 503, json_type_text, SPAN("{\"status\":\"waiting for events\"}"));
	else
		reply(c, 200, json_type_text, SPAN("{\"status\":\"ready\"}"));
}

void
rest_metrics(struct rest_call *c)
{
	struct json_out out = { 0 };
	char *text;
	size_t n;

	ready.value = !c->rest->is_draining && upstream_is_ready(c->rest->settings.upstream);
	metrics_add(&build);
	metrics_add(&ready);
	metrics_print(&out);
	metrics_print_process(&out, "");
	text = json_out_take(&out, &n);
	rest_reply(c->rest, c->http, 200, "text/plain; version=0.0.4; charset=utf-8", text, n);
}

static void
reply_found(struct rest_call *c, const char *content_type, struct span text, enum error missing)
{
	if (text.p)
		rest_reply_file(c, content_type, text);
	else
		rest_fail(c, missing);
}

void
rest_indicator_catalog(struct rest_call *c)
{
	rest_reply_file(c, json_type_text, assets_indicator_catalog(c->rest->settings.assets));
}

void
rest_icon_catalog(struct rest_call *c)
{
	rest_reply_file(c, json_type_text, assets_icon_catalog(c->rest->settings.assets));
}

void
rest_indicator(struct rest_call *c)
{
	reply_found(c, "image/svg+xml",
	    assets_indicator(
		c->rest->settings.assets, c->match.params[PARAM_set], c->match.params[PARAM_id]),
	    ERROR_not_found);
}

void
rest_indicator_theme(struct rest_call *c)
{
	reply_found(c, json_type_text,
	    assets_indicator_theme(
		c->rest->settings.assets, c->match.params[PARAM_set], c->match.params[PARAM_id]),
	    ERROR_not_found);
}

void
rest_icon(struct rest_call *c)
{
	reply_found(c, "image/svg+xml",
	    assets_icon(c->rest->settings.assets, c->match.params[PARAM_id]), ERROR_icon_not_found);
}
