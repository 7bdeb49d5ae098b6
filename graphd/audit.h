#pragma once
/* One step of the journal as people read it: who did what, before and after. */

#include "common/json_out.h"
#include "graphd/step.h"

/*
 * {seq,first_seq,command_id,command_type,kind,target_id,actor,client_id,timestamp,edits}, an edit
 * being {edit,node_id,before,after} or what its kind has instead.
 */
void audit_write(struct json_out *, const struct step *);
