#pragma once
/* The methods of HTTP that are taken at all. */

#include <stdbool.h>

enum http_method {
	HTTP_GET,
	HTTP_HEAD,
	HTTP_POST,
	HTTP_PUT,
	HTTP_PATCH,
	HTTP_DELETE,
	HTTP_OPTIONS
};

const char *http_method_name(enum http_method);
/* False: none of these. Methods are told apart by case (RFC 9110 section 9.1). */
bool http_method_find(const char *name, enum http_method *method);
