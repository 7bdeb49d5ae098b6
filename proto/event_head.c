#include "proto/event_head.h"

void
event_head_write(struct json_out *out, const struct event_head *head)
{
	json_out_key(out, "session_id");
	json_out_uuid(out, head->session);
	json_out_key(out, "project_id");
	json_out_uuid(out, head->project);
	json_out_key(out, "timestamp");
	json_out_time(out, head->time_us);
	json_out_key(out, "seq");
	json_out_uint(out, head->seq);
	if (head->command_id && !uuid_is_nil(head->command_id)) {
		json_out_key(out, "command_id");
		json_out_uuid(out, head->command_id);
	}
	if (head->actor.n > 0) {
		json_out_key(out, "actor");
		json_out_text(out, head->actor);
	}
	if (head->client_id.n > 0) {
		json_out_key(out, "client_id");
		json_out_text(out, head->client_id);
	}
}
