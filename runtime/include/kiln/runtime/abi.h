/* The binary interface between a compiled program and the runtime: plain C, no symbol but one.
 *
 * An artifact exports one symbol, `kiln_program_<name>`, a `kiln_program`. Everything else hangs on it. The major version must be
 * equal, the minor version not above the runtime's. Each struct begins with its size in bytes, because later minor versions append
 * members, and change none: structs of an artifact of an earlier minor version are shorter, never shorter than in version 1.0, and a
 * runtime takes the members that they lack for zero (0, null, none); every appended member must make sense so. The structs that the
 * runtime gives to compiled code (kiln_call, kiln_services) may be longer than the artifact knows. Compiled code imports no symbol: what it needs of the runtime comes in
 * `kiln_call::services`. All strings are UTF-8, null-terminated, and live as long as the artifact. */
#ifndef KILN_RUNTIME_ABI_H
#define KILN_RUNTIME_ABI_H

#include <stdint.h>

#ifdef __cplusplus
extern "C" {
#endif

#define KILN_ABI_MAJOR 1
#define KILN_ABI_MINOR 3

/* Instruction sets of one artifact, in the order of `kiln_function::run`; the runtime picks the best that the CPU has, or the one
 * that the environment variable KILN_ISA (v2, v3, v4) names. */
enum { KILN_ISA_X86_64_V2 = 0, KILN_ISA_X86_64_V3 = 1, KILN_ISA_X86_64_V4 = 2, KILN_ISA_COUNT = 3 };

/* What compiled code returns. On an error it fills kiln_call::error_site and error_values. */
enum {
  KILN_OK = 0,
  KILN_ERROR_INDEX_OUT_OF_RANGE = 1, /* error_values: index, size, its place among the indices, their number */
  KILN_ERROR_ONE_VALUE_PER_CHANNEL = 2, /* of a batch norm in training; error_values: the input's rank, channels */
  KILN_ERROR_TARGET_OUT_OF_BOUNDS = 3   /* of a cross entropy; error_values: target, classes, place, number */
};

/* Work that compiled code asks the runtime for. */
typedef struct kiln_services {
  uint32_t struct_size;
  /* Runs task(argument, i) for i in [0, count), on any threads, and returns when all are done. Which thread runs what never changes
   * a result. */
  void (*parallel_for)(void *executor, void (*task)(void *argument, int64_t index), void *argument, int64_t count);
  /* Minor 2. Null but in calls that are measured: called on the call's own thread before each launch, with its place in
   * kiln_function::launches, and with launch_count after the last. */
  void (*before_launch)(void *executor, int64_t launch);
  /* Minor 3. Null but in calls of kiln_function::run_cuda: queues a kernel, by its place in kiln_cuda::kernels, over so many blocks
   * (at least 1). `arguments` has kiln_cuda_kernel::argument_count values, device addresses and sizes, and is read before this
   * returns. What fails is the runtime's to remember; what is queued after a failure does nothing. */
  void (*launch)(void *executor, uint32_t kernel, int64_t blocks, const int64_t *arguments);
} kiln_services;

/* One call of one function. The pointers are to contiguous row-major data; inputs, outputs, state and prepared values never overlap,
 * except that several inputs may be the same memory. */
typedef struct kiln_call {
  uint32_t struct_size;
  uint32_t error_site;            /* out: index into kiln_program::sites */
  const int64_t *symbols;         /* values of kiln_function::symbols */
  const void *const *inputs;      /* in the order of kiln_function::inputs */
  void *const *outputs;           /* in the order of kiln_function::outputs */
  void *const *state;             /* by index into kiln_program::states */
  void *const *prepared;          /* by index into kiln_program::prepared */
  void *arena;                    /* 64-byte aligned; as many bytes as `measure` asked for */
  const kiln_services *services;
  void *executor;                 /* first argument of every service */
  int64_t error_values[4];        /* out */
  void *const *constants;         /* minor 3, of run_cuda: copies on the device of kiln_cuda::constants */
} kiln_call;

/* A size: a constant (symbol < 0) or the value of kiln_function::symbols[symbol]. */
typedef struct kiln_dim {
  int64_t value;
  int32_t symbol;
  int32_t reserved;
} kiln_dim;

typedef struct kiln_argument {
  uint32_t struct_size;
  uint32_t dtype; /* kiln::runtime::DType */
  uint32_t rank;
  const char *name;
  const kiln_dim *dims;   /* inputs: rank entries. Outputs: null, the sizes come from `measure`. */
  const char *shape_text; /* "[batch, 784]", for people */
} kiln_argument;

/* Minor 2. A step of a function: one kernel over all its data. The counts are expressions in the function's symbols,
 * "2 * batch + 1". */
typedef struct kiln_launch {
  uint32_t struct_size;
  uint32_t reserved;
  const char *kernel; /* "f32_packed_linear_784x512_bias_relu" */
  const char *module; /* path of the module that it computes; "" for none */
  const char *flops;  /* floating-point operations, a multiply-add being two */
  const char *bytes;  /* of what it reads and what it writes, each once */
} kiln_launch;

typedef struct kiln_function {
  uint32_t struct_size;
  const char *name;
  uint32_t symbol_count, input_count, output_count;
  const char *const *symbols;
  const kiln_argument *inputs, *outputs;
  uint32_t read_count, write_count, prepared_count;
  const uint32_t *reads;    /* states that a call reads */
  const uint32_t *writes;   /* states that a call writes: such a call is exclusive */
  const uint32_t *prepared; /* prepared values that a call reads */
  /* Sizes of all outputs, one after another, and the bytes of arena, for given symbol values. Bytes of -1: more memory than there can
   * be; of -2 - i: condition i does not hold. Nothing may be run then. */
  void (*measure)(const int64_t *symbols, int64_t *output_sizes, int64_t *arena_bytes);
  int32_t (*run[KILN_ISA_COUNT])(kiln_call *call); /* null where the artifact lacks an instruction set */
  uint32_t condition_count;
  const char *const *conditions; /* what to tell a caller whose sizes break one */
  /* Minor 2: the steps in their order. None: the artifact tells nothing of them, and calls no before_launch. */
  uint32_t launch_count;
  const kiln_launch *launches;
  /* Minor 3: the same call with a CUDA device. All addresses in kiln_call but those of arrays of addresses, of symbols and of services
   * are the device's, and are not looked behind: it computes sizes on the processor and queues kernels. Null: the function runs on the
   * processor. Such a function writes no state. */
  int32_t (*run_cuda)(kiln_call *call);
} kiln_function;

enum {
  KILN_STATE_PARAMETER = 0,
  KILN_STATE_BUFFER = 1,
  KILN_STATE_OPTIMIZER = 2,
  KILN_STATE_GRADIENT = 3,       /* minor 1 */
  KILN_STATE_HYPERPARAMETER = 4, /* minor 1: a value that the host may change between calls, such as a learning rate */
  KILN_STATE_GENERATOR = 5       /* minor 1: int64 [2], seed and offset of the random numbers */
};

/* One storage. Only parameters and buffers have names in the module tree. */
typedef struct kiln_state {
  uint32_t struct_size;
  uint32_t kind; /* KILN_STATE_... */
  uint32_t dtype, rank;
  uint32_t trainable; /* 0 or 1 */
  const char *path;
  const int64_t *sizes;
  /* Contiguous initial value. Null: zeros for gradients and values of optimizers; for others, the weights are kept outside the
   * artifact. */
  const void *initial;
} kiln_state;

/* A name in the module tree; several may name one state (tied weights). In the order of state_dict(). */
typedef struct kiln_state_name {
  uint32_t struct_size;
  uint32_t state;
  uint32_t persistent; /* 0: not in state_dict() */
  const char *name;
} kiln_state_name;

/* A value derived from state alone (folded or packed weights), computed by a prepare function whenever its sources changed. */
typedef struct kiln_prepared {
  uint32_t struct_size;
  uint32_t prepare; /* index into kiln_program::prepares */
  uint64_t bytes;
  const char *name;
} kiln_prepared;

/* Computes prepared values: kiln_call::outputs are its targets in order; reads only state and earlier prepared values. */
typedef struct kiln_prepare {
  uint32_t struct_size;
  uint32_t source_count, target_count;
  const uint32_t *sources; /* states */
  const uint32_t *targets; /* prepared values */
  uint64_t arena_bytes;
  const char *name;
  int32_t (*run[KILN_ISA_COUNT])(kiln_call *call);
} kiln_prepare;

/* A module of the user's model, in pre-order: for print, summary and errors. */
typedef struct kiln_module {
  uint32_t struct_size;
  int32_t parent; /* index, -1 for a root */
  const char *name;       /* last part of the path; "" for a root */
  const char *path;       /* "blocks.2.fc1" */
  const char *type;       /* "Linear" */
  const char *extra_repr; /* "in_features=784, out_features=128, bias=True" */
  const char *output_shape; /* "[batch, 128]"; "" where the module was never called */
  const char *multiply_adds; /* an expression in the symbols, "100352 * batch"; "" for none */
} kiln_module;

/* A place in the user's model that compiled code can report. */
typedef struct kiln_site {
  uint32_t struct_size;
  const char *module; /* path */
  const char *source; /* "model.cpp:12" */
  const char *operation; /* "nn.embedding" */
} kiln_site;

/* Minor 1. The gradient of a parameter as it is between calls. A gradient that is None holds zeros, and its flag is false. */
typedef struct kiln_gradient {
  uint32_t struct_size;
  uint32_t parameter; /* state */
  uint32_t gradient;  /* state, of the parameter's dtype and sizes */
  uint32_t flag;      /* index into the state kiln_program::gradient_flags */
} kiln_gradient;

/* Minor 1. What an option of an optimizer is in Python. */
enum {
  KILN_OPTION_NONE = 0,
  KILN_OPTION_BOOL = 1,  /* integer */
  KILN_OPTION_INT = 2,   /* integer */
  KILN_OPTION_FLOAT = 3, /* number */
  KILN_OPTION_FLOATS = 4 /* numbers: a tuple */
};

/* Minor 1. An entry of PyTorch's param_groups that compiled code holds as a constant. */
typedef struct kiln_option {
  uint32_t struct_size;
  uint32_t kind; /* KILN_OPTION_... */
  const char *name; /* "weight_decay" */
  int64_t integer;
  double number;
  const double *numbers;
  uint64_t number_count;
} kiln_option;

/* Minor 1. What an optimizer keeps for each parameter of a group. */
typedef struct kiln_slot {
  uint32_t struct_size;
  uint32_t reserved;
  const char *name;      /* "exp_avg" */
  const int32_t *states; /* parameter_count entries, of the parameter's dtype and sizes; -1: none */
} kiln_slot;

/* Minor 1. Parameters that an optimizer treats alike. */
typedef struct kiln_parameter_group {
  uint32_t struct_size;
  uint32_t learning_rate; /* state, one float64 */
  uint32_t parameter_count, option_count, slot_count;
  uint32_t reserved;
  const uint32_t *parameters; /* states */
  const kiln_option *options; /* in PyTorch's order, without lr and params */
  const kiln_slot *slots;     /* in PyTorch's order */
} kiln_parameter_group;

/* Minor 1. Parameters are numbered through all groups, as in PyTorch's state_dict of an optimizer. */
typedef struct kiln_optimizer {
  uint32_t struct_size;
  uint32_t steps; /* state, float32 [number of parameters]: how often each has been updated */
  uint32_t group_count;
  uint32_t reserved;
  const char *name; /* "optimizer" */
  const char *type; /* "Adam" */
  const kiln_parameter_group *groups;
} kiln_optimizer;

/* Minor 3. Code for CUDA devices: machine code of one architecture, or PTX, which a driver compiles for it and later ones. */
typedef struct kiln_cuda_image {
  uint32_t struct_size;
  uint32_t architecture; /* 80 for sm_80. Machine code runs on devices of the same major version and no lower minor one. */
  uint32_t is_ptx;       /* 0 or 1 */
  uint32_t reserved;
  const void *data;
  uint64_t bytes;
} kiln_cuda_image;

/* Minor 3. A kernel in every image. Blocks have one dimension, of `threads` threads. */
typedef struct kiln_cuda_kernel {
  uint32_t struct_size;
  uint32_t threads;
  uint32_t argument_count; /* of 8 bytes each */
  uint32_t reserved;
  const char *name;
} kiln_cuda_kernel;

/* Minor 3. Values that are part of the program and that run_cuda reads. */
typedef struct kiln_cuda_constant {
  uint32_t struct_size;
  uint32_t reserved;
  const void *data;
  uint64_t bytes;
} kiln_cuda_constant;

/* Minor 3. */
typedef struct kiln_cuda {
  uint32_t struct_size;
  uint32_t image_count, kernel_count, constant_count;
  const kiln_cuda_image *images;
  const kiln_cuda_kernel *kernels;
  const kiln_cuda_constant *constants;
} kiln_cuda;

typedef struct kiln_program {
  uint32_t struct_size;
  uint16_t abi_major, abi_minor;
  const char *name;
  const char *fingerprint; /* 64 hexadecimal digits */
  const char *target;      /* "x86_64" */
  uint32_t function_count, state_count, state_name_count, prepared_count, prepare_count, module_count, site_count;
  const kiln_function *functions;
  const kiln_state *states;
  const kiln_state_name *state_names;
  const kiln_prepared *prepared;
  const kiln_prepare *prepares;
  const kiln_module *modules;
  const kiln_site *sites;
  /* Minor 1 */
  uint32_t gradient_count, optimizer_count;
  int32_t gradient_flags; /* state, bool [gradient_count]: which gradients are not None; -1 without gradients */
  int32_t generator;      /* state of kind generator; -1: none */
  const kiln_gradient *gradients;
  const kiln_optimizer *optimizers;
  /* Minor 3. Null: no function has run_cuda. */
  const kiln_cuda *cuda;
} kiln_program;

#ifdef __cplusplus
}
#endif

#endif /* KILN_RUNTIME_ABI_H */
