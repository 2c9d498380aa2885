// KILN_API marks what a program outside the libraries may call: everything else is hidden.
#pragma once

#define KILN_API __attribute__((visibility("default")))
