#include "graphd/stored_session.h"

#include "common/log.h"

#include <inttypes.h>

static struct session *
restore(const struct store_session *row, uint64_t ordinal, struct span bytes)
{
	struct session *s = session_restore(bytes);
	char id[UUID_TEXT + 1];

	if (s && s->ordinal == ordinal && uuid_equal(&s->id, &row->id)) {
		s->snapshot_ordinal = ordinal;
		s->snapshot_bytes = bytes.n;
		return s;
	}
	session_free(s);
	uuid_format(&row->id, id);
	log_warn(id, "the snapshot of step %" PRIu64 " is another one and is passed over", ordinal);
	return NULL;
}

enum error
stored_session(struct store *store, const struct store_session *row, uint64_t not_after_ordinal,
    struct session **out)
{
	struct json_out bytes = { 0 };
	uint64_t ordinal = 0;
	struct session *s = NULL;
	enum error err = OK;

	while (!s && !err && not_after_ordinal > 0) {
		json_out_clear(&bytes);
		err = store->ops->snapshot(store, &row->id, not_after_ordinal, &bytes, &ordinal);
		if (err || ordinal == 0)
			break;
		s = restore(row, ordinal, json_out_span(&bytes));
		not_after_ordinal = ordinal - 1;
	}
	json_out_fini(&bytes);
	if (!s && !err)
		s = session_new(&row->id, &row->log_id, row->created_us);
	*out = s;
	return err;
}
