/* The C half of c_api_test.cpp: a host written in C, as an embedder would write it. */
#include "kiln/runtime/c_api.h"

#ifdef __cplusplus
extern "C" {
#endif

/* Loads the artifact, calls predict on [[1, 2], [3, 4]] and writes the four results. Returns 0, or the line that failed. */
int c_host_predict(const char *artifact, float *results);

/* Calls affine of the program on [[1, 1]] before and after loading weights. */
int c_host_weights(const kiln_program *descriptor, const char *weights, float *before, float *after);

/* Calls affine with threads of its own. `calls` counts how often they were asked. */
int c_host_threads(const kiln_program *descriptor, float *results, int *calls);

#ifdef __cplusplus
}
#endif
