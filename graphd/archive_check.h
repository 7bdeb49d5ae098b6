#pragma once
/*
 * Steps from a file are believed only as far as they can be checked: what they put into a graph
 * must be what commands could have put there. Whether they fit together, their replay shows.
 */

#include "graphd/step.h"

/* Texts are UTF-8, values are minified JSON, and both keep to the limits. */
bool archive_is_sound(const struct step *);
