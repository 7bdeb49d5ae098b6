#include "gatewayd/assets.h"

#include "common/json.h"
#include "common/json_out.h"
#include "common/limits.h"
#include "common/log.h"
#include "common/mem.h"

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

static bool
read_catalog(struct assets *a, const char *directory, const char *kind, struct span *out)
{
	struct json_out compact = { 0 };
	struct span text;
	char path[4096];

	snprintf(path, sizeof(path), "%s/%s/catalog.json", directory, kind);
	if (!read_file(&a->arena, path, &text))
		return false;
	if (json_scan(text, &bounds, NULL) != JSON_OK ||
	    json_type(json_trim(text)) != JSON_OBJECT) {
		log_warn("assets", "%s: not a JSON object", path);
		return false;
	}
	json_out_minified(&compact, json_trim(text));
	*out = (struct span){ arena_text(&a->arena, json_out_span(&compact)), compact.n };
	json_out_fini(&compact);
	return true;
}

static struct span
member(struct arena *arena, struct span object, const char *name)
{
	struct span value;

	if (!json_find(object, name, &value) || json_type(value) != JSON_STRING)
		return (struct span){ 0 };
	return json_text(arena, value);
}

/* A catalog's file name is trusted as far as the directory it lies in. */
static bool
is_inside(struct span file)
{
	return file.n > 0 && file.p[0] != '/' && !memmem(file.p, file.n, "..", 2);
}

static bool
add_asset(struct assets *a, const char *directory, const char *kind, struct span set, struct span row)
{
	struct asset *asset = arena_take(&a->arena, sizeof(*asset));
	struct span file = member(&a->arena, row, "file");
	char path[4096];

	memset(asset, 0, sizeof(*asset));
	asset->set = set;
	asset->id = member(&a->arena, row, "id");
	if (asset->id.n == 0 || !is_inside(file)) {
		log_warn("assets", "the %s catalog holds an entry without id or file", kind);
		return false;
	}
	if (!json_find(row, "theme", &asset->theme) || json_type(asset->theme) != JSON_OBJECT)
		asset->theme = SPAN("{\"indicator_color\":\"#888888\",\"text_color\":\"#888888\"}");
	snprintf(path, sizeof(path), "%s/%s/%.*s", directory, kind, (int)file.n, file.p);
	if (!read_file(&a->arena, path, &asset->svg))
		return false;
	asset->next = a->first;
	a->first = asset;
	return true;
}

static bool
add_list(struct assets *a, const char *directory, const char *kind, struct span set, struct span list)
{
	struct json_iter it;
	struct span key, row;

	json_walk(&it, list);
	while (json_next(&it, &key, &row))
		if (!add_asset(a, directory, kind, set, row))
			return false;
	return true;
}

static bool
add_indicators(struct assets *a, const char *directory)
{
	struct span sets, name, set, list;
	struct json_iter it;

	json_find(a->indicator_catalog, "indicator_sets", &sets);
	json_walk(&it, sets);
	while (json_next(&it, &name, &set)) {
		json_find(set, "indicators", &list);
		if (!add_list(a, directory, "indicators", json_key(&a->arena, name), list))
			return false;
	}
	return true;
}

struct assets *
assets_new(const char *directory)
{
	struct assets *a = xcalloc(1, sizeof(*a));
	struct span icons;

	arena_init(&a->arena);
	a->indicator_catalog = SPAN("{\"indicator_sets\":{}}");
	a->icon_catalog = SPAN("{\"icons\":[]}");
	if (!directory)
		return a;
	if (read_catalog(a, directory, "indicators", &a->indicator_catalog) &&
	    read_catalog(a, directory, "icons", &a->icon_catalog) &&
	    add_indicators(a, directory)) {
		json_find(a->icon_catalog, "icons", &icons);
		if (add_list(a, directory, "icons", (struct span){ 0 }, icons))
			return a;
	}
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
