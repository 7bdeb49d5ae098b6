/* graphctl backup, export, import and metrics: questions to a running graphd. */
#include "common/json.h"
#include "common/limits.h"
#include "common/mem.h"
#include "graphd/ctl.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

static const struct uuid nobody;

/* Asks and keeps the answer's scanned body. False: said why. */
static bool
ask(const struct ctl_options *o, const char *command, const struct json_out *args,
    struct json_out *body)
{
	struct ctl_client *client = ctl_client_new(o, o->requests);
	bool good = client && ctl_client_ask(client, command, &nobody, json_out_span(args), body);

	ctl_client_free(client);
	return good;
}

static void
put_text(struct json_out *out, const char *key, const char *text)
{
	if (!text)
		return;
	json_out_key(out, key);
	json_out_string(out, text);
}

/* One member of the answer, as it was written; a text without its quotes. */
static struct span
member(const struct json_out *body, const char *key)
{
	struct span value = { 0 };

	json_find(json_out_span(body), key, &value);
	if (value.n >= 2 && json_type(value) == JSON_STRING)
		value = (struct span){ value.p + 1, value.n - 2 };
	return value;
}

/* graphd writes a part for each question, so that it can answer others in between. */
static bool
ask_until_whole(struct ctl_client *client, const struct json_out *args, struct json_out *body)
{
	static const struct timespec pause = { .tv_nsec = 1000000 };

	while (ctl_client_ask(client, "Backup", &nobody, json_out_span(args), body)) {
		if (!span_is(member(body, "more"), "true"))
			return true;
		nanosleep(&pause, NULL);
	}
	return false;
}

int
ctl_backup(const struct ctl_options *o)
{
	struct ctl_client *client = ctl_client_new(o, o->requests);
	struct json_out args = { 0 }, body = { 0 };
	bool good;

	json_out_open(&args, '{');
	put_text(&args, "name", o->operands[0]);
	json_out_close(&args, '}');
	good = client && ask_until_whole(client, &args, &body);
	if (good) {
		struct span size = member(&body, "size_bytes");

		printf("%s: %.*s bytes\n", o->operands[0], (int)size.n, size.p);
	}
	ctl_client_free(client);
	json_out_fini(&args);
	json_out_fini(&body);
	return good ? CTL_OK : CTL_FAILED;
}

/* False: said why. */
static bool
put_out(struct span text)
{
	if (fwrite(text.p, 1, text.n, stdout) == text.n && fflush(stdout) == 0)
		return true;
	return ctl_say("cannot write: %s", strerror(errno)), false;
}

int
ctl_export(const struct ctl_options *o)
{
	struct json_out args = { 0 }, body = { 0 };
	bool good;

	json_out_open(&args, '{');
	put_text(&args, "project_id", o->operands[0]);
	put_text(&args, "format", o->format);
	if (o->history) {
		json_out_key(&args, "history");
		json_out_bool(&args, true);
	}
	json_out_close(&args, '}');
	good = ask(o, "ExportProject", &args, &body);
	if (good)
		good = put_out(member(&body, "file")) && put_out(SPAN("\n"));
	json_out_fini(&args);
	json_out_fini(&body);
	return good ? CTL_OK : CTL_FAILED;
}

/* False: said why. */
static bool
read_all(const char *path, struct json_out *out)
{
	FILE *file = strcmp(path, "-") == 0 ? stdin : fopen(path, "re");
	char bytes[65536];
	size_t n;
	bool good;

	if (!file)
		return ctl_say("%s: %s", path, strerror(errno)), false;
	while (out->n <= LIMIT_IMPORT_BYTES && (n = fread(bytes, 1, sizeof bytes, file)) > 0)
		json_out_bytes(out, (struct span){ bytes, n });
	good = !ferror(file) && out->n <= LIMIT_IMPORT_BYTES;
	if (!good)
		ctl_say("%s: %s", path, ferror(file) ? strerror(errno) : "too large");
	if (file != stdin)
		fclose(file);
	return good;
}

/* JSON goes as it is; anything else as a text, which the server reads as YAML. */
static void
put_file(struct json_out *args, const struct json_out *file)
{
	static const struct json_bounds bounds = { LIMIT_JSON_IMPORT_DEPTH,
		LIMIT_JSON_IMPORT_VALUES, LIMIT_IMPORT_BYTES, LIMIT_JSON_KEY_BYTES };
	struct span text = json_out_span(file);

	json_out_key(args, "file");
	if (json_scan(text, &bounds, NULL) == JSON_OK)
		json_out_raw(args, json_trim(text));
	else
		json_out_text(args, text);
}

int
ctl_import(const struct ctl_options *o)
{
	struct json_out file = { 0 }, args = { 0 }, body = { 0 };
	bool good = read_all(o->operands[0], &file);

	if (good) {
		json_out_open(&args, '{');
		put_file(&args, &file);
		put_text(&args, "template_id", o->template_id);
		put_text(&args, "project_name", o->project_name);
		json_out_close(&args, '}');
		good = ask(o, "ImportProject", &args, &body);
	}
	if (good) {
		struct span project = member(&body, "project_id"),
			    session = member(&body, "session_id"),
			    warnings = member(&body, "warnings");

		printf("project %.*s\nsession %.*s\n", (int)project.n, project.p, (int)session.n,
		    session.p);
		if (warnings.n > 2)
			ctl_say("warnings: %.*s", (int)warnings.n, warnings.p);
	}
	json_out_fini(&file);
	json_out_fini(&args);
	json_out_fini(&body);
	return good ? CTL_OK : CTL_FAILED;
}

int
ctl_metrics(const struct ctl_options *o)
{
	static const struct json_out none;
	struct json_out body = { 0 };
	struct arena arena;
	struct span text = { 0 };
	bool good = ask(o, "GetMetrics", &none, &body);

	arena_init(&arena);
	if (good && json_find(json_out_span(&body), "metrics", &text))
		good = put_out(json_text(&arena, text));
	arena_fini(&arena);
	json_out_fini(&body);
	return good ? CTL_OK : CTL_FAILED;
}
