#pragma once
/*
 * Indicators and icons: small SVG files and their catalogs, read once at start. A directory holds
 * indicators/catalog.json and icons/catalog.json; what they name lies beside them.
 */

#include "common/span.h"

#include <stdbool.h>

struct assets;

/* directory NULL: there are none, and the catalogs are empty. NULL: said in the log what is wrong.
 */
struct assets *assets_new(const char *directory);
void assets_free(struct assets *);

/* JSON; valid as long as the assets, as is all that follows. */
struct span assets_indicator_catalog(const struct assets *);
struct span assets_icon_catalog(const struct assets *);
/* SVG; {NULL,0} when there is none. */
struct span assets_indicator(const struct assets *, struct span set, struct span id);
struct span assets_icon(const struct assets *, struct span id);
/* JSON: its theme, or grey when it has none; {NULL,0} when there is no such indicator. */
struct span assets_indicator_theme(const struct assets *, struct span set, struct span id);
