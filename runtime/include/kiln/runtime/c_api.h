/* The runtime for hosts that speak C: load a compiled program, give it weights, call it.
 *
 * Every function returns a status and never throws or exits. After a status other than KILN_STATUS_OK, kiln_runtime_last_error()
 * holds the message of the calling thread's last failure. Results are written through pointers, which are left alone on failure.
 *
 *   kiln_runtime_program *program;
 *   kiln_runtime_model *model;
 *   if (kiln_runtime_load("digits.so", &program) || kiln_runtime_create_model(program, NULL, &model) ||
 *       kiln_runtime_load_weights(model, "DeepMLP.pt", 1))
 *     return fail(kiln_runtime_last_error());
 *   int64_t x_sizes[] = {32, 784}, y_sizes[] = {32, 10};
 *   kiln_tensor x = {images, KILN_DTYPE_FLOAT32, 2, x_sizes, NULL}, y = {logits, KILN_DTYPE_FLOAT32, 2, y_sizes, NULL};
 *   kiln_runtime_call(model, "predict", &x, 1, &y, 1, NULL);
 *
 * Programs and models may be used by several threads at once; destroying one must be the last use of it. */
#ifndef KILN_RUNTIME_C_API_H
#define KILN_RUNTIME_C_API_H

#include <stdint.h>

#include "kiln/runtime/abi.h"

#ifdef __cplusplus
extern "C" {
#endif

#define KILN_C_API __attribute__((visibility("default")))

/* What went wrong; the numbers never change. */
typedef enum kiln_status {
  KILN_STATUS_OK = 0,
  KILN_STATUS_VALUE = 1,      /* a value, shape or size that does not fit */
  KILN_STATUS_TYPE = 2,       /* a dtype that does not fit */
  KILN_STATUS_INDEX = 3,      /* an index out of range */
  KILN_STATUS_KEY = 4,        /* a name that is not there */
  KILN_STATUS_FILE = 5,       /* a file that can't be read or breaks its format's rules */
  KILN_STATUS_STATE_DICT = 6, /* weights that do not fit the model */
  KILN_STATUS_MEMORY = 7,     /* out of memory */
  KILN_STATUS_ERROR = 8,      /* any other error of a program's user */
  KILN_STATUS_INTERNAL = 9    /* an error in the runtime itself */
} kiln_status;

/* Element types; the numbers are kiln::runtime::DType's. */
typedef enum kiln_dtype {
  KILN_DTYPE_BOOL = 0,
  KILN_DTYPE_UINT8 = 1,
  KILN_DTYPE_INT8 = 2,
  KILN_DTYPE_INT16 = 3,
  KILN_DTYPE_INT32 = 4,
  KILN_DTYPE_INT64 = 5,
  KILN_DTYPE_FLOAT16 = 6,
  KILN_DTYPE_BFLOAT16 = 7,
  KILN_DTYPE_FLOAT32 = 8,
  KILN_DTYPE_FLOAT64 = 9
} kiln_dtype;

/* A tensor in the host's memory. */
typedef struct kiln_tensor {
  void *data;
  uint32_t dtype; /* kiln_dtype */
  uint32_t rank;
  const int64_t *sizes;   /* rank entries */
  const int64_t *strides; /* in elements, rank entries; null: contiguous */
} kiln_tensor;

/* How a model is made or a call is run. Set struct_size to sizeof(kiln_runtime_options) and what is not wanted to 0. */
typedef struct kiln_runtime_options {
  uint32_t struct_size;
  /* Of a model: 0 for the pool that the process's models share, else a pool of its own with so many threads. Of a call: at most so
   * many threads, 0 for all. */
  int32_t threads;
  /* The host's own threads, instead of a pool: runs task(argument, i) for i in [0, count) and returns when all are done. Called with
   * `executor` as first argument, by several threads at once. It may call the model again on its own thread, for functions that
   * write no state; a host in C++ may throw when no task is running, and the call then returns KILN_STATUS_ERROR. Null: none. */
  void (*parallel_for)(void *executor, void (*task)(void *argument, int64_t index), void *argument, int64_t count);
  void *executor;
} kiln_runtime_options;

/* An input or output of a function. The text lives as long as the program. */
typedef struct kiln_runtime_argument {
  const char *name;
  uint32_t dtype;
  uint32_t rank;
  const char *shape_text; /* "[batch, 784]" */
} kiln_runtime_argument;

typedef struct kiln_runtime_program kiln_runtime_program;
typedef struct kiln_runtime_model kiln_runtime_model;

/* The message of this thread's last failure; "" before the first. Valid until the thread's next failure. */
KILN_C_API const char *kiln_runtime_last_error(void);

/* Loads an artifact (a shared library). */
KILN_C_API kiln_status kiln_runtime_load(const char *path, kiln_runtime_program **program);
/* A program that is linked into the host; the descriptor must outlive it. */
KILN_C_API kiln_status kiln_runtime_from_descriptor(const kiln_program *descriptor, kiln_runtime_program **program);
/* Models made from the program stay usable. Null is allowed. */
KILN_C_API void kiln_runtime_unload(kiln_runtime_program *program);

/* What the program offers. `arguments` may be null to ask for the count alone; else it has room for *count entries, of which no more
 * are written, and *count becomes the number there are. */
KILN_C_API uint32_t kiln_runtime_function_count(const kiln_runtime_program *program);
KILN_C_API kiln_status kiln_runtime_function_name(const kiln_runtime_program *program, uint32_t index, const char **name);
KILN_C_API kiln_status kiln_runtime_inputs(const kiln_runtime_program *program, const char *function,
                                           kiln_runtime_argument *arguments, uint32_t *count);
KILN_C_API kiln_status kiln_runtime_outputs(const kiln_runtime_program *program, const char *function,
                                            kiln_runtime_argument *arguments, uint32_t *count);

/* A model of the program, with the program's initial weights. `options` may be null. */
KILN_C_API kiln_status kiln_runtime_create_model(const kiln_runtime_program *program, const kiln_runtime_options *options,
                                                 kiln_runtime_model **model);
/* Null is allowed. */
KILN_C_API void kiln_runtime_destroy_model(kiln_runtime_model *model);

/* Loads a state_dict from a .safetensors or .pt file. With `strict` 0, names that only one side has are ignored. On failure nothing
 * has changed. Calls in flight see the old weights wholly, later ones the new. */
KILN_C_API kiln_status kiln_runtime_load_weights(kiln_runtime_model *model, const char *path, int strict);

/* Training. `optimizer` is its name in the program; null stands for "optimizer". */

/* Writes the weights to a .safetensors or .pt file. */
KILN_C_API kiln_status kiln_runtime_save_weights(const kiln_runtime_model *model, const char *path);
/* Everything that training goes on from, in a .pt that PyTorch reads too. Loading changes all or, on failure, nothing. */
KILN_C_API kiln_status kiln_runtime_save_checkpoint(const kiln_runtime_model *model, const char *path);
KILN_C_API kiln_status kiln_runtime_load_checkpoint(kiln_runtime_model *model, const char *path);

/* Seeds the random numbers of compiled functions. */
KILN_C_API kiln_status kiln_runtime_manual_seed(kiln_runtime_model *model, uint64_t seed);
/* Learning rate of a parameter group. */
KILN_C_API kiln_status kiln_runtime_learning_rate(const kiln_runtime_model *model, const char *optimizer, uint32_t group, double *value);
KILN_C_API kiln_status kiln_runtime_set_learning_rate(kiln_runtime_model *model, const char *optimizer, uint32_t group, double value);

/* Makes all gradients None, or with `set_to_none` 0 zeros those that are not. */
KILN_C_API kiln_status kiln_runtime_zero_grad(kiln_runtime_model *model, int set_to_none);
/* The gradient of a parameter. KILN_STATUS_KEY when it is None, or when there is no such parameter. */
typedef struct kiln_tensor_statistics {
  double mean, std, norm; /* std with Bessel's correction */
} kiln_tensor_statistics;
KILN_C_API kiln_status kiln_runtime_gradient_statistics(const kiln_runtime_model *model, const char *parameter,
                                                        kiln_tensor_statistics *result);

/* Sizes that the outputs of a call with these inputs have, one output after another. `capacity` is the room in `sizes`; too little is
 * KILN_STATUS_VALUE. The data pointers of the inputs are not read. */
KILN_C_API kiln_status kiln_runtime_output_sizes(kiln_runtime_model *model, const char *function, const kiln_tensor *inputs,
                                                 uint32_t input_count, int64_t *sizes, uint32_t capacity);

/* Calls a function. Inputs and outputs are in the function's order; outputs must have the right dtype and sizes. `options` may be
 * null. */
KILN_C_API kiln_status kiln_runtime_call(kiln_runtime_model *model, const char *function, const kiln_tensor *inputs,
                                         uint32_t input_count, const kiln_tensor *outputs, uint32_t output_count,
                                         const kiln_runtime_options *options);

#ifdef __cplusplus
}
#endif

#endif /* KILN_RUNTIME_C_API_H */
