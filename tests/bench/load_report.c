#include "tests/bench/load_report.h"

#include <stdio.h>

static void
print_quantiles(const char *name, const struct histogram *h)
{
	static const struct {
		const char *name;
		double q;
	} quantiles[] = { { "p50", 0.5 }, { "p90", 0.9 }, { "p99", 0.99 }, { "p999", 0.999 } };

	printf(",\"%s\":{\"n\":%llu", name, (unsigned long long)h->n);
	for (size_t i = 0; i < sizeof quantiles / sizeof *quantiles; i++)
		printf(",\"%s_ms\":%.4f", quantiles[i].name,
		    (double)histogram_quantile_ns(h, quantiles[i].q) / 1e6);
	printf(",\"mean_ms\":%.4f,\"max_ms\":%.4f}",
	    h->n ? (double)h->sum_ns / (double)h->n / 1e6 : 0.0, (double)h->max_ns / 1e6);
}

/* One number for each process. */
static void
print_cpu(
    const char *name, size_t n, const struct process_use from[], const struct process_use to[])
{
	printf(",\"%s\":[", name);
	for (size_t i = 0; i < n; i++)
		printf("%s%.6f", i ? "," : "", to[i].cpu_s - from[i].cpu_s);
	printf("]");
}

static void
print_rss(const char *name, size_t n, const struct process_use uses[])
{
	printf(",\"%s\":[", name);
	for (size_t i = 0; i < n; i++)
		printf("%s%llu", i ? "," : "", (unsigned long long)uses[i].rss_bytes);
	printf("]");
}

static double
per_second(uint64_t n, double seconds)
{
	return seconds > 0 ? (double)n / seconds : 0;
}

static void
print_joining(const struct load_options *o, const struct load_times *t, const struct audience *a)
{
	printf("\"join\":{\"subscribers\":%zu,\"joined\":%zu,\"lost\":%zu,\"seconds\":%.3f,"
	       "\"joins_per_s\":%.1f,\"events\":%llu",
	    a->n, a->n_joined, a->n_lost, t->join_s, per_second(a->join_latencies.n, t->join_s),
	    (unsigned long long)t->events_before);
	print_quantiles("latency", &a->join_latencies);
	print_cpu("cpu_s", o->n_pids, t->at_start, t->joined);
	print_rss("rss_before", o->n_pids, t->at_start);
	print_rss("rss_settled", o->n_pids, t->settled);
	print_cpu("idle_cpu_s", o->n_pids, t->settled, t->held);
	print_rss("rss_held", o->n_pids, t->held);
	printf("}");
}

static void
print_traffic(const struct load_options *o, const struct load_times *t, const struct audience *a,
    const struct traffic *traffic)
{
	printf(",\"traffic\":{\"seconds\":%.3f,\"posts_per_s\":%.1f,\"answer_bytes\":%.0f,"
	       "\"posted\":%llu,\"failed\":%llu,\"reopened\":%llu",
	    t->measured_s, per_second(traffic->measured, t->measured_s),
	    per_second(traffic->measured_bytes, (double)traffic->measured),
	    (unsigned long long)traffic->answered, (unsigned long long)traffic->failed,
	    (unsigned long long)traffic->reopened);
	print_quantiles("command", &traffic->latencies);
	printf(",\"deliveries_per_s\":%.1f,\"frames_per_s\":%.1f,\"expected\":%llu,"
	       "\"delivered\":%llu",
	    per_second(a->measured, t->measured_s), per_second(a->measured_frames, t->measured_s),
	    (unsigned long long)audience_expected(a),
	    (unsigned long long)(a->events - t->events_before));
	print_quantiles("delivery", &a->latencies);
	print_cpu("cpu_s", o->n_pids, t->measuring, t->measured);
	print_rss("rss", o->n_pids, t->measured);
	printf(",\"own_cpu_s\":%.6f}", t->own_cpu_s);
}

void
load_report(const struct load_options *o, const struct load_times *t, const struct audience *a,
    const struct traffic *traffic)
{
	printf("{");
	print_joining(o, t, a);
	if (o->publishers)
		print_traffic(o, t, a, traffic);
	printf("}\n");
}
