#pragma once
/* CPU time and resident memory of other processes. */

#include <stdint.h>
#include <sys/types.h>

struct process_use {
	double cpu_s; /* user and system, all threads, ended ones too */
	uint64_t rss_bytes;
};

/* Zeros when the process is gone. */
struct process_use process_use(pid_t);
/* The CPU time of this process. */
double process_own_cpu_s(void);
