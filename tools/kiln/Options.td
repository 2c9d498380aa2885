//===- Options.td - the driver's options ------------------------*- tablegen -*-===//
//
// Each option says which commands take it; help, spelling suggestions and parsing come from this table.
//
//===----------------------------------------------------------------------===//

include "llvm/Option/OptParser.td"

def Main : OptionVisibility;
def Build : OptionVisibility;
def Run : OptionVisibility;
def Print : OptionVisibility;
def Summary : OptionVisibility;
def Inspect : OptionVisibility;
def Train : OptionVisibility;
def Bench : OptionVisibility;
def Weights : OptionVisibility;

// Commands that may compile a model's C++.
class ForModels { list<OptionVisibility> Visibility = [Build, Run, Train, Bench, Print, Summary]; }

class Flag_<string name> : Flag<["--"], name>;
class Value<string name> : Joined<["--"], name # "=">;

//===----------------------------------------------------------------------===//
// All commands
//===----------------------------------------------------------------------===//

def help : Flag_<"help">, Visibility<[Main, Build, Run, Train, Bench, Print, Summary, Inspect, Weights]>, HelpText<"Show this text">;
def help_short : Flag<["-"], "h">, Alias<help>, Visibility<[Main, Build, Run, Train, Bench, Print, Summary, Inspect, Weights]>;
def version : Flag_<"version">, Visibility<[Main]>, HelpText<"Show the version">;

//===----------------------------------------------------------------------===//
// kiln build
//===----------------------------------------------------------------------===//

def output_file : JoinedOrSeparate<["-"], "o">, Visibility<[Build]>, MetaVarName<"OUT">,
  HelpText<"Write OUT. One kind writes OUT itself, several write OUT with an ending each">;
def emit : CommaJoined<["--"], "emit=">, Visibility<[Build]>, MetaVarName<"KIND,...">,
  HelpText<"What to write: exe, shared, static, object, header, mlir, schedule, cuda, llvm, asm. By default OUT's ending decides "
           "(.so, .a, .o, .h, .mlir, .cu, .ll, .s), and none means exe">;
def target : Value<"target">, Visibility<[Build]>, MetaVarName<"TARGET">,
  HelpText<"What to compile for: x86_64, or cuda:sm_80,sm_90 for these NVIDIA GPUs too (cuda alone: sm_80 and later)">;
def embed_weights : Value<"embed-weights">, Visibility<[Build]>, MetaVarName<"true|false">,
  HelpText<"Whether the artifact carries the weights (default: true)">;
def remarks : Flag_<"remarks">, Visibility<[Build]>,
  HelpText<"Report what was fused, folded and hoisted, what was not, and why">;
def timing : Flag_<"timing">, Visibility<[Build]>, HelpText<"Report where the time went">;
def mlir_option : Joined<["--"], "mlir-">, Visibility<[Build]>, MetaVarName<"OPTION">,
  HelpText<"MLIR's own debugging options, such as --mlir-print-ir-after-all or --mlir-print-ir-tree-dir=DIR">;

//===----------------------------------------------------------------------===//
// Weights, inputs, outputs
//===----------------------------------------------------------------------===//

def weights : Value<"weights">, Visibility<[Build, Run, Train, Bench]>, MetaVarName<"FILE">,
  HelpText<"Load a state_dict, from .pt, .safetensors or .npz, before anything else">;
def key : Value<"key">, Visibility<[Build, Run, Train, Bench, Weights]>, MetaVarName<"KEY">,
  HelpText<"Where in the .pt the state_dict is: model in a checkpoint, model.state for one more level">;
def convert : Value<"convert">, Visibility<[Weights]>, MetaVarName<"OUT">,
  HelpText<"Write the tensors to OUT, a .safetensors, .pt or .pth, and list nothing">;
def input : Value<"input">, Visibility<[Run, Train, Bench]>, MetaVarName<"NAME=FILE[:TENSOR]">,
  HelpText<"An input: an .npy file, a tensor of a .safetensors file, random:32x784 or zeros:32x784">;
def output : Value<"output">, Visibility<[Run]>, MetaVarName<"[NAME=]FILE">,
  HelpText<"Write an output to an .npy or .safetensors file. Outputs not asked for are described on standard output">;
def threads : Value<"threads">, Visibility<[Run, Train, Bench]>, MetaVarName<"N">,
  HelpText<"Threads to compute with; `kiln bench` takes several numbers, 1,2">;
def repeat : Value<"repeat">, Visibility<[Run]>, MetaVarName<"N">,
  HelpText<"Call N times and print the median time of a call">;
def interpret : Flag_<"interpret">, Visibility<[Run]>,
  HelpText<"Run the reference interpreter instead of compiled code (MODEL.cpp and .mlir only)">;
def interpret_EQ : Value<"interpret">, Visibility<[Run]>, MetaVarName<"f32|f64">,
  HelpText<"The same; f64 computes all floating-point values in double precision">;

//===----------------------------------------------------------------------===//
// kiln train
//===----------------------------------------------------------------------===//

def function : Value<"function">, Visibility<[Train]>, MetaVarName<"NAME">,
  HelpText<"The function that makes a step; its first output is the loss (default: train_step)">;
def epochs : Value<"epochs">, Visibility<[Train]>, MetaVarName<"N">, HelpText<"How often to go through the data, in all">;
def batch_size : Value<"batch-size">, Visibility<[Train]>, MetaVarName<"N">, HelpText<"Samples in a mini-batch">;
def drop_last : Flag_<"drop-last">, Visibility<[Train]>,
  HelpText<"Leave out an epoch's last mini-batch where it is smaller">;
def seed : Value<"seed">, Visibility<[Train]>, MetaVarName<"N">,
  HelpText<"Seed of the order of samples and of dropout (default: 0)">;
def learning_rate : Value<"learning-rate">, Visibility<[Train]>, MetaVarName<"R">,
  HelpText<"Learning rate of all optimizers and groups, instead of the program's">;
def eval : Value<"eval">, Visibility<[Train]>, MetaVarName<"NAME">,
  HelpText<"Call this function after each epoch and tell the accuracy of its scores [N, C], or the mean of its output">;
def eval_input : Value<"eval-input">, Visibility<[Train]>, MetaVarName<"NAME=FILE[:TENSOR]">,
  HelpText<"The data of --eval: its inputs, and labels under the name that they have in training (default: the training data)">;
def checkpoint : Value<"checkpoint">, Visibility<[Train]>, MetaVarName<"FILE.pt">,
  HelpText<"Write a checkpoint after each epoch, which PyTorch reads too">;
def resume : Value<"resume">, Visibility<[Train]>, MetaVarName<"FILE.pt">, HelpText<"Go on from a checkpoint">;
def ignore_fingerprint : Flag_<"ignore-fingerprint">, Visibility<[Train]>,
  HelpText<"Let --resume take a checkpoint of another program whose names and shapes fit, or of optimizers with other options">;
def save : Value<"save">, Visibility<[Train]>, MetaVarName<"FILE">,
  HelpText<"Write the weights at the end, .safetensors or .pt; may be left out with --checkpoint">;
def summary_gradients : Flag_<"summary-gradients">, Visibility<[Train]>,
  HelpText<"After each epoch, mean, standard deviation and norm of the gradients">;

//===----------------------------------------------------------------------===//
// kiln bench
//===----------------------------------------------------------------------===//

def batch : Value<"batch">, Visibility<[Bench]>, MetaVarName<"N,...">, HelpText<"The same as --size=batch=N,...">;
def size : Value<"size">, Visibility<[Bench]>, MetaVarName<"NAME=N,...">,
  HelpText<"Values of a named dimension, each to be measured (default: that of a given input, or else 1)">;
def seconds : Value<"seconds">, Visibility<[Bench]>, MetaVarName<"S">,
  HelpText<"How long to call, for each size and number of threads (default: 1)">;
def kernels : Flag_<"kernels">, Visibility<[Bench]>,
  HelpText<"Measure each kernel too, and how near it comes to what this machine could do">;
def json : Value<"json">, Visibility<[Bench]>, MetaVarName<"OUT">, HelpText<"Write all figures to OUT too">;

//===----------------------------------------------------------------------===//
// Models in C++
//===----------------------------------------------------------------------===//

def program : Value<"program">, ForModels, MetaVarName<"NAME">,
  HelpText<"The program to take, where a file has several (default: the one named as the file)">;
def include_folder : JoinedOrSeparate<["-"], "I">, ForModels, MetaVarName<"FOLDER">,
  HelpText<"Look for the model's headers in FOLDER too">;
def define : JoinedOrSeparate<["-"], "D">, ForModels, MetaVarName<"NAME[=VALUE]">,
  HelpText<"Define a macro for the model's source">;
def cxxflags : Value<"cxxflags">, ForModels, MetaVarName<"FLAGS">,
  HelpText<"Further flags, separated by spaces, for the compiler ($CXX, else c++) of the model's source">;
