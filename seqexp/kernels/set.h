/* One set of kernels: of the number type R and the CPU that kernels.c has named. */

#define NAME(name) JOIN(name, SET)
#define VL (BYTES * 8 / FLOATS)
#if FLOATS == 32
#define R float
#define I int32_t
#define MANTISSA 23
#define ROUNDER 12583039.0f /* 1.5 * 2^23 + 127 */
#define RANGE 42.0f         /* of an exponent: beyond, tanh and sigmoid are 1 or 0 to the last bit but one */
#define LARGEST 126.0f      /* exponent of a normal number */
#define FLOOR 1e-20f        /* as in numerics/functions.py */
#define SERIES NAME(series)
#define ROOT __builtin_sqrtf
static const float SERIES[] = {0.000154531629451206911f, 0.00133908633646712344f, 0.00961808255727785236f,
                               0.0555035711421907815f,   0.240226507605681261f,   0.693147188026228767f};
#else
#define R double
#define I int64_t
#define MANTISSA 52
#define ROUNDER 6755399441056767.0 /* 1.5 * 2^52 + 1023 */
#define RANGE 320.0
#define LARGEST 1022.0
#define FLOOR 1e-290
#define SERIES NAME(series)
#define ROOT __builtin_sqrt
static const double SERIES[] = {2.57293241773623047e-11, 4.45581790833606449e-10, 7.05489730415549946e-09,
                                1.01780570877339407e-07, 1.32154868087055627e-06, 1.52527338415567733e-05,
                                0.000154035303933707342, 0.00133335581464064708,  0.00961812910762848035,
                                0.0555041086648216248,   0.240226506959100722,    0.693147180559945286};
#endif

#include "vectors.h"
#include "product.h"
#include "gradient.h"
#include "lstm.h"
#include "gru.h"
#include "rnn.h"
#include "rows.h"

#undef NAME
#undef R
#undef I
#undef V
#undef VI
#undef VL
#undef MANTISSA
#undef ROUNDER
#undef RANGE
#undef LARGEST
#undef FLOOR
#undef SERIES
#undef ROOT
#undef PAD
#undef LOAD
#undef STORE
#undef EVERY
#undef TANH
#undef SIGMOID
#undef LOG2_E
#undef OF_WIDTH
#undef OF_VECTORS
