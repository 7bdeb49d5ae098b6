#pragma once
/* What the tests of blueprints, rules and imports share: files, documents, a session with an open
 * step. */

#include "common/json.h"
#include "common/limits.h"
#include "graphd/import.h"
#include "graphd/rules.h"
#include "run_tests.h"

#include <stdio.h>
#include <stdlib.h>

/* The own blueprints, when the test is not run where the build says they are. */
#ifndef TEMPLATES
#define TEMPLATES "graphd/templates"
#endif

/* Returns owned; fails the test when it cannot be read. */
static inline char *
fixture_file(const char *directory, const char *name)
{
	char path[1024], *text;
	FILE *file;
	long n;

	snprintf(path, sizeof(path), "%s/%s", directory, name);
	file = fopen(path, "rb");
	ck_assert_msg(file != NULL, "%s cannot be opened", path);
	ck_assert_int_eq(fseek(file, 0, SEEK_END), 0);
	n = ftell(file);
	rewind(file);
	text = xcalloc((size_t)n + 1, 1);
	ck_assert_uint_eq(fread(text, 1, (size_t)n, file), (size_t)n);
	fclose(file);
	return text;
}

static inline struct blueprint *
fixture_blueprint(const char *yaml)
{
	char message[256] = "";
	struct blueprint *b = blueprint_parse(SPAN("test"), span_of(yaml), message);

	ck_assert_msg(b != NULL, "%s", message);
	return b;
}

static inline enum json_fault
fixture_scan(struct span text)
{
	const struct json_bounds bounds = {
		.depth = LIMIT_JSON_IMPORT_DEPTH,
		.values = LIMIT_JSON_IMPORT_VALUES,
		.text_bytes = LIMIT_JSON_TEXT_BYTES,
		.key_bytes = LIMIT_JSON_KEY_BYTES,
	};

	return json_scan(text, &bounds, NULL);
}

static inline struct session *
fixture_session(const struct blueprint *b)
{
	struct uuid id, log_id;
	struct session *s;

	uuid_random(&id);
	uuid_random(&log_id);
	s = session_new(&id, &log_id, 1);
	s->blueprint = b;
	return s;
}

static inline void
fixture_begin(struct session *s, struct json_out *warnings)
{
	struct step_request who = { .kind = STEP_DO, .type = COMMAND_load_graph, .now_us = 2 };

	uuid_random(&who.command_id);
	session_begin(s, &who);
	s->warnings = warnings;
}

static inline void
fixture_end(struct session *s)
{
	struct step *step = session_end(s, (struct span){ 0 });

	s->warnings = NULL;
	if (step)
		step_fini(step);
	free(step);
}

static inline bool
fixture_has(const struct json_out *out, const char *text)
{
	return out->bytes && memmem(out->bytes, out->n, text, strlen(text));
}
