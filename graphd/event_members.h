#pragma once
/* What an event says besides the members that all events of its step have: JSON members, each with
 * a comma before it, in the order in which clients know them. */

#include "graphd/step.h"

void event_put_added(struct json_out *, const struct edit *);
void event_put_removed(struct json_out *, const struct edit *);
/* Of node_linked, node_unlinked and node_moved. */
void event_put_link(struct json_out *, enum event, const struct uuid *parent,
    const struct uuid *child, uint32_t index);
void event_put_property(struct json_out *, const struct edit *);
/* What a mark tells, as it stands in the edit. */
void event_put_details(struct json_out *, const struct edit *);
/* The event that closes a step. */
void event_put_command(struct json_out *, enum event, const struct step *);
