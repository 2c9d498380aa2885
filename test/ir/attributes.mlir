// #nn.dim and #nn.shape: canonical forms, and what is refused. Canonical order and spelling are those of kiln::semantics::DimExpr.
//
// RUN: kiln-opt %s --split-input-file --verify-diagnostics | FileCheck %s

// CHECK-LABEL: @canonical
// CHECK-SAME: constant = #nn.dim<784>
// CHECK-SAME: negative = #nn.dim<-3>
// CHECK-SAME: same = [#nn.dim<2 * batch + 1>, #nn.dim<2 * batch + 1>, #nn.dim<2 * batch + 1>]
// CHECK-SAME: zero = #nn.dim<0>
func.func private @canonical() attributes {
  constant = #nn.dim<28 * 28>,
  negative = #nn.dim<-(5 - 2)>,
  same = [#nn.dim<1 + 2 * batch>, #nn.dim<batch * 2 + 1>, #nn.dim<(batch + 1) * 2 - 1>],
  zero = #nn.dim<batch - batch>
}

// CHECK-LABEL: @division
// CHECK-SAME: exact = #nn.dim<2 * batch>
// CHECK-SAME: floor = #nn.dim<-4>
// CHECK-SAME: symbolic = #nn.dim<(batch + 1) floordiv 2>
func.func private @division() attributes {
  exact = #nn.dim<(4 * batch) floordiv 2>,
  floor = #nn.dim<(-7) floordiv 2>, // toward minus infinity
  symbolic = #nn.dim<(batch + 1) floordiv 2>
}

// CHECK-LABEL: @maxima
// CHECK-SAME: known = #nn.dim<7>
// CHECK-SAME: last = #nn.dim<max(batch - 3, 0)>
// CHECK-SAME: least = #nn.dim<batch - max(batch - 5, 0)>
// CHECK-SAME: names = #nn.dim<max + min>
// CHECK-SAME: two = #nn.dim<length + max(batch - length, 0)>
func.func private @maxima() attributes {
  known = #nn.dim<max(7, min(3, batch))>,
  last = #nn.dim<max(batch - 3, 0)>,
  least = #nn.dim<min(5, batch)>,
  names = #nn.dim<max + min>,
  two = #nn.dim<max(length, batch)>
}

// CHECK-LABEL: @shapes
// CHECK-SAME: empty = #nn.shape<>
// CHECK-SAME: two = #nn.shape<batch, 2 * length>
func.func private @shapes() attributes {empty = #nn.shape<>, two = #nn.shape<batch, length + length>}

// CHECK-LABEL: @encoding
// CHECK-SAME: tensor<?x784xf32, #nn.shape<batch, 784>>
// CHECK-SAME: tensor<?xi64, #nn.shape<2 * batch>>
func.func private @encoding(tensor<?x784xf32, #nn.shape<batch, 784>>, tensor<?xi64, #nn.shape<batch * 2>>)

// -----

// expected-error @+1 {{expected a size: a number, a symbol or an expression in them}}
func.func private @nothing() attributes {a = #nn.dim<>}

// -----

// expected-error @+1 {{expected a size: a number, a symbol or an expression in them}}
func.func private @operator() attributes {a = #nn.dim<batch +>}

// -----

// expected-error @+1 {{expected '>'}}
func.func private @two() attributes {a = #nn.dim<batch batch>}

// -----

// expected-error @+1 {{expected ','}}
func.func private @one() attributes {a = #nn.dim<max(batch)>}

// -----

// expected-error @+1 {{floordiv needs a positive divisor, but got 0}}
func.func private @zero() attributes {a = #nn.dim<batch floordiv 0>}

// -----

// expected-error @+1 {{'batch$x' is no name for a dimension: it must be a letter or underscore, then letters, digits and underscores, and not the word floordiv}}
func.func private @name() attributes {a = #nn.dim<batch$x>}

// -----

// expected-error @+1 {{size expression overflow: the value does not fit 64 bits}}
func.func private @overflow() attributes {a = #nn.dim<9223372036854775807 * 2>}

// -----

// expected-error @+1 {{integer value too large}}
func.func private @literal() attributes {a = #nn.dim<9223372036854775808>}

// -----

// expected-error @+1 {{shape_c1: the encoding #nn.shape<batch> has 1 sizes, the tensor has 2 dimensions}}
func.func private @rank(tensor<?x2xf32, #nn.shape<batch>>)

// -----

// expected-error @+1 {{shape_c2: dimension 1 is 2, its size in the encoding is 3}}
func.func private @constant(tensor<?x2xf32, #nn.shape<batch, 3>>)

// -----

// expected-error @+1 {{shape_c2: dimension 0 is 2, its size in the encoding is batch}}
func.func private @static(tensor<2xf32, #nn.shape<batch>>)

// -----

// expected-error @+1 {{shape_c2: dimension 0 is ?, its size in the encoding is 2}}
func.func private @dynamic(tensor<?xf32, #nn.shape<2>>)

// -----

// expected-error @+1 {{shape_c3: a tensor of constant sizes has no #nn.shape encoding}}
func.func private @needless(tensor<2xf32, #nn.shape<2>>)

// -----

// Thirty-three levels.
// expected-error @+1 {{dim_c1: size expression is too large: at most 256 tokens, 32 levels of nesting and 4096 terms}}
func.func private @deep() attributes {a = #nn.dim<(((((((((((((((((((((((((((((((((a)))))))))))))))))))))))))))))))))>}

// -----

// expected-error @+1 {{dim_c1: size expression is too large: at most 256 tokens, 32 levels of nesting and 4096 terms}}
func.func private @minus() attributes {a = #nn.dim<- - - - - - - - - - - - - - - - - - - - - - - - - - - - - - - - - - a>}

// -----

// Small text, large polynomial: (a + b + c + d + e + f + g + h) to the power of eight has 6435 terms.
// expected-error @+1 {{dim_c1: size expression is too large: at most 256 tokens, 32 levels of nesting and 4096 terms}}
func.func private @power() attributes {a = #nn.dim<(a+b+c+d+e+f+g+h)*(a+b+c+d+e+f+g+h)*(a+b+c+d+e+f+g+h)*(a+b+c+d+e+f+g+h)*(a+b+c+d+e+f+g+h)*(a+b+c+d+e+f+g+h)*(a+b+c+d+e+f+g+h)*(a+b+c+d+e+f+g+h)>}
