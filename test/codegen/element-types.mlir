// RUN: kiln build %s --emit=asm -o %t.s
// RUN: FileCheck %s --check-prefix=RELU < %t.s
// RUN: FileCheck %s --check-prefix=HALF < %t.s
// RUN: not grep -E 'call.*@PLT|__trunc|__extend' %t.s

// ReLU is one instruction, in which zero is the operand that yields to NaN and to -0.0. Conversions of f16 are instructions where the
// processor has them, in whole vectors, and nothing is called where it has not.

!f = tensor<?xf32, #nn.shape<n>>
!h = tensor<?xf16, #nn.shape<n>>
module attributes {nn.program = "elements"} {
  func.func @relu(%x: !f) -> !f attributes {nn.entry} {
    %0 = nn.relu %x : !f
    return %0 : !f
  }
  func.func @add(%x: !h, %y: !h) -> !h attributes {nn.entry} {
    %0 = nn.add %x, %y : !h
    return %0 : !h
  }
}

// RELU-LABEL: f32_relu_n.v3:
// RELU:         vmaxps {{.*}}%ymm
// RELU-NOT:     vblendv
// RELU-LABEL: .size f32_relu_n.v3,
// RELU-LABEL: f32_relu_n.v4:
// RELU:         vmaxps {{.*}}%zmm
// RELU-LABEL: .size f32_relu_n.v4,

// HALF-LABEL: f16_add_n.v2:
// HALF-NOT:     cvtph2ps
// HALF-LABEL: .size f16_add_n.v2,
// HALF-LABEL: f16_add_n.v3:
// HALF:         vcvtph2ps {{.*}}%ymm
// HALF:         vaddps {{.*}}%ymm
// HALF:         vcvtps2ph {{.*}}%ymm
// HALF-LABEL: .size f16_add_n.v3,
// HALF-LABEL: f16_add_n.v4:
// HALF:         vcvtph2ps {{.*}}%zmm
// HALF:         vaddps {{.*}}%zmm
// HALF:         vcvtps2ph {{.*}}%zmm
