// Each constraint of the operations, broken once. Inference's own messages are PyTorch's; the label says which constraint of which op.
//
// RUN: kiln-opt %s --split-input-file --verify-diagnostics

//===----------------------------------------------------------------------===//
// Elementwise
//===----------------------------------------------------------------------===//

func.func @relu_c1(%x: tensor<2xi1>) {
  // expected-error @+1 {{'nn.relu' op relu_c1: Boolean inputs not supported for relu}}
  %0 = nn.relu %x : tensor<2xi1>
  return
}

// -----

func.func @relu_c2(%f: tensor<2xf32>) {
  // expected-error @+1 {{'nn.relu' op relu_c2: expected type 'tensor<2xf32>', found 'tensor<3xf32>'}}
  %0 = nn.relu %f : (tensor<2xf32>) -> tensor<3xf32>
  return
}

// -----

func.func @sigmoid_c2(%i: tensor<2xi64>) {
  // expected-error @+1 {{'nn.sigmoid' op sigmoid_c2: expected type 'tensor<2xf32>', found 'tensor<2xi64>'}}
  %0 = nn.sigmoid %i : tensor<2xi64>
  return
}

// -----

func.func @tanh_c2(%i: tensor<2xi64>) {
  // expected-error @+1 {{'nn.tanh' op tanh_c2: expected type 'tensor<2xf32>', found 'tensor<2xi64>'}}
  %0 = nn.tanh %i : tensor<2xi64>
  return
}

// -----

func.func @exp_c2(%i: tensor<2xi64>) {
  // expected-error @+1 {{'nn.exp' op exp_c2: expected type 'tensor<2xf32>', found 'tensor<2xi64>'}}
  %0 = nn.exp %i : tensor<2xi64>
  return
}

// -----

func.func @log_c2(%i: tensor<2xi64>) {
  // expected-error @+1 {{'nn.log' op log_c2: expected type 'tensor<2xf32>', found 'tensor<2xi64>'}}
  %0 = nn.log %i : tensor<2xi64>
  return
}

// -----

func.func @sqrt_c2(%i: tensor<2xi64>) {
  // expected-error @+1 {{'nn.sqrt' op sqrt_c2: expected type 'tensor<2xf32>', found 'tensor<2xi64>'}}
  %0 = nn.sqrt %i : tensor<2xi64>
  return
}

// -----

func.func @rsqrt_c2(%i: tensor<2xi64>) {
  // expected-error @+1 {{'nn.rsqrt' op rsqrt_c2: expected type 'tensor<2xf32>', found 'tensor<2xi64>'}}
  %0 = nn.rsqrt %i : tensor<2xi64>
  return
}

// -----

func.func @neg_c1(%x: tensor<2xi1>) {
  // expected-error @+1 {{'nn.neg' op neg_c1: Negation, the `-` operator, on a bool tensor is not supported. If you are trying to invert a mask, use the `~` or `logical_not()` operator instead.}}
  %0 = nn.neg %x : tensor<2xi1>
  return
}

// -----

func.func @neg_c2(%f: tensor<2xf32>) {
  // expected-error @+1 {{'nn.neg' op neg_c2: expected type 'tensor<2xf32>', found 'tensor<3xf32>'}}
  %0 = nn.neg %f : (tensor<2xf32>) -> tensor<3xf32>
  return
}

// -----

func.func @abs_c1(%x: tensor<2xi1>) {
  // expected-error @+1 {{'nn.abs' op abs_c1: "abs_cpu" not implemented for 'Bool'}}
  %0 = nn.abs %x : tensor<2xi1>
  return
}

// -----

func.func @abs_c2(%f: tensor<2xf32>) {
  // expected-error @+1 {{'nn.abs' op abs_c2: expected type 'tensor<2xf32>', found 'tensor<3xf32>'}}
  %0 = nn.abs %f : (tensor<2xf32>) -> tensor<3xf32>
  return
}

// -----

func.func @add_c1(%f: tensor<2xf32>, %g: tensor<3xf32>) {
  // expected-error @+1 {{'nn.add' op add_c1: The size of tensor a (2) must match the size of tensor b (3) at non-singleton dimension 0}}
  %0 = nn.add %f, %g : (tensor<2xf32>, tensor<3xf32>) -> tensor<2xf32>
  return
}

// -----

func.func @add_c2(%g: tensor<3xf32>, %m: tensor<2x3xf32>) {
  // expected-error @+1 {{'nn.add' op add_c2: expected type 'tensor<2x3xf32>', found 'tensor<3xf32>'}}
  %0 = nn.add %m, %g : (tensor<2x3xf32>, tensor<3xf32>) -> tensor<3xf32>
  return
}

// -----

func.func @sub_c1(%x: tensor<2xi1>) {
  // expected-error @+1 {{'nn.sub' op sub_c1: Subtraction, the `-` operator, with two bool tensors is not supported. Use the `^` or `logical_xor()` operator instead.}}
  %0 = nn.sub %x, %x : tensor<2xi1>
  return
}

// -----

func.func @sub_c2(%g: tensor<3xf32>, %m: tensor<2x3xf32>) {
  // expected-error @+1 {{'nn.sub' op sub_c2: expected type 'tensor<2x3xf32>', found 'tensor<3xf32>'}}
  %0 = nn.sub %m, %g : (tensor<2x3xf32>, tensor<3xf32>) -> tensor<3xf32>
  return
}

// -----

func.func @mul_c1(%x: tensor<2xi1>, %i: tensor<2xi64>) {
  // expected-error @+1 {{'nn.mul' op mul_c1: nn.mul needs operands of one dtype, but got Long and Bool}}
  %0 = nn.mul %i, %x : (tensor<2xi64>, tensor<2xi1>) -> tensor<2xi64>
  return
}

// -----

func.func @mul_c2(%g: tensor<3xf32>, %m: tensor<2x3xf32>) {
  // expected-error @+1 {{'nn.mul' op mul_c2: expected type 'tensor<2x3xf32>', found 'tensor<3xf32>'}}
  %0 = nn.mul %m, %g : (tensor<2x3xf32>, tensor<3xf32>) -> tensor<3xf32>
  return
}

// -----

func.func @div_c1(%i: tensor<2xi64>) {
  // expected-error @+1 {{'nn.div' op div_c1: nn.div divides floating-point numbers, but got Long}}
  %0 = nn.div %i, %i : tensor<2xi64>
  return
}

// -----

func.func @div_c2(%g: tensor<3xf32>, %m: tensor<2x3xf32>) {
  // expected-error @+1 {{'nn.div' op div_c2: expected type 'tensor<2x3xf32>', found 'tensor<3xf32>'}}
  %0 = nn.div %m, %g : (tensor<2x3xf32>, tensor<3xf32>) -> tensor<3xf32>
  return
}

// -----

func.func @maximum_c1(%f: tensor<2xf32>, %g: tensor<3xf32>) {
  // expected-error @+1 {{'nn.maximum' op maximum_c1: The size of tensor a (2) must match the size of tensor b (3) at non-singleton dimension 0}}
  %0 = nn.maximum %f, %g : (tensor<2xf32>, tensor<3xf32>) -> tensor<2xf32>
  return
}

// -----

func.func @maximum_c2(%g: tensor<3xf32>, %m: tensor<2x3xf32>) {
  // expected-error @+1 {{'nn.maximum' op maximum_c2: expected type 'tensor<2x3xf32>', found 'tensor<3xf32>'}}
  %0 = nn.maximum %m, %g : (tensor<2x3xf32>, tensor<3xf32>) -> tensor<3xf32>
  return
}

// -----

func.func @minimum_c1(%f: tensor<2xf32>, %g: tensor<3xf32>) {
  // expected-error @+1 {{'nn.minimum' op minimum_c1: The size of tensor a (2) must match the size of tensor b (3) at non-singleton dimension 0}}
  %0 = nn.minimum %f, %g : (tensor<2xf32>, tensor<3xf32>) -> tensor<2xf32>
  return
}

// -----

func.func @minimum_c2(%g: tensor<3xf32>, %m: tensor<2x3xf32>) {
  // expected-error @+1 {{'nn.minimum' op minimum_c2: expected type 'tensor<2x3xf32>', found 'tensor<3xf32>'}}
  %0 = nn.minimum %m, %g : (tensor<2x3xf32>, tensor<3xf32>) -> tensor<3xf32>
  return
}

// -----

func.func @cast_c1(%f: tensor<2xf32>) {
  // expected-error @+1 {{'nn.cast' op cast_c1: attribute 'dtype': no operation of the nn dialect takes the attribute value i3}}
  %0 = nn.cast %f to i3 : (tensor<2xf32>) -> tensor<2xf32>
  return
}

// -----

func.func @cast_c2(%f: tensor<2xf32>) {
  // expected-error @+1 {{'nn.cast' op cast_c2: expected type 'tensor<2xf64>', found 'tensor<2xf32>'}}
  %0 = nn.cast %f to f64 : (tensor<2xf32>) -> tensor<2xf32>
  return
}

// -----

func.func @dropout_c1(%f: tensor<2xf32>) {
  // expected-error @+1 {{'nn.dropout' op dropout_c1: dropout probability has to be between 0 and 1, but got 2.0}}
  %0 = nn.dropout %f p = 2.0 training = true site = 1 : (tensor<2xf32>) -> tensor<2xf32>
  return
}

// -----

func.func @dropout_c1(%i: tensor<2xi64>) {
  // expected-error @+1 {{'nn.dropout' op dropout_c1: result type Float can't be cast to the desired output type Long}}
  %0 = nn.dropout %i p = 0.5 training = true site = 1 : (tensor<2xi64>) -> tensor<2xi64>
  return
}

// -----

func.func @dropout_c2(%f: tensor<2xf32>) {
  // expected-error @+1 {{'nn.dropout' op dropout_c2: expected type 'tensor<2xf32>', found 'tensor<3xf32>'}}
  %0 = nn.dropout %f p = 0.5 training = false site = 1 : (tensor<2xf32>) -> tensor<3xf32>
  return
}

// -----

func.func @channel_affine_c1(%f: tensor<2xf32>) {
  // expected-error @+1 {{'nn.channel_affine' op channel_affine_c1: nn.channel_affine needs an input of at least two dimensions [N, C, ...], but got [2]}}
  %0 = nn.channel_affine %f, %f, %f : (tensor<2xf32>, tensor<2xf32>, tensor<2xf32>) -> tensor<2xf32>
  return
}

// -----

func.func @channel_affine_c1(%f: tensor<2xf32>, %m: tensor<2x3xf32>) {
  // expected-error @+1 {{'nn.channel_affine' op channel_affine_c1: nn.channel_affine needs scale of type float32[3], but got float32[2]}}
  %0 = nn.channel_affine %m, %f, %f : (tensor<2x3xf32>, tensor<2xf32>, tensor<2xf32>) -> tensor<2x3xf32>
  return
}

// -----

func.func @channel_affine_c2(%g: tensor<3xf32>, %m: tensor<2x3xf32>) {
  // expected-error @+1 {{'nn.channel_affine' op channel_affine_c2: expected type 'tensor<2x3xf32>', found 'tensor<3x2xf32>'}}
  %0 = nn.channel_affine %m, %g, %g : (tensor<2x3xf32>, tensor<3xf32>, tensor<3xf32>) -> tensor<3x2xf32>
  return
}

// -----

//===----------------------------------------------------------------------===//
// Layers
//===----------------------------------------------------------------------===//

func.func @linear_c1(%m: tensor<2x3xf32>, %n: tensor<4x5xf32>) {
  // expected-error @+1 {{'nn.linear' op linear_c1: mm: mat1 and mat2 shapes cannot be multiplied (2x3 and 5x4)}}
  %0 = nn.linear %m, %n : (tensor<2x3xf32>, tensor<4x5xf32>) -> tensor<2x4xf32>
  return
}

// -----

func.func @linear_c1(%g: tensor<3xf32>, %m: tensor<2x3xf32>) {
  // expected-error @+1 {{'nn.linear' op linear_c1: The expanded size of the tensor (2) must match the existing size (3) at non-singleton dimension 1.  Target sizes: [2, 2].  Tensor sizes: [3]}}
  %0 = nn.linear %m, %m, %g : (tensor<2x3xf32>, tensor<2x3xf32>, tensor<3xf32>) -> tensor<2x2xf32>
  return
}

// -----

func.func @linear_c2(%m: tensor<2x3xf32>) {
  // expected-error @+1 {{'nn.linear' op linear_c2: expected type 'tensor<2x2xf32>', found 'tensor<2x3xf32>'}}
  %0 = nn.linear %m, %m : (tensor<2x3xf32>, tensor<2x3xf32>) -> tensor<2x3xf32>
  return
}

// -----

func.func @matmul_c1(%m: tensor<2x3xf32>, %n: tensor<4x5xf32>) {
  // expected-error @+1 {{'nn.matmul' op matmul_c1: mm: mat1 and mat2 shapes cannot be multiplied (2x3 and 4x5)}}
  %0 = nn.matmul %m, %n : (tensor<2x3xf32>, tensor<4x5xf32>) -> tensor<2x5xf32>
  return
}

// -----

func.func @matmul_c2(%g: tensor<3xf32>, %m: tensor<2x3xf32>) {
  // expected-error @+1 {{'nn.matmul' op matmul_c2: expected type 'tensor<2xf32>', found 'tensor<3xf32>'}}
  %0 = nn.matmul %m, %g : (tensor<2x3xf32>, tensor<3xf32>) -> tensor<3xf32>
  return
}

// -----

func.func @batch_norm_c1(%f: tensor<2xf32>) {
  // expected-error @+1 {{'nn.batch_norm' op batch_norm_c1: nn.batch_norm needs an input of at least two dimensions [N, C, ...], but got [2]}}
  %0 = nn.batch_norm %f training = true momentum = 0.1 eps = 0.1 : (tensor<2xf32>) -> tensor<2xf32>
  return
}

// -----

func.func @batch_norm_c1(%m: tensor<2x3xf32>) {
  // expected-error @+1 {{'nn.batch_norm' op batch_norm_c1: running_mean must be defined in evaluation mode}}
  %0 = nn.batch_norm %m training = false momentum = 0.1 eps = 0.1 : (tensor<2x3xf32>) -> tensor<2x3xf32>
  return
}

// -----

func.func @batch_norm_c1(%f: tensor<2xf32>, %m: tensor<2x3xf32>) {
  // expected-error @+1 {{'nn.batch_norm' op batch_norm_c1: weight should contain 3 elements not 2}}
  %0 = nn.batch_norm %m weight %f training = true momentum = 0.1 eps = 0.1 : (tensor<2x3xf32>, tensor<2xf32>) -> tensor<2x3xf32>
  return
}

// -----

func.func @batch_norm_c1(%g: tensor<3xf32>, %m: tensor<2x3xf32>) {
  // expected-error @+1 {{'nn.batch_norm' op batch_norm_c1: running_mean and running_var must either both be None or neither be None}}
  %0 = nn.batch_norm %m running_mean %g training = true momentum = 0.1 eps = 0.1 : (tensor<2x3xf32>, tensor<3xf32>) -> tensor<2x3xf32>
  return
}

// -----

func.func @batch_norm_c2(%g: tensor<3xf32>, %m: tensor<2x3xf32>) {
  // expected-error @+1 {{'nn.batch_norm' op batch_norm_c2: expected 5 results, found 1}}
  %0 = nn.batch_norm %m running_mean %g running_var %g training = true momentum = 0.1 eps = 0.1
      : (tensor<2x3xf32>, tensor<3xf32>, tensor<3xf32>) -> tensor<2x3xf32>
  return
}

// -----

func.func @embedding_c1(%f: tensor<2xf32>, %m: tensor<2x3xf32>) {
  // expected-error @+1 {{'nn.embedding' op embedding_c1: Expected tensor for argument #1 'indices' to have one of the following scalar types: Long, Int; but got torch.FloatTensor instead (while checking arguments for embedding)}}
  %0 = nn.embedding %f, %m : (tensor<2xf32>, tensor<2x3xf32>) -> tensor<2x3xf32>
  return
}

// -----

func.func @embedding_c1(%i: tensor<2xi64>, %m: tensor<2x3xf32>) {
  // expected-error @+1 {{'nn.embedding' op embedding_c1: Padding_idx must be within num_embeddings}}
  %0 = nn.embedding %i, %m padding_idx = 2 : (tensor<2xi64>, tensor<2x3xf32>) -> tensor<2x3xf32>
  return
}

// -----

func.func @embedding_c2(%i: tensor<2xi64>, %m: tensor<2x3xf32>) {
  // expected-error @+1 {{'nn.embedding' op embedding_c2: expected type 'tensor<2x3xf32>', found 'tensor<2xf32>'}}
  %0 = nn.embedding %i, %m : (tensor<2xi64>, tensor<2x3xf32>) -> tensor<2xf32>
  return
}

// -----

func.func @pack_panels_c1(%f: tensor<2xf32>) {
  // expected-error @+1 {{'nn.pack_panels' op pack_panels_c1: nn.pack_panels needs a weight of two or more dimensions [..., out_features, in_features], but got [2]}}
  %0 = nn.pack_panels %f panel = 4 : (tensor<2xf32>) -> tensor<2xf32>
  return
}

// -----

func.func @pack_panels_c1(%m: tensor<2x3xf32>) {
  // expected-error @+1 {{'nn.pack_panels' op pack_panels_c1: nn.pack_panels needs a positive panel, but got 0}}
  %0 = nn.pack_panels %m panel = 0 : (tensor<2x3xf32>) -> tensor<1x3x4xf32>
  return
}

// -----

func.func @pack_panels_c2(%m: tensor<2x3xf32>) {
  // expected-error @+1 {{'nn.pack_panels' op pack_panels_c2: expected type 'tensor<1x3x4xf32>', found 'tensor<1x3x2xf32>'}}
  %0 = nn.pack_panels %m panel = 4 : (tensor<2x3xf32>) -> tensor<1x3x2xf32>
  return
}

// -----

func.func @packed_linear_c1(%m: tensor<2x3xf32>, %p: tensor<1x3x2xf32>) {
  // expected-error @+1 {{'nn.packed_linear' op packed_linear_c1: nn.packed_linear with 3 out_features needs packed weights of shape [ceil(out_features / panel), in_features, panel], but got [1, 3, 2]}}
  %0 = nn.packed_linear %m, %p out_features = 3 : (tensor<2x3xf32>, tensor<1x3x2xf32>) -> tensor<2x3xf32>
  return
}

// -----

func.func @packed_linear_c2(%m: tensor<2x3xf32>, %p: tensor<1x3x2xf32>) {
  // expected-error @+1 {{'nn.packed_linear' op packed_linear_c2: expected type 'tensor<2x2xf32>', found 'tensor<2x3xf32>'}}
  %0 = nn.packed_linear %m, %p out_features = 2 : (tensor<2x3xf32>, tensor<1x3x2xf32>) -> tensor<2x3xf32>
  return
}

// -----

//===----------------------------------------------------------------------===//
// Shapes and reductions
//===----------------------------------------------------------------------===//

func.func @reshape_c1(%m: tensor<2x3xf32>) {
  // expected-error @+1 {{'nn.reshape' op reshape_c1: shape '[4]' is invalid for input of size 6}}
  %0 = nn.reshape %m to [4] : (tensor<2x3xf32>) -> tensor<4xf32>
  return
}

// -----

func.func @reshape_c1(%m: tensor<2x3xf32>) {
  // expected-error @+1 {{'nn.reshape' op reshape_c1: invalid shape dimension -1 at index 0 of shape [-1]}}
  %0 = nn.reshape %m to [-1] : (tensor<2x3xf32>) -> tensor<6xf32>
  return
}

// -----

func.func @reshape_c2(%m: tensor<2x3xf32>) {
  // expected-error @+1 {{'nn.reshape' op reshape_c2: expected type 'tensor<6xf32>', found 'tensor<3x2xf32>'}}
  %0 = nn.reshape %m to [6] : (tensor<2x3xf32>) -> tensor<3x2xf32>
  return
}

// -----

func.func @permute_c1(%m: tensor<2x3xf32>) {
  // expected-error @+1 {{'nn.permute' op permute_c1: permute(): duplicate dims are not allowed.}}
  %0 = nn.permute %m dims = [0, 0] : (tensor<2x3xf32>) -> tensor<2x2xf32>
  return
}

// -----

func.func @permute_c2(%m: tensor<2x3xf32>) {
  // expected-error @+1 {{'nn.permute' op permute_c2: expected type 'tensor<3x2xf32>', found 'tensor<2x3xf32>'}}
  %0 = nn.permute %m dims = [1, 0] : (tensor<2x3xf32>) -> tensor<2x3xf32>
  return
}

// -----

func.func @expand_c1(%m: tensor<2x3xf32>) {
  // expected-error @+1 {{'nn.expand' op expand_c1: The expanded size of the tensor (3) must match the existing size (2) at non-singleton dimension 0.  Target sizes: [3, 3].  Tensor sizes: [2, 3]}}
  %0 = nn.expand %m to [3, 3] : (tensor<2x3xf32>) -> tensor<3x3xf32>
  return
}

// -----

func.func @expand_c2(%m: tensor<2x3xf32>) {
  // expected-error @+1 {{'nn.expand' op expand_c2: expected type 'tensor<4x2x3xf32>', found 'tensor<2x3xf32>'}}
  %0 = nn.expand %m to [4, 2, 3] : (tensor<2x3xf32>) -> tensor<2x3xf32>
  return
}

// -----

func.func @slice_c1(%m: tensor<2x3xf32>) {
  // expected-error @+1 {{'nn.slice' op slice_c1: Dimension out of range (expected to be in range of [-2, 1], but got 2)}}
  %0 = nn.slice %m dim = 2 [0 : 1 : 1] : (tensor<2x3xf32>) -> tensor<2x3xf32>
  return
}

// -----

func.func @slice_c1(%m: tensor<2x3xf32>) {
  // expected-error @+1 {{'nn.slice' op slice_c1: slice needs 0 <= start <= end <= size, but got start 0, end 4 and size 3}}
  %0 = nn.slice %m dim = 1 [0 : 4 : 1] : (tensor<2x3xf32>) -> tensor<2x4xf32>
  return
}

// -----

func.func @slice_c1(%m: tensor<2x3xf32>) {
  // expected-error @+1 {{'nn.slice' op slice_c1: slice step must be positive}}
  %0 = nn.slice %m dim = 1 [0 : 3 : 0] : (tensor<2x3xf32>) -> tensor<2x3xf32>
  return
}

// -----

func.func @slice_c2(%m: tensor<2x3xf32>) {
  // expected-error @+1 {{'nn.slice' op slice_c2: expected type 'tensor<2x2xf32>', found 'tensor<2x1xf32>'}}
  %0 = nn.slice %m dim = 1 [0 : 3 : 2] : (tensor<2x3xf32>) -> tensor<2x1xf32>
  return
}

// -----

func.func @slice_scatter_c1(%f: tensor<2xf32>, %m: tensor<2x3xf32>) {
  // expected-error @+1 {{'nn.slice_scatter' op slice_scatter_c1: expected src to have a size equal to the slice of self. src size = [2], slice size = [2, 1]}}
  %0 = nn.slice_scatter %m, %f dim = 1 [0 : 1 : 1] : (tensor<2x3xf32>, tensor<2xf32>) -> tensor<2x3xf32>
  return
}

// -----

func.func @slice_scatter_c2(%m: tensor<2x3xf32>) {
  // expected-error @+1 {{'nn.slice_scatter' op slice_scatter_c2: expected type 'tensor<2x3xf32>', found 'tensor<2xf32>'}}
  %0 = nn.slice_scatter %m, %m dim = 1 [0 : 3 : 1] : (tensor<2x3xf32>, tensor<2x3xf32>) -> tensor<2xf32>
  return
}

// -----

func.func @cat_c1() {
  // expected-error @+1 {{'nn.cat' op cat_c1: torch.cat(): expected a non-empty list of Tensors}}
  %0 = nn.cat dim = 0 : () -> tensor<2xf32>
  return
}

// -----

func.func @cat_c1(%f: tensor<2xf32>, %m: tensor<2x3xf32>) {
  // expected-error @+1 {{'nn.cat' op cat_c1: Tensors must have same number of dimensions: got 2 and 1}}
  %0 = nn.cat %m, %f dim = 0 : (tensor<2x3xf32>, tensor<2xf32>) -> tensor<2xf32>
  return
}

// -----

func.func @cat_c2(%f: tensor<2xf32>, %g: tensor<3xf32>) {
  // expected-error @+1 {{'nn.cat' op cat_c2: expected type 'tensor<5xf32>', found 'tensor<2xf32>'}}
  %0 = nn.cat %f, %g dim = 0 : (tensor<2xf32>, tensor<3xf32>) -> tensor<2xf32>
  return
}

// -----

func.func @full_c1() {
  // expected-error @+1 {{'nn.full' op full_c1: Trying to create tensor with negative dimension -1: [-1]}}
  %0 = nn.full 1.0 shape = [-1] dtype = f32 : tensor<2xf32>
  return
}

// -----

func.func @full_c1() {
  // expected-error @+1 {{'nn.full' op full_c1: value cannot be converted to type int8_t without overflow}}
  %0 = nn.full 300 shape = [] dtype = i8 : tensor<i8>
  return
}

// -----

func.func @full_c2() {
  // expected-error @+1 {{'nn.full' op full_c2: expected type 'tensor<3xf32>', found 'tensor<2xf32>'}}
  %0 = nn.full 1.0 shape = [3] dtype = f32 : tensor<2xf32>
  return
}

// -----

func.func @sum_c1(%m: tensor<2x3xf32>) {
  // expected-error @+1 {{'nn.sum' op sum_c1: Dimension out of range (expected to be in range of [-2, 1], but got 2)}}
  %0 = nn.sum %m dims = [2] keepdim = false : (tensor<2x3xf32>) -> tensor<2x3xf32>
  return
}

// -----

func.func @sum_c1(%m: tensor<2x3xf32>) {
  // expected-error @+1 {{'nn.sum' op sum_c1: dim 0 appears multiple times in the list of dims}}
  %0 = nn.sum %m dims = [0, 0] keepdim = false : (tensor<2x3xf32>) -> tensor<3xf32>
  return
}

// -----

func.func @sum_c2(%x: tensor<2xi1>) {
  // expected-error @+1 {{'nn.sum' op sum_c2: expected type 'tensor<i64>', found 'tensor<i1>'}}
  %0 = nn.sum %x dims = [0] keepdim = false : (tensor<2xi1>) -> tensor<i1>
  return
}

// -----

func.func @mean_c1(%i: tensor<2xi64>) {
  // expected-error @+1 {{'nn.mean' op mean_c1: mean(): could not infer output dtype. Input dtype must be either a floating point or complex dtype. Got: Long}}
  %0 = nn.mean %i dims = [0] keepdim = false : (tensor<2xi64>) -> tensor<i64>
  return
}

// -----

func.func @mean_c2(%f: tensor<2xf32>) {
  // expected-error @+1 {{'nn.mean' op mean_c2: expected type 'tensor<1xf32>', found 'tensor<f32>'}}
  %0 = nn.mean %f dims = [0] keepdim = true : (tensor<2xf32>) -> tensor<f32>
  return
}
