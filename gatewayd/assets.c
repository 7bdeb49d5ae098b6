#include "gatewayd/assets.h"

#include "common/json.h"
#include "common/limits.h"
#include "common/log.h"
#include "common/mem.h"

#include <cjson/cJSON.h>
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/stat.h>
#include <unistd.h>

enum { ASSET_BYTES_MAX = 256 * 1024 };

struct asset {
	struct asset *next;
	struct span set; /* {NULL,0}: an icon */
	struct span id, svg, theme;
};

struct assets {
	struct arena arena; /* holds all of it */
	struct asset *first;
	struct span indicator_catalog, icon_catalog;
};

static const struct json_bounds bounds = { LIMIT_JSON_DEPTH, LIMIT_JSON_VALUES,
	LIMIT_JSON_TEXT_BYTES, LIMIT_JSON_KEY_BYTES };

/* NULL gives {NULL,0}. */
static struct span
keep(struct assets *a, const char *text)
{
	if (!text)
		return (struct span){ 0 };
	return (struct span){ arena_text(&a->arena, span_of(text)), strlen(text) };
}

/* The whole file, in the arena. */
static bool
read_file(struct arena *arena, const char *path, struct span *out)
{
	int fd = open(path, O_RDONLY | O_CLOEXEC | O_NOFOLLOW);
	struct stat st;
	char *bytes;
	ssize_t n;

	if (fd < 0 || fstat(fd, &st) != 0) {
		log_warn("assets", "%s: %s", path, strerror(errno));
		if (fd >= 0)
			close(fd);
		return false;
	}
	if (!S_ISREG(st.st_mode) || st.st_size > ASSET_BYTES_MAX) {
		log_warn("assets", "%s: not a file of at most %d bytes", path, ASSET_BYTES_MAX);
		close(fd);
		return false;
	}
	bytes = arena_take(arena, (size_t)st.st_size);
	n = read(fd, bytes, (size_t)st.st_size);
	close(fd);
	*out = (struct span){ bytes, n > 0 ? (size_t)n : 0 };
	return n == st.st_size;
}

/* Strictly scanned first: cJSON lets much pass. Returns owned, an object, and its compact text in
 * the arena. */
static cJSON *
read_catalog(struct assets *a, const char *directory, const char *kind, struct span *out)
{
	struct span text;
	char path[4096];
	cJSON *catalog;
	char *compact;

	snprintf(path, sizeof(path), "%s/%s/catalog.json", directory, kind);
	if (!read_file(&a->arena, path, &text))
		return NULL;
	catalog = json_scan(text, &bounds, NULL) == JSON_OK ? cJSON_ParseWithLength(text.p, text.n)
							    : NULL;
	if (!cJSON_IsObject(catalog)) {
		log_warn("assets", "%s: not a JSON object", path);
		cJSON_Delete(catalog);
		return NULL;
	}
	compact = cJSON_PrintUnformatted(catalog);
	*out = keep(a, compact);
	free(compact);
	return catalog;
}

/* A catalog's file name is trusted as far as the directory it lies in. */
static bool
is_inside(const char *file)
{
	return file && file[0] && file[0] != '/' && !strstr(file, "..");
}

static struct span
theme_of(struct assets *a, const cJSON *row)
{
	const cJSON *theme = cJSON_GetObjectItemCaseSensitive(row, "theme");
	char *text = cJSON_IsObject(theme) ? cJSON_PrintUnformatted(theme) : NULL;
	struct span kept = text
	    ? keep(a, text)
	    : SPAN("{\"indicator_color\":\"#888888\",\"text_color\":\"#888888\"}");

	free(text);
	return kept;
}

static bool
add_asset(
    struct assets *a, const char *directory, const char *kind, const char *set, const cJSON *row)
{
	struct asset *asset = arena_take(&a->arena, sizeof(*asset));
	const char *file = cJSON_GetStringValue(cJSON_GetObjectItemCaseSensitive(row, "file"));
	const char *id = cJSON_GetStringValue(cJSON_GetObjectItemCaseSensitive(row, "id"));
	char path[4096];

	if (!id || !id[0] || !is_inside(file)) {
		log_warn("assets", "the %s catalog holds an entry without id or file", kind);
		return false;
	}
	*asset =
	    (struct asset){ .set = keep(a, set), .id = keep(a, id), .theme = theme_of(a, row) };
	snprintf(path, sizeof(path), "%s/%s/%s", directory, kind, file);
	if (!read_file(&a->arena, path, &asset->svg))
		return false;
	asset->next = a->first;
	a->first = asset;
	return true;
}

static bool
add_list(
    struct assets *a, const char *directory, const char *kind, const char *set, const cJSON *list)
{
	const cJSON *row;

	cJSON_ArrayForEach(row, list)
	{
		if (!add_asset(a, directory, kind, set, row))
			return false;
	}
	return true;
}

static bool
add_indicators(struct assets *a, const char *directory)
{
	cJSON *catalog = read_catalog(a, directory, "indicators", &a->indicator_catalog);
	const cJSON *set;
	bool good = catalog != NULL;

	cJSON_ArrayForEach(set, cJSON_GetObjectItemCaseSensitive(catalog, "indicator_sets")) good =
	    good &&
	    add_list(a, directory, "indicators", set->string,
		cJSON_GetObjectItemCaseSensitive(set, "indicators"));
	cJSON_Delete(catalog);
	return good;
}

static bool
add_icons(struct assets *a, const char *directory)
{
	cJSON *catalog = read_catalog(a, directory, "icons", &a->icon_catalog);
	bool good = catalog &&
	    add_list(
		a, directory, "icons", NULL, cJSON_GetObjectItemCaseSensitive(catalog, "icons"));

	cJSON_Delete(catalog);
	return good;
}

struct assets *
assets_new(const char *directory)
{
	struct assets *a = xcalloc(1, sizeof(*a));

	arena_init(&a->arena);
	a->indicator_catalog = SPAN("{\"indicator_sets\":{}}");
	a->icon_catalog = SPAN("{\"icons\":[]}");
	if (!directory)
		return a;
	if (add_indicators(a, directory) && add_icons(a, directory))
		return a;
	assets_free(a);
	return NULL;
}

void
assets_free(struct assets *a)
{
	if (!a)
		return;
	arena_fini(&a->arena);
	free(a);
}

static const struct asset *
find(const struct assets *a, struct span set, struct span id)
{
	for (const struct asset *at = a->first; at; at = at->next)
		if (!at->set.p == !set.p && span_equal(at->set, set) && span_equal(at->id, id))
			return at;
	return NULL;
}

struct span
assets_indicator_catalog(const struct assets *a)
{
	return a->indicator_catalog;
}

struct span
assets_icon_catalog(const struct assets *a)
{
	return a->icon_catalog;
}

struct span
assets_indicator(const struct assets *a, struct span set, struct span id)
{
	const struct asset *found = find(a, set, id);

	return found ? found->svg : (struct span){ 0 };
}

struct span
assets_icon(const struct assets *a, struct span id)
{
	return assets_indicator(a, (struct span){ 0 }, id);
}

struct span
assets_indicator_theme(const struct assets *a, struct span set, struct span id)
{
	const struct asset *found = find(a, set, id);

	return found ? found->theme : (struct span){ 0 };
}
