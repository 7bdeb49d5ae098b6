#pragma once
/*
 * A page of events on its way to who polls: the answer to ListEvents with those that are wanted,
 * under the names that are wanted.
 */

#include "gatewayd/filter.h"
#include "gatewayd/hub.h"
#include "gatewayd/outbox.h"

struct page_wish {
	struct uuid session;
	uint64_t since; /* events behind it */
	struct filter filter;
	enum names names;
};

/* What of the events has been looked at. */
struct page_seen {
	uint64_t seq; /* of the last one; that of the wish when there was none */
	size_t n;     /* how many were wanted */
};

/*
 * body: the answer. heard: items of a page, a comma behind each, which take the place of a page
 * that cannot be read any more, with the seq they end at; emptied. NULL: none, and where the filter
 * left out the end of a page behind which there is more, a mark says how far it goes.
 */
void page_write(const struct page_wish *, struct span body, struct outbox *heard,
    struct json_out *out, struct page_seen *seen);
/* Whether the answer has this flag, and it is true. */
bool page_says(struct span body, const char *flag);
