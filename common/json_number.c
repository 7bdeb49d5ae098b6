#include "common/json_inner.h"

#define INTEGER_MAX ((int64_t)9007199254740992) /* 2^53: the greatest up to which none is lost */

enum {
	HUGE_EXPONENT =
	    1000000000,	     /* stands for all above; no text is long enough to make up for it */
	DOUBLE_DIGITS = 309, /* of the biggest doubles, before the point */
};

/*
 * 2^1024 - 2^970: half way between the greatest double and the next power of two. From here on
 * rounding gives infinity (IEEE 754, round half to even). Comparing digits is exact and, unlike
 * strtod(3), does not depend on the locale nor on a NUL behind the text.
 */
static const char first_infinite[DOUBLE_DIGITS + 1] =
    "179769313486231580793728971405303415079934132710037826936173778980444968292764"
    "750946649017977587207096330286416692887910946555547851940402630657488671505820"
    "681908902000708383676273854845817711531764475730270069855571366959622842914819"
    "860834936475292719074168444365510704342711559699508093042880177904174497792";

/* A number taken apart; every span but whole may be empty. */
struct number {
	bool negative;
	struct span whole, fraction; /* digits */
	int64_t exponent;
	bool is_integer; /* written without point and exponent */
};

static struct span
take_digits(const char **at, const char *end)
{
	const char *start = *at;

	while (*at < end && json_is_digit(**at))
		++*at;
	return (struct span){ start, (size_t)(*at - start) };
}

static enum json_fault
missing(const char *at, const char *end)
{
	return at == end ? JSON_TRUNCATED : *at == '\0' ? JSON_NUL : JSON_SYNTAX;
}

static int64_t
exponent_of(struct span digits)
{
	int64_t value = 0;

	for (size_t i = 0; i < digits.n && value < HUGE_EXPONENT; i++)
		value = value * 10 + (digits.p[i] - '0');
	return value < HUGE_EXPONENT ? value : HUGE_EXPONENT;
}

static enum json_fault
read_exponent(const char **at, const char *end, struct number *out)
{
	bool negative;
	struct span digits;

	negative = *at < end && **at == '-';
	if (*at < end && (**at == '-' || **at == '+'))
		++*at;
	digits = take_digits(at, end);
	if (digits.n == 0)
		return missing(*at, end);
	out->exponent = negative ? -exponent_of(digits) : exponent_of(digits);
	return JSON_OK;
}

static enum json_fault
read_parts(const char **at, const char *end, struct number *out)
{
	*out = (struct number){ .is_integer = true };
	out->negative = *at < end && **at == '-';
	*at += out->negative;
	out->whole = take_digits(at, end);
	if (out->whole.n == 0)
		return missing(*at, end);
	if (out->whole.n > 1 && out->whole.p[0] == '0') {
		*at = out->whole.p + 1;
		return JSON_SYNTAX;
	}
	if (*at < end && **at == '.') {
		++*at;
		out->is_integer = false;
		out->fraction = take_digits(at, end);
		if (out->fraction.n == 0)
			return missing(*at, end);
	}
	if (*at < end && (**at == 'e' || **at == 'E')) {
		++*at;
		out->is_integer = false;
		return read_exponent(at, end, out);
	}
	return JSON_OK;
}

static size_t
leading_zeros(struct span digits)
{
	size_t n = 0;

	while (n < digits.n && digits.p[n] == '0')
		n++;
	return n;
}

/* Compares the significant digits with the constant's; both have the same magnitude. */
static bool
reaches_infinity(struct span whole, struct span fraction)
{
	for (size_t i = 0; i < DOUBLE_DIGITS; i++) {
		char digit = '0';
		if (i < whole.n)
			digit = whole.p[i];
		else if (i - whole.n < fraction.n)
			digit = fraction.p[i - whole.n];
		if (digit != first_infinite[i])
			return digit > first_infinite[i];
	}
	return true;
}

static bool
is_finite(const struct number *number)
{
	struct span whole = number->whole, fraction = number->fraction;
	int64_t magnitude; /* digits before the point, once the exponent is applied */
	size_t zeros = leading_zeros(whole);

	whole = (struct span){ whole.p + zeros, whole.n - zeros };
	magnitude = (int64_t)whole.n;
	if (whole.n == 0) {
		zeros = leading_zeros(fraction);
		if (zeros == fraction.n)
			return true; /* zero, whatever the exponent */
		fraction = (struct span){ fraction.p + zeros, fraction.n - zeros };
		magnitude = -(int64_t)zeros;
	}
	magnitude += number->exponent;
	if (magnitude != DOUBLE_DIGITS)
		return magnitude < DOUBLE_DIGITS;
	return !reaches_infinity(whole, fraction);
}

/* Appends decimal digits to *value, trailing zeros excepted; those are left in *zeros. */
static bool
append_digits(struct span digits, int64_t *value, int64_t *zeros)
{
	for (size_t i = 0; i < digits.n; i++) {
		if (digits.p[i] == '0') {
			*zeros += *value != 0;
			continue;
		}
		for (; *zeros > 0; --*zeros) {
			*value *= 10;
			if (*value > INTEGER_MAX)
				return false;
		}
		*value = *value * 10 + (digits.p[i] - '0');
		if (*value > INTEGER_MAX)
			return false;
	}
	return true;
}

static bool
to_integer(const struct number *number, int64_t *out)
{
	int64_t value = 0, zeros = 0;

	/* Too many digits: it is too big, or its last digit, which is not 0, stands behind the
	 * point. */
	if (!append_digits(number->whole, &value, &zeros) ||
	    !append_digits(number->fraction, &value, &zeros))
		return false;
	zeros += number->exponent - (int64_t)number->fraction.n;
	if (value != 0 && zeros < 0)
		return false;
	for (; value != 0 && zeros > 0; zeros--) {
		value *= 10;
		if (value > INTEGER_MAX)
			return false;
	}
	*out = number->negative ? -value : value;
	return true;
}

enum json_fault
json_read_number(const char **at, const char *end, bool any)
{
	const char *start = *at;
	struct number number;
	enum json_fault fault = read_parts(at, end, &number);
	int64_t integer;

	if (fault)
		return fault;
	if (any || (number.is_integer ? to_integer(&number, &integer) : is_finite(&number)))
		return JSON_OK;
	*at = start;
	return JSON_NUMBER;
}

bool
json_integer(struct span value, int64_t *out)
{
	struct number number;
	const char *at = value.p, *end;

	if (value.n == 0)
		return false;
	end = value.p + value.n;
	if (read_parts(&at, end, &number) || at != end)
		return false;
	return to_integer(&number, out);
}
