#pragma once
/*
 * A file beside the database that does nothing but take room. Who finds the disk full removes it,
 * and writing goes on until there is time to make more room; a later start that finds plenty makes
 * it again. docs/operate.md tells operators.
 */

/* Makes DIRECTORY/ballast unless it is there, or room is scarce already, or the file system cannot
 * set room aside without writing it. None of that is an error. */
void ballast_keep(const char *directory);
