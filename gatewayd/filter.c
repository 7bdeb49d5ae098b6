#include "gatewayd/filter.h"

#include "common/json.h"

static bool
item_matches(struct span item, const char *name)
{
	size_t n = strlen(name);

	if (n == 0)
		return false;
	if (item.p[item.n - 1] == '*')
		return n >= item.n - 1 && memcmp(item.p, name, item.n - 1) == 0;
	return item.n == n && memcmp(item.p, name, n) == 0;
}

static filter_set
item_events(struct span item)
{
	filter_set set = 0;

	for (int e = 0; e < EVENTS; e++) {
		if (event_rows[e].durability == EVENT_INTERNAL)
			continue;
		if (item_matches(item, event_rows[e].colon) ||
		    item_matches(item, event_rows[e].dash))
			set |= (filter_set)1 << e;
	}
	return set;
}

bool
filter_parse(struct span list, filter_set *out)
{
	/* What tells a client that its view has ended is never filtered out. */
	filter_set set =
	    (filter_set)1 << EVENT_session_closed | (filter_set)1 << EVENT_session_resync;

	if (!list.p) {
		*out = FILTER_ALL;
		return true;
	}
	/* Whoever names nothing would hear nothing, and wait. */
	if (list.n == 0)
		return false;
	while (list.n) {
		const char *comma = memchr(list.p, ',', list.n);
		struct span item = { list.p, comma ? (size_t)(comma - list.p) : list.n };
		filter_set events = item.n ? item_events(item) : 0;

		if (!events)
			return false;
		set |= events;
		list.n -= item.n + (comma != NULL);
		list.p += item.n + (comma != NULL);
		if (comma && list.n == 0)
			return false;
	}
	*out = set;
	return true;
}

struct path
filter_read_path(struct span json, struct uuid ids[LIMIT_PATH_NODES])
{
	struct json_iter it;
	struct span key, id;
	struct path path = { ids, 0 };

	if (json_type(json) != JSON_ARRAY)
		return path;
	json_walk(&it, json);
	while (path.n < LIMIT_PATH_NODES && json_next(&it, &key, &id)) {
		if (id.n != UUID_TEXT + 2 ||
		    !uuid_parse((struct span){ id.p + 1, UUID_TEXT }, &ids[path.n++]))
			return (struct path){ .n = 0 };
	}
	return path;
}
