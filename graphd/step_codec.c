#include "graphd/step.h"

#include "common/mem.h"
#include "graphd/codec.h"

#include <stdlib.h>

/* Format 1 had no ancestors; a step without them is still written so. */
enum { STEP_WITHOUT_ANCESTORS = 1, STEP_FORMAT = 2 };

void
step_fini(struct step *step)
{
	edits_free(step->edits, step->n_edits);
	free(step->ancestors);
	if (!step->packed) {
		free(step->actor);
		free(step->client_id);
	}
	free(step->scope_owner);
	free(step->result);
	free(step->key);
	free(step->reply);
	*step = (struct step){ .kind = STEP_DO };
}

void
step_free(struct step *step)
{
	if (!step)
		return;
	step_fini(step);
	free(step);
}

/* A command is stored by its name: its number changes when the table grows. */
static void
code_command(struct json_out *out, enum command type)
{
	code_text(out, type < COMMANDS ? command_rows[type].name : "");
}

static enum command
read_command(struct reader *r)
{
	struct span name = read_span(r);
	enum command type = name.n ? command_find(name) : COMMANDS;

	if (name.n && type == COMMANDS)
		r->bad = true;
	return type;
}

void
step_encode(const struct step *step, struct json_out *out)
{
	put_byte(out, step->has_ancestors ? STEP_FORMAT : STEP_WITHOUT_ANCESTORS);
	put_byte(out, (char)step->kind);
	code_id(out, &step->session);
	code_id(out, &step->log_id);
	code_id(out, &step->command_id);
	code_id(out, &step->target_id);
	code_id(out, &step->project_id);
	code_number(out, step->epoch);
	code_number(out, step->ordinal);
	code_number(out, step->first_seq);
	code_number(out, step->last_seq + 1 - step->first_seq);
	code_command(out, step->type);
	code_number(out, step->time_us);
	code_text(out, step->actor);
	code_text(out, step->client_id);
	code_text(out, step->scope_owner);
	code_text(out, step->result);
	code_text(out, step->key);
	code_fixed(out, step->request_hash);
	code_text(out, step->reply);
	if (step->has_ancestors)
		code_span(out,
		    (struct span){ (const char *)step->ancestors, step->n_ancestors * UUID_BYTES });
	code_number(out, step->n_edits);
	for (size_t i = 0; i < step->n_edits; i++)
		code_edit(out, &step->edits[i]);
}

static void
read_head(struct reader *r, struct step *step)
{
	step->kind = (enum step_kind)read_bounded(r, STEP_MARK);
	step->session = read_id(r);
	step->log_id = read_id(r);
	step->command_id = read_id(r);
	step->target_id = read_id(r);
	step->project_id = read_id(r);
	step->epoch = read_number(r);
	step->ordinal = read_number(r);
	step->first_seq = read_number(r);
	step->last_seq = step->first_seq + read_number(r) - 1;
	step->type = read_command(r);
	step->time_us = read_number(r);
	step->actor = read_text(r);
	step->client_id = read_text(r);
	step->scope_owner = read_text(r);
	step->result = read_text(r);
	step->key = read_text(r);
	step->request_hash = read_fixed(r);
	step->reply = read_text(r);
}

static void
read_ancestors(struct reader *r, struct step *step)
{
	struct span ids = read_span(r);

	step->has_ancestors = true;
	if (ids.n == 0)
		return;
	r->bad |= ids.n % UUID_BYTES != 0;
	step->n_ancestors = ids.n / UUID_BYTES;
	step->ancestors = xmalloc(ids.n);
	memcpy(step->ancestors, ids.p, ids.n);
}

bool
step_decode_head(struct reader *r, struct step *out, size_t *n_edits)
{
	uint64_t format = read_bounded(r, UINT8_MAX);

	*out = (struct step){ .kind = STEP_DO };
	*n_edits = 0;
	if (format != STEP_FORMAT && format != STEP_WITHOUT_ANCESTORS)
		return false;
	read_head(r, out);
	if (format == STEP_FORMAT)
		read_ancestors(r, out);
	*n_edits = read_count(r, EDIT_BYTES_MIN);
	return !r->bad && out->first_seq > 0 && out->last_seq + 1 >= out->first_seq;
}

/* An added node without its content is for histories; a step always has it. */
bool
step_decode_edit(struct reader *r, struct edit *out)
{
	read_edit(r, out);
	return !r->bad &&
	    (r->brief || out->content || (out->kind != EDIT_ADD && out->kind != EDIT_REMOVE));
}

bool
step_decode(struct span bytes, struct step *out)
{
	struct reader r = reader_of(bytes);
	size_t n;
	bool good = step_decode_head(&r, out, &n);

	if (good && n > 0)
		out->edits = xmalloc(n * sizeof(*out->edits));
	while (good && out->n_edits < n)
		good = step_decode_edit(&r, &out->edits[out->n_edits++]);
	if (good && reader_is_done(&r))
		return true;
	step_fini(out);
	return false;
}
