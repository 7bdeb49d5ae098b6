/*
 * What arrives from another process: a caller, arguments of every command, headers and topics.
 * Whatever the bytes are, decoding ends with an answer, and what is accepted is put back the same.
 */

#include "common/json.h"
#include "common/limits.h"
#include "proto/wire.h"

#include <assert.h>
#include <stdlib.h>

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static void
decode_everything(struct span text)
{
	struct arena arena;
	struct refusal why = { 0 };
	struct caller caller;

	arena_init(&arena);
	if (caller_get(text, &arena, &caller, &why) == OK) {
		struct json_out out = { 0 };
		struct caller again;

		caller_put(&caller, &out);
		assert(caller_get(json_out_span(&out), &arena, &again, &why) == OK);
		assert(span_equal(caller.actor, again.actor) && span_equal(caller.key, again.key));
		json_out_fini(&out);
	}
	for (int i = 0; i < COMMANDS; i++) {
		void *args = xcalloc(1, command_rows[i].args_size_bytes);
		enum error err = args_decode((enum command)i, text, NULL, &arena, args, &why);

		assert(err == OK || why.message[0]);
		free(args);
	}
	refusal_fini(&why);
	arena_fini(&arena);
}

int
LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	static const struct json_bounds bounds = { LIMIT_JSON_DEPTH, LIMIT_JSON_VALUES,
		LIMIT_JSON_TEXT_BYTES, LIMIT_JSON_KEY_BYTES };
	struct span bytes = { (const char *)data, size };
	struct wire_header header;
	struct wire_packed head;
	struct uuid session;

	if (wire_header_get(bytes, &header)) {
		uint8_t again[WIRE_HEADER_MOST_BYTES];
		size_t n = wire_header_put(&header, again);

		/* Without the path's flag, what stands behind the header is nobody's. */
		assert(n == WIRE_HEADER_BYTES || n == size);
		assert(again[0] == data[0] && again[1] == data[1] &&
		    memcmp(again + 8, data + 8, n - 8) == 0);
	}
	if (wire_packed_get(bytes, &head)) {
		struct json_out again = { 0 };

		wire_packed_put(&head, &again);
		assert(span_equal(json_out_span(&again), bytes));
		json_out_fini(&again);
	}
	if (wire_topic_session(bytes, &session))
		assert(size > UUID_TEXT);
	if (json_scan(bytes, &bounds, NULL) == JSON_OK)
		decode_everything(json_trim(bytes));
	return 0;
}
