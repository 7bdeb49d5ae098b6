#pragma once
/* What the text of an EDIT_META tells without being read as a whole. */

#include "common/id.h"

/* The project in it; nil when there is none, or no text. */
struct uuid meta_project_id(const char *meta_json);
