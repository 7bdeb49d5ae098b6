#pragma once
/* One step of the journal as people read it: who did what, before and after. */

#include "common/json_out.h"
#include "graphd/step.h"

/* {seq,first_seq,command_id,command_type,kind,actor,client_id,timestamp,edits:[{edit,…,before,after}]}
 */
void audit_write(struct json_out *, const struct step *);
